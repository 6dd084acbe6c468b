"""Peak resident memory of one call, as the operating system sees it."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine.allocator import map_every_block
from ..plan.case import is_gpu
from ..records.base import Failure
from ..records.measurements import Resident
from ..records.run import Settings
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def _is_on_cpu(settings: Settings) -> bool:
    """Whether the run is on a CPU: on a GPU, resident memory covers only the host's part."""
    return not is_gpu(settings.device)


@measure(
    stage="resident",
    place="isolated",
    help="peak resident memory as the operating system sees it",
    applies=_is_on_cpu,
)
def resident(subject: "Subject") -> Resident:
    """The resident peak of one call; needs a process of its own, because it sets the allocator.

    Two warm-ups load the code and caches of libraries. Then the module is freed, the high-water
    mark is reset, and the case is built and called again.
    """
    from .forms.compiled import is_compiled

    case = subject.case
    if is_compiled(case.form):
        return _missing(
            case.key, "not measured of compiled models: the compiler itself needs more memory"
        )
    if not map_every_block():
        return _missing(case.key, "the C library's allocator has no mallopt (not glibc)")
    for _ in range(2):
        _build_and_call(subject)
    gc.collect()
    try:
        _CLEAR_REFS.write_text("5", encoding="ascii")  # resets VmHWM to VmRSS
        baseline = _status_bytes("VmRSS")
        _build_and_call(subject)
        # The kernel counts pages in batches by thread: a small peak can read below the baseline.
        peak = max(0, _status_bytes("VmHWM") - baseline)
        return Resident(case=case.key, peak_rss_bytes=peak)
    except OSError as error:
        return _missing(case.key, f"the high-water mark cannot be reset: {error}")


def _build_and_call(subject: "Subject") -> None:
    from .forms.timed import timed_call

    call = timed_call(subject)
    call()
    if subject.case.mode == "train":
        call()  # the first step created the optimizer's state


def _status_bytes(field: str) -> int:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise OSError(f"{_STATUS} has no {field}")


def _missing(key: str, reason: str) -> Resident:
    return Resident(case=key, peak_rss_bytes=Failure(reason=reason))
