"""Memory over a call, made up for the tests of its figures."""

from cspbench.records.memory_series import Changes, MemorySeries
from cspbench.records.run import Run

MIB = 2**20


def make_series(run: Run) -> MemorySeries:
    """Weights of 1 MiB; activations of 3 MiB after the first operator, of 2 MiB at the end."""
    return MemorySeries(
        case=run.records[0].case.key,
        operators=("", "aten.conv"),
        modules=("", "body.0"),
        begins=(0,),
        steps=(0, 1, 1),
        operator=(0, 1, 1),
        module=(0, 1, 1),
        changes={
            "activations": Changes(steps=(1, 1), bytes=(3 * MIB, -MIB)),
            "weights": Changes(steps=(0,), bytes=(MIB,)),
        },
    )
