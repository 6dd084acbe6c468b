"""What both revisions compute, from the same weights and input: equal, different, not comparable.

A candidate whose weights differ in number, name or shape cannot take the baseline's. Its outputs
then say nothing about the change, so that they raise no alarm.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..plan.case import Mode
from ..plan.labels import case_name
from ..records.deployment import Deployment
from ..records.measurements import Equivalence, stage_of
from ..records.run import SIDES, Record
from ..text import listing
from ..units import decibels_text

_KINDS = ("number", "name", "shape")
_UNKNOWN = "name or shape"  # versions that did not record which


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """The outputs of all cases: a ``summary`` ('' without any), ``warnings``, and ``notes``.

    ``different`` are the labels of cases whose outputs differ though their weights are the same.
    """

    summary: str
    different: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedCase:
    """A case that both revisions have, by its ``label`` without a side."""

    label: str
    baseline: Record
    candidate: Record

    @property
    def mode(self) -> Mode:
        """The mode of the case."""
        return self.candidate.case.mode

    @property
    def equivalence(self) -> Equivalence | None:
        """Whether both sides compute the same; None if that is not known."""
        return self.candidate.equivalence

    @property
    def is_equal(self) -> bool:
        """Whether the outputs are equal within rounding."""
        return self.equivalence is not None and self.equivalence.is_equal

    @property
    def is_unrelated(self) -> bool:
        """Whether outputs differ because weights do; what raises differs whatever the weights."""
        outputs = self.equivalence
        if outputs is None or outputs.is_equal or outputs.weights == "shared":
            return False
        return not outputs.reason.startswith(tuple(f"the {side} raised " for side in SIDES))

    @property
    def differs(self) -> bool:
        """Whether outputs differ in spite of the same weights, or could not be computed."""
        return self.equivalence is not None and not (self.is_equal or self.is_unrelated)

    @property
    def deployments(self) -> tuple[Deployment, Deployment] | None:
        """What its form is of both revisions; None if either is not known, and of eager modules."""
        sides = (self.baseline.deployment, self.candidate.deployment)
        return (sides[0], sides[1]) if sides[0] and sides[1] else None

    @property
    def form_differs(self) -> bool:
        """Whether its form computes what the eager module does in the baseline alone."""
        made = self.deployments
        return made is not None and made[0].is_equal and not made[1].is_equal


def compared_outputs(cases: Sequence[ComparedCase]) -> Outputs:
    """What is to be said of the outputs of ``cases``."""
    unrelated = [case for case in cases if case.is_unrelated]
    different = [case for case in cases if case.differs]
    return Outputs(
        summary=" ".join([*_equal(cases), *_not_comparable(unrelated, cases)]),
        different=tuple(
            dict.fromkeys(case.label for case in cases if case.differs or case.form_differs)
        ),
        warnings=(*_different(different, cases), *_different_forms(cases), *_died(cases)),
        notes=(
            *(_each(different, cases, _difference, "differ") if len(different) > 1 else ()),
            *_each(unrelated, cases, _detail, "are not comparable"),
            *(
                f"{_outputs_of([case], cases)} are NaN on both sides in {outputs.nans:,} elements."
                for case in cases
                if (outputs := case.equivalence) is not None and outputs.nans
            ),
            *_form_notes(cases),
        ),
    )


def _outputs_of(cases: Sequence[ComparedCase], among: Sequence[ComparedCase]) -> str:
    return f"The outputs of {_names(cases, among)}"


def _names(cases: Sequence[ComparedCase], among: Sequence[ComparedCase]) -> str:
    """The names of ``cases``; a label alone stands for all cases that it has ``among`` others."""
    modes, all_modes = _modes(cases), _modes(among)
    names = []
    for case in cases:
        is_whole = modes[case.label] == all_modes[case.label] and len(modes[case.label]) > 1
        names.append(case.label if is_whole else case_name(case.label, case.mode))
    return listing(list(dict.fromkeys(names)))


def _modes(cases: Sequence[ComparedCase]) -> dict[str, set[Mode]]:
    modes: dict[str, set[Mode]] = {}
    for case in cases:
        modes.setdefault(case.label, set()).add(case.mode)
    return modes


def _each(
    cases: Sequence[ComparedCase],
    among: Sequence[ComparedCase],
    describe: Callable[[Equivalence], str],
    verb: str,
) -> Iterator[str]:
    """A sentence for each description, with the cases that it holds for."""
    described: dict[str, list[ComparedCase]] = {}
    for case in cases:
        if case.equivalence is not None:
            described.setdefault(describe(case.equivalence), []).append(case)
    for description, alike in described.items():
        yield f"{_outputs_of(alike, among)} {verb}: {description}."


def _equal(cases: Sequence[ComparedCase]) -> Iterator[str]:
    number = sum(case.is_equal for case in cases)
    if number == len(cases) == 1:
        yield "The outputs are equal within rounding."
    elif number:
        share = f"all {len(cases)}" if number == len(cases) else f"{number} of {len(cases)}"
        yield f"The outputs of {share} cases are equal within rounding."


def _not_comparable(
    unrelated: Sequence[ComparedCase], cases: Sequence[ComparedCase]
) -> Iterator[str]:
    differ_in = {
        kind
        for case in unrelated
        if case.equivalence is not None
        for kind in (
            case.equivalence.unshared.differ_in if case.equivalence.unshared else (_UNKNOWN,)
        )
    }
    if not differ_in:
        return
    kinds = [kind for kind in (*_KINDS, _UNKNOWN) if kind in differ_in]
    of = "" if len(unrelated) == len(cases) else f" of {_names(unrelated, cases)}"
    yield f"Outputs{of} not comparable: the weights differ in {' and '.join(kinds)}."


def _different(different: Sequence[ComparedCase], cases: Sequence[ComparedCase]) -> Iterator[str]:
    """A sentence on all outputs that differ, with the largest difference."""
    outputs = [case.equivalence for case in different if case.equivalence is not None]
    if len(outputs) == 1:
        yield f"{_outputs_of(different, cases)} differ: {_difference(outputs[0])}."
    elif outputs:
        sizes = [item.distance for item in outputs if item.distance is not None and item.rtol > 0]
        largest = f", by up to {max(sizes):.3g} times the tolerance" if sizes else ""
        yield (f"{_outputs_of(different, cases)} differ with the same weights and input{largest}.")


def _different_forms(cases: Sequence[ComparedCase]) -> Iterator[str]:
    """A sentence on each form that no longer computes what the eager module does."""
    for case in cases:
        if case.form_differs and case.deployments:
            _, new = case.deployments
            yield (
                f"{_outputs_of([case], cases)} are not those of the eager module in the candidate "
                f"({_quality(new)}), as they are in the baseline."
            )


def _form_notes(cases: Sequence[ComparedCase]) -> Iterator[str]:
    """How far forms that round more than eager modules are off, on both sides."""
    for case in cases:
        if case.deployments and not case.deployments[0].is_equal:
            old, new = map(_quality, case.deployments)
            told = f"{new}, as in the baseline" if old == new else f"{new}, {old} in the baseline"
            yield f"{_outputs_of([case], cases)} beside the eager module's: {told}."


def _quality(made: Deployment) -> str:
    """How far the outputs of a form are from eager's."""
    if made.is_equal:
        return "equal"
    return f"SQNR {decibels_text(made.sqnr_db)}" if made.sqnr_db is not None else "not comparable"


def _died(cases: Sequence[ComparedCase]) -> Iterator[str]:
    for case in cases:
        for record in (case.baseline, case.candidate):
            for failure in record.failures:
                if failure.stage == stage_of(Equivalence):
                    yield (
                        f"{_outputs_of([case], cases)} were not compared: the process of the "
                        f"{record.case.side} ended ({failure.reason})."
                    )


def _difference(outputs: Equivalence) -> str:
    """In what the outputs of two sides differ."""
    if outputs.distance is None:
        return outputs.reason.removeprefix("ValueError: ")
    weights = "the same weights" if outputs.weights == "shared" else "weights of the same seed"
    size = (
        f"with {weights} by up to {outputs.distance:.3g} times the tolerance "
        f"(rtol {outputs.rtol:g}, atol {outputs.atol:g})"
    )
    if not outputs.reason:
        return size
    has_size = outputs.distance > 1 and outputs.rtol > 0
    return f"{outputs.reason}; {size}" if has_size else outputs.reason


def _detail(outputs: Equivalence) -> str:
    """In what the weights of two sides differ."""
    if outputs.unshared is None:
        return f"the weights differ in {_UNKNOWN}"
    kinds = " and ".join(outputs.unshared.differ_in)
    return f"the weights differ in {kinds} ({outputs.unshared.detail})"
