"""Times of a case's modules, by `torch.profiler`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..records.module_times import ModuleTimes
from .base import calls_modules, is_by_module, measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(
    stage="module_times",
    place="profiles",
    help="time by module, forward and backward, in several processes (--by-module)",
    applies=is_by_module,
    covers=calls_modules,
)
def module_times(
    subject: "Subject", *, number: int, begin_round: Callable[[], object]
) -> ModuleTimes:
    """Profile ``number`` of a case; ``begin_round`` is called before each of its parts."""
    from ..machine.device import gpu
    from .forms.timed import module_call
    from .profiling.profiles import profile_call

    on_gpu = gpu(subject.case.device)
    return profile_call(module_call(subject), number, gpu=on_gpu, begin_round=begin_round)
