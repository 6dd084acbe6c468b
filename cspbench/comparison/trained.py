"""Comparison of trainings in two runs: means over seeds, judged together."""

from collections.abc import Hashable, Mapping
from statistics import fmean

import msgspec

from ..verdicts.judge import Criterion, Verdict, judge
from ..verdicts.stats import Difference, paired, welch
from .excerpt import CaseExcerpt
from .result import ONE_SIDE, Change, unjudged_change

SAME_WITHIN = 0.05
"""Similarities, ranks and accuracies whose difference surely lies within this are the same."""

Cases = Mapping[Hashable, CaseExcerpt]
_Figure = tuple[Hashable, str]  # identity of a case, name of a figure


def trained_changes(
    sides: tuple[Cases, Cases], *, alike: bool
) -> dict[Hashable, dict[str, Change]]:
    """The change of each figure of trainings, by case and name.

    ``alike`` says whether both runs trained in the same way. Runs with the same seeds are compared
    seed by seed. No change is better or worse: a figure is the same if the whole interval of its
    difference lies within `SAME_WITHIN`, changed if it differs significantly by more, else
    undecided.
    """
    before, after = sides
    changes: dict[Hashable, dict[str, Change]] = {key: {} for key in before}
    differences: dict[_Figure, Difference] = {}
    for key, old in before.items():
        new = after.get(key)
        if new is None or not (old.seeds and new.seeds):
            continue
        for name in dict.fromkeys([*old.trained, *new.trained]):
            outcome = _difference(old, new, name, alike=alike)
            if isinstance(outcome, Change):
                changes[key][name] = outcome
            else:
                differences[key, name] = outcome
    criterion = Criterion(threshold=SAME_WITHIN, is_ratio=False)
    for (key, name), verdict in judge(differences, dict.fromkeys(differences, criterion)).items():
        means = fmean(before[key].trained[name]), fmean(after[key].trained[name])
        changes[key][name] = _change(differences[key, name], verdict, means)
    return changes


def _difference(
    old: CaseExcerpt, new: CaseExcerpt, name: str, *, alike: bool
) -> Difference | Change:
    """The difference of one figure, or an unjudged change that says why there is none."""
    values = old.trained.get(name, ()), new.trained.get(name, ())
    baseline, candidate = (fmean(side) if side else None for side in values)
    if not alike:
        reason = "not comparable, because the runs trained differently"
        return unjudged_change(reason, baseline=baseline, candidate=candidate)
    if baseline is None or candidate is None:
        return unjudged_change(ONE_SIDE, baseline=baseline, candidate=candidate, verdict="changed")
    if old.seeds == new.seeds:
        return paired([after - before for before, after in zip(*values, strict=True)])
    return welch(*values)


def _change(difference: Difference, verdict: Verdict, means: tuple[float, float]) -> Change:
    margin, criterion = difference.margin(), verdict.criterion
    size = f"{difference.log_ratio:+z.3f}" + ("" if margin is None else f" ± {margin:.3f}")
    change = unjudged_change(
        f"difference {size}, p = {verdict.p:.4f}; same if the whole interval is within "
        f"{criterion.threshold:g}, changed if beyond it with p below {criterion.alpha:g}",
        baseline=means[0],
        candidate=means[1],
        verdict="changed" if verdict.answer in {"worse", "better"} else verdict.answer,
    )
    return msgspec.structs.replace(change, threshold=criterion.threshold, alpha=criterion.alpha)
