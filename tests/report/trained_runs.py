"""Runs of trained blocks: gradient terms and similarities written out by hand."""

from collections.abc import Sequence

import msgspec
from factories import SETTINGS, by_stage, make_case, make_info
from synthetic import make_counts

from cspbench.choices import Head
from cspbench.records.gradient_terms import (
    Part,
    Source,
    Span,
    Split,
    Structure,
    Unfollowed,
    Used,
    WeightTerms,
)
from cspbench.records.measurements import GradientTerms
from cspbench.records.run import Record, Run, TrainingSettings
from cspbench.records.trainings import Reading, Training

DENSE = (0.60, 0.58, 0.62, 0.61)
"""Similarities of the parts of a dense block, a value a seed."""

# A block by hand: w_1 reads the second half of the base, w_2 the first half and the output of w_1.
BASE = (Span(source=0, start=0, stop=2), Span(source=0, start=2, stop=4))
FIRST = Span(source=1, start=0, stop=3)


def make_structure(*, shared: bool = False, unfollowed: bool = False) -> Structure:
    """The terms of a block of two weights behind one cut; ``shared``: both sides read some."""
    reads = (BASE[1],) if shared else ()
    second_half, first_half = (BASE[1],), (*reads, BASE[0], FIRST)
    used = sum(span.stop - span.start for span in (*first_half, *second_half)) + 3 + 2
    weights = (
        WeightTerms(name="one", source=1, read=2, own=3, reads=second_half),
        WeightTerms(name="two", source=2, read=used - 7, own=2, reads=first_half),
    )
    return Structure(
        sources=(
            Source(name="input", channels=4, uses=(Used(start=0, stop=4, weights=1),)),
            Source(name="one", channels=3, uses=(Used(start=0, stop=3, weights=2),)),
            Source(name="two", channels=2, uses=(Used(start=0, stop=2, weights=1),)),
        ),
        weights=weights,
        splits=(
            Split(
                module="",
                parts=(
                    Part(channels=2, terms=(BASE[0],), weights=(1,), reads=first_half),
                    Part(channels=2, terms=(BASE[1],), weights=(0,), reads=second_half),
                ),
                shared=reads,
            ),
        ),
        output=(Span(source=2, start=0, stop=2),),
        unfollowed=(Unfollowed(module="gate", operator="softmax", calls=2),) if unfollowed else (),
    )


def make_training(seed: int, parts_cka: float, *, at_start: float = 0.2) -> Training:
    """A training of 8 steps whose parts end at the similarity ``parts_cka``."""

    def reading(step: int, value: float) -> Reading:
        return Reading(
            step=step, loss=1.0, accuracy=0.9, cka=((1.0, 0.5), (0.5, 1.0)),
            directions=((1.0, 0.4), (0.4, 1.0)), parts_cka=value, parts_directions=0.5,
            control_cka=0.3, effective_rank=4.0, columns=8,
        )  # fmt: skip

    return Training(
        seed=seed, parameters=100, maps=("input", "one"), cut="input", parts=(2, 2), own=True,
        readings=(reading(0, at_start), reading(8, parts_cka)),
    )  # fmt: skip


def make_trained_run(
    similarities: dict[str, Sequence[float]],
    *,
    steps: int = 8,
    head: Head = "pool",
    shared: bool = False,
    unfollowed: bool = False,
) -> Run:
    """A run of blocks, each with the similarity that its parts reach, seed by seed."""
    settings = TrainingSettings(seeds=4, steps=steps, data="digits", head=head)
    cases = [
        msgspec.structs.replace(
            make_case(name, mode="train", reference="dense train"), input_shape=(1, 4, 8, 8)
        )
        for name in similarities
    ]
    info = make_info(
        *cases,
        settings=msgspec.structs.replace(SETTINGS, training=settings),
        stages=("counts", "gradient_terms", "training"),
    )
    return Run(
        info=info,
        records=tuple(
            Record(
                case=case,
                measurements=by_stage(
                    make_counts(case),
                    GradientTerms(
                        case=case.key,
                        structure=make_structure(shared=shared, unfollowed=unfollowed),
                        is_block=True,
                    ),
                ),
                trainings=tuple(
                    make_training(seed, value, at_start=0.2 + 0.01 * seed)
                    for seed, value in enumerate(similarities[case.entry])
                ),
            )
            for case in cases
        ),
        launches=(),
        yardstick=(),
    )
