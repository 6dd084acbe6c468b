"""A subject's call on meta, fake or real tensors."""

import contextlib
from collections.abc import Iterator

from torch._subclasses.fake_tensor import FakeTensorMode

from ...machine.memory_limit import memory_limited
from ...plan.case import Case, is_gpu
from ...records.measurement import Basis
from .call import Call
from .subject import Subject


@contextlib.contextmanager
def call_on(basis: Basis, subject: Subject) -> Iterator[Call]:
    """The subject's call on tensors of ``basis``; real ones are on the case's device.

    Inside the context, the mode of fake tensors is active, which also takes in real tensors that
    the model holds outside itself.
    """
    case = subject.case
    if basis == "meta":
        yield Call(case, subject.meta(), subject.inputs("meta"), "meta")
    elif basis == "fake":
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            yield Call(case, subject.fake(mode), subject.inputs("cpu"), "cpu")
    else:
        yield Call(case, subject.real(), subject.inputs(case.device), case.device)


def limited_memory(
    basis: Basis, case: Case, budget_bytes: int
) -> contextlib.AbstractContextManager[None]:
    """A limit on the host's memory for work on ``basis``; none for real tensors on a GPU."""
    if basis == "real" and is_gpu(case.device):
        return contextlib.nullcontext()
    return memory_limited(budget_bytes)


def runs(subject: Subject) -> bool:
    """Whether one call of the subject runs on real tensors, unobserved."""
    try:
        with call_on("real", subject) as call:
            call()
    except (Exception, SystemExit):  # noqa: BLE001 -- a case may raise anything
        return False
    return True
