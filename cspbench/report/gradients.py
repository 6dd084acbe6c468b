"""Sentences on gradient terms and on trainings."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from ..plan.labels import plain
from ..records.gradient_terms import Structure
from ..records.trainings import Training
from ..text import listing
from ..units import ratio_text
from ..verdicts.judge import ALPHA
from ..verdicts.over_seeds import paired_by_seed as seed_difference
from ..verdicts.stats import CONFIDENCE, Difference, holm
from .columns import estimate_text
from .quoting import Quote
from .readings import cuts_text
from .results import Results
from .rows import Row, estimate
from .words import plural

_LESS = "{verb} less similar gradients than {than}"
_MORE = "{verb} more similar gradients than {than}"
_ALIKE = "cannot be distinguished from {than}"


def term_shares(structure: Structure) -> list[list[float]]:
    """For each weight and source of gradients, the share of the source's terms that it reads."""
    shares = [[0.0] * len(structure.sources) for _ in structure.weights]
    for line, weight in zip(shares, structure.weights, strict=True):
        for span in weight.reads:
            line[span.source] += (span.stop - span.start) / structure.sources[span.source].channels
    return shares


def final_similarities(trainings: Sequence[Training]) -> list[list[float]]:
    """For each two feature maps, the linear CKA of their gradients at the end, mean over seeds.

    Trainings with other maps than the first are left out.
    """
    first = trainings[0]
    ends = [training.readings[-1].cka for training in trainings if training.maps == first.maps]
    places = range(len(first.maps))
    return [[fmean(cka[down][across] for cka in ends) for across in places] for down in places]


def term_conclusions(table: Sequence[Row], quote: Quote) -> list[str]:
    """Sentences on the entries that use terms most and least, and on the flow across cuts."""
    traced = [row for row in table if row.record.gradient_terms]
    if not traced:
        return []
    ordered = sorted(traced, key=_reuse)
    lowest, highest = ordered[0], ordered[-1]
    updates = "1 update" if _reuse(highest) == 1 else f"{ratio_text(_reuse(highest))} updates"
    text = f"{quote(highest.name)} uses each gradient term in {updates}"
    if _reuse(lowest) < _reuse(highest):
        text += f", the most of {plural(len(traced), 'entry')}; {quote(lowest.name)} in "
        text += f"{ratio_text(_reuse(lowest))}, the fewest"
    flows: dict[str, list[str]] = defaultdict(list)
    for row in traced:
        flows[_flow(row)].append(quote(row.name))
    listed = "; ".join(f"{listing(names)} ({flow})" for flow, names in flows.items())
    return [f"{text}. Gradient flow between the parts of a cut: {listed}."]


def trained_conclusions(results: Results, quote: Quote) -> list[str]:
    """Sentences on the similarity of two parts' gradients, compared to the reference entry."""
    training = results.run.info.settings.training
    trained = [row for row in results.rows if row.record.trainings]
    if not trained or training is None:
        return ["No block was trained."]
    after = f"After {plural(training.steps, 'step')}"
    reference = next((row for row in trained if row.is_reference), None)
    if reference is None or len(trained) < 2:
        values = listing([f"{quote(row.name)} {_similarity(row)}" for row in trained])
        return [f"{after}, the similarity of the two parts' gradients (linear CKA) is: {values}."]
    than = f"{quote(reference.name)}, {_similarity(reference)}"
    return [
        f"{after}, {_differences(trained, reference, -1, than, quote)}.",
        f"Before any step, {_differences(trained, reference, 0, quote(reference.name), quote)}.",
        _rule(reference),
    ]


def part_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on the parts that were compared and their channels, one for each way of cutting."""
    names: dict[str, list[str]] = defaultdict(list)
    for row in table:
        for training in row.record.trainings[:1]:
            cut, (first, second) = quote(plain(training.cut)), training.parts
            parts = f"of {cut} as the block cuts it" if training.own else f"halves of {cut}, uncut"
            name = f"{quote(row.name)} ({first} + {second} channels)"
            names[f"parts compared, {parts}"].append(name)
    return [f"{parts}: {listing(blocks)}" for parts, blocks in names.items()]


def term_notes(table: Sequence[Row], quote: Quote) -> list[str]:
    """Items on operators whose channels could not be followed."""
    return [
        f"{quote(row.name)}: {quote(plain(step.operator))} in {quote(plain(step.module) or '.')} "
        f"cannot be followed ({plural(step.calls, 'call')}): its output counts as a new source"
        for row in table
        if row.record.gradient_terms
        for step in row.record.gradient_terms.structure.unfollowed
    ]


def _differences(
    trained: Sequence[Row], reference: Row, place: int, than: str, quote: Quote
) -> str:
    """Clauses on the entries that differ from the reference (``than``), judged together."""
    differences: list[tuple[Row, Difference]] = []
    for row in trained:
        if row is reference:
            continue
        difference = seed_difference(
            row.record.trainings,
            reference.record.trainings,
            lambda reading: reading.parts_cka,
            place,
        )
        if difference is not None:
            differences.append((row, difference))
    answers: dict[str, list[str]] = {_LESS: [], _MORE: [], _ALIKE: []}
    p_values = holm([difference.p for _, difference in differences])
    for (row, difference), p in zip(differences, p_values, strict=True):
        margin = difference.margin(CONFIDENCE)
        size = f"{difference.log_ratio:+z.3f}" + ("" if margin is None else f" ± {margin:.3f}")
        direction = _LESS if difference.log_ratio < 0 else _MORE
        answer = direction if p < ALPHA else _ALIKE
        answers[answer].append(f"{quote(row.name)} ({size})")
    clauses = []
    for answer, names in answers.items():
        if names:
            verb = "have" if names[1:] else "has"
            clauses.append(f"{listing(names)} {answer.format(verb=verb, than=than)}")
    return "; ".join(clauses)


def _rule(reference: Row) -> str:
    if len(reference.record.trainings) < 2:
        return "One seed gives no interval and no verdicts (--seeds N trains more)."
    seeds = plural(len(reference.record.trainings), "seed")
    return (
        f"Similarity is linear CKA of the two parts' gradients. Differences are paired by seed "
        f"({seeds}), with 95% intervals, and significant at p < {ALPHA:.0%} over all entries "
        "together (Holm)."
    )


def _similarity(row: Row) -> str:
    similarity = estimate(row.readings["parts_cka"])
    assert similarity is not None
    return estimate_text(similarity, "{:.3f}".format)


def _reuse(row: Row) -> float:
    assert row.record.gradient_terms is not None
    return row.record.gradient_terms.structure.reuse


def _flow(row: Row) -> str:
    assert row.record.gradient_terms is not None
    return cuts_text(row.record.gradient_terms.structure)
