"""The states of all random generators of this process."""
# ruff: noqa: SLF001 -- torch has no public access to some of these

import random
import sys
from typing import Any

import torch
from torch import _C


def random_states() -> tuple[Any, ...]:
    with _C._DisableTorchDispatch():
        states = [torch.get_rng_state()]
        if torch.cuda.is_initialized():
            states.append(torch.cuda.get_rng_state())
        tensors = tuple(state.numpy().tobytes() for state in states)
    return tensors, random.getstate(), _numpy_state()


def set_random_states(states: tuple[Any, ...]) -> None:
    tensors, python, numpy = states
    with _C._DisableTorchDispatch():
        cpu, *gpu = (torch.frombuffer(bytearray(s), dtype=torch.uint8) for s in tensors)
        torch.set_rng_state(cpu)
        if gpu:
            torch.cuda.set_rng_state(gpu[0])
    random.setstate(python)
    if numpy is not None:
        from numpy import frombuffer
        from numpy import random as numpy_random

        kind, key, *rest = numpy
        numpy_random.set_state((kind, frombuffer(key, dtype="uint32"), *rest))


def _numpy_state() -> tuple[Any, ...] | None:
    if "numpy.random" not in sys.modules:
        return None
    kind, key, *rest = sys.modules["numpy.random"].get_state()
    return kind, key.tobytes(), *rest
