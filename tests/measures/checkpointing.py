"""Checkpoints around modules of a case, as a user writes them, and what is live then."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from cspbench.measures.counts import count
from cspbench.measures.execution.basis import call_on
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.memory_series import memory_series
from cspbench.measures.tracking.series import series
from cspbench.records.memory_series import MemorySeries
from cspbench.verdicts.checkpoints import Checkpoint, candidates


def best_checkpoints(built: BuiltSubject) -> list[Checkpoint]:
    """The checkpoints that are offered for a training step."""
    return candidates(memory_series(built), count(built).layers)


def checkpointed_series(built: BuiltSubject, paths: Sequence[str]) -> MemorySeries:
    """The series of a training step with a checkpoint around each of the modules ``paths``."""
    with call_on("fake", built) as call:
        for path in paths:
            wrap(call.module.get_submodule(path))
        return series(call)


def wrap(module: nn.Module) -> None:
    """Put a checkpoint around the forward of ``module``, which gets copies of lists."""
    forward: Callable[..., Any] = module.forward

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        copies = (list(value) if isinstance(value, list) else value for value in args)
        return checkpoint(forward, *copies, use_reentrant=False, **kwargs)

    module.forward = checkpointed


def live_after_forward(series: MemorySeries) -> int:
    """The bytes that are live between the forward and the backward pass."""
    assert series.after_forward is not None
    return series.after_forward.live.total
