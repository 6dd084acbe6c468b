"""Exceptions as failures: cause, words and the memory that was asked for."""

import errno

import pytest
import torch

from cspbench.engine.failures import case_failure
from cspbench.errors import CspbenchError
from cspbench.records.base import MAX_DETAIL, MAX_REASON


def test_an_error_of_our_own_needs_no_name_in_front() -> None:
    """It says what is wrong; the name of another's exception is part of what it says."""
    assert case_failure("a", "training", CspbenchError("no data here")).reason == "no data here"
    assert case_failure("a", "training", ValueError("no")).reason == "ValueError: no"
    assert case_failure("a", "training", ValueError()).reason == "ValueError"


@pytest.mark.parametrize(
    "words", ["CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory", "CUDA out of memory"]
)
def test_libraries_have_words_of_their_own_for_too_little_memory(words: str) -> None:
    """They are no `OutOfMemoryError`, and tell no size."""
    failure = case_failure("a", "allocated", RuntimeError(f"{words} when calling something"))
    assert (failure.cause, failure.requested_bytes) == ("out_of_memory", None)


@pytest.mark.parametrize(
    ("text", "requested_bytes"),
    [
        ("CUDA out of memory. Tried to allocate 20.50 GiB. GPU 0 has a total capacity", 41 << 29),
        ("CUDA out of memory. Tried to allocate 512.00 MiB (GPU 0; 7.79 GiB total)", 512 << 20),
        ("CUDA out of memory.", None),
        ("CUDA out of memory. Tried to allocate 999999999999.00 GiB.", None),
        ("CUDA out of memory. Tried to allocate 1.2.3 GiB.", None),
    ],
)
def test_what_a_gpu_was_asked_for_is_read_from_its_refusal(
    text: str, requested_bytes: int | None
) -> None:
    """The first size is the request; what else is told is the device's."""
    failure = case_failure("a", "allocated", torch.OutOfMemoryError(text))
    assert (failure.cause, failure.requested_bytes) == ("out_of_memory", requested_bytes)


def test_what_the_main_memory_was_asked_for_is_read_to_the_byte() -> None:
    """From the refusal of torch's own allocator; other failures ask for nothing."""
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 60)
    failure = case_failure("a", "allocated", refused.value)
    assert (failure.cause, failure.requested_bytes) == ("out_of_memory", 4 << 60)
    assert (
        case_failure("a", "counts", ValueError("tried to allocate 5 GiB")).requested_bytes is None
    )


def compiler_error() -> RuntimeError:
    error = RuntimeError("it cannot be compiled")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "environment"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "environment"),
        (RuntimeError("as: /tmp/a.o: No space left on device"), "environment"),
        (compiler_error(), "environment"),
        (OSError(errno.ENOENT, "No such file or directory"), "raised"),
    ],
)
def test_a_full_disk_is_no_fault_of_the_case(error: Exception, cause: str) -> None:
    """However deep it is told; another error of a file is the case's."""
    assert case_failure("a", "allocated", error).cause == cause


def test_texts_of_exceptions_can_be_stored() -> None:
    """A name of a file that is not UTF-8, and a message of a million characters."""
    failure = case_failure("a", "counts", ValueError("no net\udcff.pt " + "x" * 10**6))
    assert failure.reason.startswith("ValueError: no net?.pt xxx")
    assert len(failure.reason) == MAX_REASON
    assert len(failure.detail) == MAX_DETAIL
