"""What a report says in words of gradient terms and of trainings."""

from collections import defaultdict
from collections.abc import Sequence

from ..plan.labels import plain
from ..records.run import Run
from ..units import ratio_text
from ..verdicts.judge import ALPHA
from ..verdicts.over_seeds import paired_by_seed
from ..verdicts.stats import CONFIDENCE, Difference, holm
from .columns import estimate_text
from .prose import Quote, plural, some
from .rows import Row, cuts_text, estimate


def term_conclusions(table: Sequence[Row], quote: Quote) -> list[str]:
    """Whose terms are used most and least, and where the flow between two parts is cut off."""
    traced = [row for row in table if row.record.gradient_terms]
    if not traced:
        return []
    ordered = sorted(traced, key=_reuse)
    least, most = ordered[0], ordered[-1]
    updates = "1 update" if _reuse(most) == 1 else f"{ratio_text(_reuse(most))} updates"
    text = f"A gradient term takes part in {updates} in {quote(most.name)}"
    if _reuse(least) < _reuse(most):
        text += f", the most of {plural(len(traced), 'entry')}, and in "
        text += f"{ratio_text(_reuse(least))} in {quote(least.name)}, the fewest"
    flows: dict[str, list[str]] = defaultdict(list)
    for row in traced:
        flows[_flow(row)].append(quote(row.name))
    found = "; ".join(f"{flow}: {some(names)}" for flow, names in flows.items())
    return [f"{text}. Flow of gradients between the parts of a cut: {found}."]


def trained_conclusions(run: Run, table: Sequence[Row], quote: Quote) -> list[str]:
    """How alike the gradients of two parts are, and whose are less alike than the reference's."""
    wanted = run.info.settings.training
    trained = [row for row in table if row.record.trainings]
    if not trained or wanted is None:
        return ["No block was trained."]
    after = f"After {plural(wanted.steps, 'step')}"
    reference = next((row for row in trained if row.is_reference), None)
    if reference is None or len(trained) < 2:
        each = [f"{quote(row.name)} {_similarity(row)}" for row in trained]
        return [f"{after}, similarity of the two parts' gradients (linear CKA): {some(each)}."]
    name = quote(reference.name)
    similarity = f"similarity of the two parts' gradients (linear CKA) in {name}"
    against = _told(trained, reference, -1, quote)
    return [
        f"{after}, {similarity}: {_similarity(reference)}. Against it, {against}",
        f"Before any step, against {name}, {_told(trained, reference, 0, quote)}",
        _rule(reference),
    ]


def part_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Which two parts were compared, and how many channels each has; an item a way to part."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in table:
        for training in row.record.trainings[:1]:
            cut, (one, other) = quote(plain(training.cut)), training.parts
            how = f"of {cut} as the block cuts it" if training.own else f"halves of {cut}, uncut"
            found[f"parts compared, {how}"].append(f"{quote(row.name)} ({one} + {other} channels)")
    return [f"{parts}: {some(names)}" for parts, names in found.items()]


def term_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Operators through which channels could not be followed."""
    return [
        f"{quote(row.name)}: {quote(plain(one.operator))} in {quote(plain(one.module) or '.')} "
        f"cannot be followed ({plural(one.calls, 'call')}): what it returns counts as a new source"
        for row in table
        if row.record.gradient_terms
        for one in row.record.gradient_terms.structure.unfollowed
    ]


def _told(trained: Sequence[Row], reference: Row, place: int, quote: Quote) -> str:
    """Who differs from the reference, all of them judged together."""
    differences: list[tuple[Row, Difference]] = []
    for row in trained:
        if row is reference:
            continue
        found = paired_by_seed(
            row.record.trainings, reference.record.trainings, lambda one: one.parts_cka, place
        )
        if found is not None:
            differences.append((row, found))
    answers: dict[str, list[str]] = {"lower": [], "higher": [], "not told apart": []}
    p_values = holm([found.p for _, found in differences])
    for (row, found), p in zip(differences, p_values, strict=True):
        margin = found.margin(CONFIDENCE)
        by = f"{found.log_ratio:+z.3f}" + ("" if margin is None else f" ± {margin:.3f}")
        side = "lower" if found.log_ratio < 0 else "higher"
        answers[side if p < ALPHA else "not told apart"].append(f"{quote(row.name)} ({by})")
    return "; ".join(f"{what}: {', '.join(who)}" for what, who in answers.items() if who) + "."


def _rule(reference: Row) -> str:
    if len(reference.record.trainings) < 2:
        return "One seed gives no interval, so that nothing is told apart (--seeds N trains more)."
    seeds = plural(len(reference.record.trainings), "seed")
    return (
        f"Differences are paired by seed ({seeds}), with 95% intervals; told apart at "
        f"p < {ALPHA:.0%} over all entries together (Holm)."
    )


def _similarity(row: Row) -> str:
    found = estimate(row.readings["parts_cka"])
    assert found is not None
    return estimate_text(found, "{:.3f}".format)


def _reuse(row: Row) -> float:
    assert row.record.gradient_terms is not None
    return row.record.gradient_terms.structure.reuse


def _flow(row: Row) -> str:
    assert row.record.gradient_terms is not None
    return cuts_text(row.record.gradient_terms.structure)
