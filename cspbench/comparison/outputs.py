"""What both revisions compute, from the same weights and input: equal, different, not comparable.

A candidate whose weights differ in number, name or shape cannot take the baseline's. Its outputs
then say nothing about the change, so that they raise no alarm.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..records.measurements import Equivalence, stage_of
from ..records.run import SIDES, Record
from .case_names import joined

_KINDS = ("number", "name", "shape")
_UNKNOWN = "name or shape"  # versions that did not record which


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """The outputs of all cases: a ``summary`` ('' without any), ``warnings``, and ``notes``."""

    summary: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedCase:
    """A case that both revisions have, by its ``name``."""

    name: str
    baseline: Record
    candidate: Record


def compared_outputs(cases: Sequence[ComparedCase]) -> Outputs:
    """What is to be said of the outputs of ``cases``."""
    pairs = [(case.name, case.candidate.equivalence) for case in cases]
    compared = [(name, outputs) for name, outputs in pairs if outputs is not None]
    equal = [name for name, outputs in compared if outputs.is_equal]
    unrelated = [(name, outputs) for name, outputs in compared if _is_unrelated(outputs)]
    different = [
        (name, outputs)
        for name, outputs in compared
        if not outputs.is_equal and not _is_unrelated(outputs)
    ]
    summary = [
        *_equal(len(equal), len(cases)),
        *_not_comparable(unrelated, len(cases)),
    ]
    return Outputs(
        summary=" ".join(summary),
        warnings=(*_different(different), *_died(cases)),
        notes=(
            *(f"{_outputs_of([name])} differ: {_difference(o)}." for name, o in different),
            *(f"{_outputs_of([name])} are not comparable: {_detail(o)}." for name, o in unrelated),
            *(
                f"{_outputs_of([name])} are NaN on both sides in {outputs.nans:,} elements."
                for name, outputs in compared
                if outputs.nans
            ),
        ),
    )


def _outputs_of(names: Sequence[str]) -> str:
    return f"The outputs of {joined(names)}"


def _is_unrelated(outputs: Equivalence) -> bool:
    """Whether they differ as weights do; an exception is a difference whatever the weights."""
    has_raised = outputs.reason.startswith(tuple(f"the {side} raised " for side in SIDES))
    return outputs.weights == "seeded" and not outputs.is_equal and not has_raised


def _equal(number: int, cases: int) -> Iterator[str]:
    if number == cases == 1:
        yield "The outputs are equal within rounding."
    elif number:
        share = f"all {cases}" if number == cases else f"{number} of {cases}"
        yield f"The outputs of {share} cases are equal within rounding."


def _not_comparable(unrelated: Sequence[tuple[str, Equivalence]], cases: int) -> Iterator[str]:
    if not unrelated:
        return
    differ_in = {
        kind
        for _, outputs in unrelated
        for kind in (outputs.unshared.differ_in if outputs.unshared else [_UNKNOWN])
    }
    kinds = [kind for kind in (*_KINDS, _UNKNOWN) if kind in differ_in]
    names = "" if len(unrelated) == cases else f" in {joined([name for name, _ in unrelated])}"
    yield f"Outputs not comparable{names}: the weights differ in {' and '.join(kinds)}."


def _different(different: Sequence[tuple[str, Equivalence]]) -> Iterator[str]:
    """A sentence on all outputs that differ, with the largest difference."""
    if not different:
        return
    names = [name for name, _ in different]
    if len(different) == 1:
        yield f"{_outputs_of(names)} differ: {_difference(different[0][1])}."
        return
    sizes = [
        outputs.distance
        for _, outputs in different
        if outputs.distance is not None and outputs.rtol > 0
    ]
    largest = f", by up to {max(sizes):.3g} times the tolerance" if sizes else ""
    yield f"{_outputs_of(names)} differ with the same weights and input{largest}."


def _died(cases: Sequence[ComparedCase]) -> Iterator[str]:
    for case in cases:
        for record in (case.baseline, case.candidate):
            for failure in record.failures:
                if failure.stage == stage_of(Equivalence):
                    yield (
                        f"{_outputs_of([case.name])} were not compared: the process of the "
                        f"{record.case.side} ended ({failure.reason})."
                    )


def _difference(outputs: Equivalence) -> str:
    """In what the outputs of two sides differ."""
    if outputs.distance is None:
        return outputs.reason
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
