"""Conversion of exceptions to failures of a case: cause, reason, requested memory."""

import re
import traceback
from decimal import Decimal

import torch

from ..errors import AbsentError
from ..records.lines import CaseFailure, Cause, Stage
from .hints import reason

_OUT_OF_MEMORY = (
    "CUDA out of memory",
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_REQUEST = re.compile(r"tried to allocate ([0-9.]+) ?(bytes|[KMGT]iB)", re.IGNORECASE)
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
    text = str(error)
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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` reports a lack of memory, by its type or by its message."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in _OUT_OF_MEMORY
    )


def _cause(error: BaseException) -> Cause:
    if is_out_of_memory(error):
        return "out_of_memory"
    return "absent" if isinstance(error, AbsentError) else "raised"


def _requested_bytes(text: str) -> int | None:
    """The size of the failed allocation, if torch's message ``text`` states it."""
    request = _REQUEST.search(text)
    return int(Decimal(request[1]) * _UNIT_BYTES[request[2].lower()]) if request else None
