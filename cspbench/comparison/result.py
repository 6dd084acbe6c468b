"""The result of a comparison: the changes of each case, and a verdict on each and on all.

``compare --format json`` prints the plain values of a `Comparison`.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Literal

from ..catalogue.entry import Shape
from ..plan.case import Mode
from ..records.base import Failure, Frozen
from ..records.gate import LATENCY, Gate
from ..records.measurements import EXACT
from ..units import percent_text
from ..verdicts.judge import Verdict
from .excerpt import CaseExcerpt

Answer = Literal["worse", "better", "same", "undecided", "changed", "added", "removed"]

Overall = Literal["regression", "improvement", "same", "undecided", "not_comparable"]

RANK: tuple[Answer, ...] = (
    "worse",
    "changed",
    "better",
    "undecided",
    "removed",
    "added",
    "same",
)
"""Verdicts by precedence: a case has the first of these that one of its measures has."""

ONE_SIDE = "only one side has this figure"


class Change(Frozen, frozen=True, kw_only=True):
    """The change of one measure of one case.

    ``baseline`` and ``candidate`` are counts or bytes. Of latency they are ratios to the yardstick,
    or seconds without a ``ratio`` or if the sides took turns. ``interval`` is the 95% interval of
    ``ratio`` over ``launches``, those of the side with fewer. ``reason`` explains the verdict or
    its absence. ``more_launches`` is how many more on each side should decide an undecided change.
    ``is_judged`` is False if ``ratio`` is one of times that cannot be judged, such as those of one
    process: it is only shown. ``threshold`` and ``alpha`` are the shares in force: the smallest
    change that matters, raised to the noise floor, and what p has to be below.
    """

    baseline: float | int | None
    candidate: float | int | None
    ratio: float | None
    interval: tuple[float, float] | None
    verdict: Answer
    reason: str
    launches: int | None = None
    more_launches: int | None = None
    is_judged: bool = True
    threshold: float | None = None
    alpha: float | None = None

    @property
    def is_comparable(self) -> bool:
        """Whether there is a ratio that says something about the code."""
        return self.ratio is not None and self.is_judged


class CaseComparison(Frozen, frozen=True, kw_only=True):
    """The changes of one case that both sides have, or the figures of one that a side lacks."""

    key: str
    label: str
    mode: Mode
    input_shape: Shape
    verdict: Answer
    measures: dict[str, Change]

    @property
    def latency(self) -> Change | None:
        """The change of the latency; None if it was not measured."""
        return self.measures.get(LATENCY)


class Discrepancy(Frozen, frozen=True, kw_only=True):
    """A circumstance (``what``) in which two runs differ; ``misleads`` if it forbids latencies."""

    what: str
    baseline: str
    candidate: str
    misleads: bool


class Setup(Frozen, frozen=True, kw_only=True):
    """What both sides were measured with, each the baseline's and the candidate's.

    A text is '' if a side does not say. ``launches`` are those of the runs, 0 if not known.
    ``noise_floor`` holds the lowest and the highest that are in force for a case, as shares; None
    if none is known.
    """

    commits: tuple[str, str] = ("", "")
    device: tuple[str, str] = ("", "")
    threads: tuple[str, str] = ("", "")
    torch: tuple[str, str] = ("", "")
    launches: tuple[int, int] = (0, 0)
    noise_floor: tuple[float, float] | None = None


class Deciding(Frozen, frozen=True, kw_only=True):
    """What should decide undecided latencies: a longer run, or both revisions in turns.

    ``option`` is that of a run which should decide ``decided`` of ``undecided`` latencies, and
    takes about ``seconds`` (0 if not known); '' if no run of reasonable length would. ``command``
    lets both revisions take turns; '' if they did, or are not known.
    """

    undecided: int
    decided: int = 0
    option: str = ""
    seconds: float = 0.0
    command: str = ""


class Comparison(Frozen, frozen=True, kw_only=True):
    """The changes from baseline to candidate.

    ``failed`` names the candidate's failed cases. ``warnings`` are what a reader has to know before
    trusting a verdict, ``outputs`` says whether both sides compute the same ('' if that was not
    compared), ``different_outputs`` are the labels of cases that do not, ``notes`` are the rest.
    ``deciding`` is None if no latency is undecided. ``in_turns``: both sides took turns in one run,
    so that latencies are in seconds.
    """

    verdict: Overall
    discrepancies: tuple[Discrepancy, ...]
    cases: tuple[CaseComparison, ...]
    failed: tuple[str, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    outputs: str = ""
    different_outputs: tuple[str, ...] = ()
    setup: Setup = Setup()
    gate: Gate = Gate()
    deciding: Deciding | None = None
    in_turns: bool = False

    @property
    def answers(self) -> dict[Answer, int]:
        """The number of cases with each verdict, in the order of `RANK`."""
        counted = Counter(case.verdict for case in self.cases)
        return {answer: counted[answer] for answer in RANK}

    @property
    def is_latency_comparable(self) -> bool:
        """Whether both sides share a case, and one has a latency ratio unless none was timed."""
        shared = [case for case in self.cases if case.verdict not in {"added", "removed"}]
        timed = [case.measures[LATENCY] for case in shared if LATENCY in case.measures]
        return bool(shared) and (not timed or any(change.is_comparable for change in timed))


def overall_verdict(cases: Sequence[CaseComparison]) -> Overall:
    """The verdict on all cases: a regression or an improvement first, then what is undecided."""
    answers = {case.verdict for case in cases}
    if "worse" in answers:
        return "regression"
    if "better" in answers:
        return "improvement"
    shared = [case for case in cases if case.verdict not in {"added", "removed"}]
    if not shared:
        return "not_comparable"
    timed = [case.measures[LATENCY] for case in shared if LATENCY in case.measures]
    if not any(change.is_comparable for change in timed) and any(
        change.verdict == "undecided" for change in timed
    ):
        return "not_comparable"
    return "undecided" if answers & {"undecided", "changed"} else "same"


def compared_case(case: CaseExcerpt, measures: Mapping[str, Change]) -> CaseComparison:
    """The comparison of a case that both sides have.

    Its verdict is the first in `RANK` of those of ``measures``, undecided without any.
    """
    answers = {change.verdict for change in measures.values()}
    return CaseComparison(
        key=case.key,
        label=case.name,
        mode=case.mode,
        input_shape=case.input_shape,
        verdict=next((answer for answer in RANK if answer in answers), "undecided"),
        measures=dict(measures),
    )


def one_sided_case(old: CaseExcerpt | None, new: CaseExcerpt | None) -> CaseComparison:
    """The comparison of a case that one side lacks, listing the figures of the other."""
    case, verdict, side = _only_side(old, new)
    reason = f"only the {side} has this case"
    measures = {
        name: Change(
            baseline=None if old is None else value,
            candidate=None if new is None else value,
            ratio=None,
            interval=None,
            verdict=verdict,
            reason=reason,
        )
        for name, value in case.exact.items()
        if isinstance(value, int)
    }
    return CaseComparison(
        key=case.key,
        label=case.name,
        mode=case.mode,
        input_shape=case.input_shape,
        verdict=verdict,
        measures=measures,
    )


def _only_side(old: CaseExcerpt | None, new: CaseExcerpt | None) -> tuple[CaseExcerpt, Answer, str]:
    if new is not None:
        return new, "added", "candidate"
    assert old is not None
    return old, "removed", "baseline"


def exact_changes(
    old: CaseExcerpt, new: CaseExcerpt, gate: Gate, measured: Container[str] = EXACT
) -> dict[str, Change]:
    """The change of each exact figure; more is worse, less is better.

    A figure that one side lacks has changed, unless it is not in ``measured`` (a run was not to
    measure it) or a side is a table that does not show it: then it is left out, and so is one that
    both sides lack, for whatever reasons.
    """
    names = dict.fromkeys(
        name
        for name in (*old.exact, *new.exact)
        if name in measured and any(isinstance(side.exact.get(name), int) for side in (old, new))
    )
    if not (old.key and new.key):
        names = dict.fromkeys(name for name in old.exact if name in new.exact)
    return {
        name: _exact_change(
            old.exact.get(name), new.exact.get(name), gate.threshold(new.entry, name)
        )
        for name in names
    }


def _exact_change(old: int | Failure | None, new: int | Failure | None, threshold: float) -> Change:
    if not isinstance(old, int) or not isinstance(new, int):
        sides = (("baseline", old), ("candidate", new))
        reasons = [
            f"{side}: {figure.reason}" for side, figure in sides if isinstance(figure, Failure)
        ]
        return Change(
            baseline=old if isinstance(old, int) else None,
            candidate=new if isinstance(new, int) else None,
            ratio=None,
            interval=None,
            verdict="changed",
            reason="; ".join(reasons) or ONE_SIDE,
        )
    ratio = new / old if old else None
    verdict: Answer = "same" if new == old else "worse" if new > old else "better"
    reason = "exact"
    if verdict != "same" and ratio is not None and abs(ratio - 1) <= threshold:
        verdict, reason = "same", f"within the threshold of {percent_text(threshold)}"
    return Change(
        baseline=old, candidate=new, ratio=ratio, interval=None, verdict=verdict, reason=reason
    )


def unjudged_change(
    reason: str,
    *,
    baseline: float | None = None,
    candidate: float | None = None,
    ratio: float | None = None,
    verdict: Answer = "undecided",
) -> Change:
    """A change without a ratio that could be judged, for ``reason``."""
    return Change(
        baseline=baseline,
        candidate=candidate,
        ratio=ratio,
        interval=None,
        verdict=verdict,
        reason=reason,
        is_judged=ratio is None,
    )


def judged_change(
    verdict: Verdict, sides: tuple[float, float], *, more_launches: int | None
) -> Change:
    """The change of a latency with a verdict; ``sides`` are its baseline and candidate figures.

    ``more_launches`` should decide it if it is undecided; None if no number would.
    """
    ratio, criterion = verdict.ratio, verdict.criterion
    threshold = criterion.threshold
    p = f"= {verdict.p:.4f}" if verdict.p >= 1e-4 else "< 0.0001"
    reason = (
        f"p {p} over all cases (significant below {criterion.alpha:.2g}); threshold "
        f"{f'{threshold:.2%}' if threshold <= 1 else percent_text(threshold)}"
    )
    if ratio.low is None:
        reason = "one launch gives no interval: measure each side in at least two launches"
    return Change(
        baseline=sides[0],
        candidate=sides[1],
        ratio=ratio.value,
        interval=None if ratio.low is None or ratio.high is None else (ratio.low, ratio.high),
        verdict=verdict.answer,
        reason=reason,
        launches=ratio.launches,
        more_launches=more_launches,
        threshold=threshold,
        alpha=criterion.alpha,
    )
