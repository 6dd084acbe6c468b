"""Numbers of the steps in which a worker measures a case: a stage on a basis each."""

from ..records.measurement import BASES, Basis


def step_of(stage_index: int, basis: Basis) -> int:
    """The number of the step in which the stage of this index is measured on ``basis``."""
    return stage_index * len(BASES) + BASES.index(basis)


def stage_of_step(step: int) -> tuple[int, Basis]:
    """The index of the stage and the basis of a step; those of the first if none began (-1)."""
    index, number = divmod(max(step, 0), len(BASES))
    return index, BASES[number]
