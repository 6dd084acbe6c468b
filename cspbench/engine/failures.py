"""Conversion of exceptions to failures of a case: cause, reason, requested memory."""

import errno
import os
import re
import traceback
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

import torch

from ..errors import AbsentError, message_of
from ..records.lines import CaseFailure, Cause, LaunchFailure, Stage
from .hints import reason

_OUT_OF_MEMORY = (
    "CUDA out of memory",
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_REQUEST = re.compile(r"tried to allocate ([0-9.]+) ?(bytes|[KMGT]iB)", re.IGNORECASE)
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_UNIT_BYTES = {"bytes": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}


def case_failure(
    case_key: str,
    stage: Stage,
    error: BaseException,
    launch: int | None = None,
    *,
    is_fatal: bool = True,
) -> CaseFailure:
    """The failure of a case that raised ``error``: its cause, reason and traceback."""
    text = message_of(error)
    cause = _cause(error)
    return CaseFailure(
        case=case_key,
        stage=stage,
        cause=cause,
        reason=reason(error),
        launch=launch,
        detail="".join(traceback.format_exception(error)),
        requested_bytes=_requested_bytes(text) if cause == "out_of_memory" else None,
        is_fatal=is_fatal,
    )


def yardstick_failure(number: int, cases: tuple[str, ...], error: BaseException) -> LaunchFailure:
    """The failure of launch ``number`` of ``cases``, in which the yardstick raised ``error``."""
    return LaunchFailure(
        launch=number,
        cases=cases,
        cause=_cause(error),
        reason=f"the yardstick could not be measured: {reason(error)}",
        detail="".join(traceback.format_exception(error)),
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` reports a lack of memory, by its type or by its message."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in message_of(error) for words in _OUT_OF_MEMORY
    )


def _cause(error: BaseException) -> Cause:
    if is_out_of_memory(error):
        return "out_of_memory"
    if any(map(_is_full_disk, _chain(error))):
        return "environment"
    return "absent" if isinstance(error, AbsentError) else "raised"


def _requested_bytes(text: str) -> int | None:
    """The size of the failed allocation, if torch's message ``text`` states it."""
    request = _REQUEST.search(text)
    if request is None:
        return None
    try:
        number = int(Decimal(request[1]) * _UNIT_BYTES[request[2].lower()])
    except InvalidOperation:  # such as 1.2.3
        return None
    return number if number < 1 << 63 else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """``error`` and what it was raised from or during."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def _is_full_disk(error: BaseException) -> bool:
    """Whether ``error`` says that a disk is full; compilers' errors quote that of a process."""
    if isinstance(error, OSError):
        return error.errno in _NO_SPACE
    return os.strerror(errno.ENOSPC) in message_of(error)
