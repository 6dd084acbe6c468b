"""The record of memory over a call: what its columns mean, and what is refused."""

import msgspec
import pytest

from cspbench.records.memory_series import (
    Changes,
    MemorySeries,
    ModuleInputs,
    SavedStorage,
    SavedTensors,
)

# Weights of 10 bytes; activations of 20 after operator 1, 50 after 4, 30 after 6, 0 at the end;
# gradients of 5 after operator 6.
STEP = MemorySeries(
    case="case",
    operators=("", "conv", "relu"),
    modules=("", "0"),
    begins=(0, 3),
    steps=(0, 1, 3, 1, 1, 4),
    operator=(0, 1, 2, 0, 1, 0),
    module=(0, 1, 1, 0, 1, 0),
    changes={
        "weights": Changes(steps=(0,), bytes=(10,)),
        "activations": Changes(steps=(1, 1, 2, 1), bytes=(20, 30, -20, -30)),
        "gradients": Changes(steps=(4,), bytes=(5,)),
    },
)


def test_columns_of_differences_are_the_points() -> None:
    """Number, operator, module, phase and bytes by kind, written out."""
    assert STEP.numbers == [0, 1, 4, 5, 6, 10]
    assert STEP.live("activations") == [0, 20, 50, 50, 30, 0]
    assert STEP.live("buffers") == [0] * 6
    assert STEP.totals == [10, 30, 60, 60, 45, 15]
    assert STEP.totals == [point.live.total for point in STEP.points]
    peak = STEP.peak
    assert (peak.number, peak.operator, peak.module, peak.phase) == (4, "relu", "0", "forward")
    assert STEP.peak_tensor_bytes == 60
    assert STEP.after_forward is not None
    assert STEP.after_forward.number == 5
    assert [point.phase for point in STEP.points[2:4]] == ["forward", "backward"]


def test_an_outline_keeps_the_peak_the_phases_and_the_end() -> None:
    """Of three points each the highest."""
    assert STEP.outline(100) == [0, 1, 2, 3, 4, 5]
    assert STEP.outline(2) == [0, 2, 3, 5]


SAVED = SavedTensors(storages=(SavedStorage(size_bytes=4, savers=(1,)),), inputs=(), held=())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operator": (0,)}, "one value for each point"),
        ({"steps": (), "operator": (), "module": ()}, "one value for each point"),
        ({"begins": (1,)}, "from 0 on"),
        ({"begins": (0, 4, 3)}, "in order"),
        ({"begins": (0, 6)}, "begins must be below 6"),
        ({"operator": (0, 1, 3, 0, 1, 0)}, "operator must be below 3"),
        ({"module": (0, 1, 2, 0, 1, 0)}, "module must be below 2"),
        ({"changes": {"weights": Changes(steps=(6,), bytes=(1,))}}, "changes of weights"),
        ({"changes": {"weights": Changes(steps=(0, 1), bytes=(1,))}}, "one size for each step"),
        ({"changes": {"inputs": Changes(steps=(0, 1), bytes=(1, -2))}}, "must not fall below 0"),
        (
            {
                "saved": SavedTensors(
                    storages=(SavedStorage(size_bytes=4, savers=(2,)),), inputs=(), held=()
                )
            },
            "savers must be below 2",
        ),
        ({"saved": msgspec.structs.replace(SAVED, held=(1,))}, "held must be below 1"),
        (
            {
                "saved": msgspec.structs.replace(
                    SAVED, inputs=(ModuleInputs(module=0, storages=(1,)),)
                )
            },
            "inputs must be below 1",
        ),
    ],
)
def test_columns_that_do_not_fit_each_other_are_refused(
    change: dict[str, object], message: str
) -> None:
    """When a line is read as when it is written."""
    fields = {**msgspec.to_builtins(STEP), **msgspec.to_builtins(change)}
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(fields, MemorySeries)
