"""Modules that raise, die, hang or leave, for tests of what the harness makes of them."""

import contextlib
import logging
import os
import signal
import statistics
import sys
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cspbench.measures.timing.benchmark import Benchmark


class Good(nn.Module):
    """One 3x3 convolution of four channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv(x)
        return output


class _WhenReal(Good):
    """Misbehaves on real tensors only, so that counting succeeds."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and type(x) is Tensor:
            self.misbehave()
        return super().forward(x)

    def misbehave(self) -> None:
        """What a subclass does at each call on real tensors."""


class Raises(Good):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("this module always raises\nwith a second line")


class RaisesWhenReal(_WhenReal):
    def misbehave(self) -> None:
        raise ValueError("no")


class Flattens(Good):
    """Returns no feature map, so that there is nothing to train."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten(1)


class Kills(_WhenReal):
    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Segfaults(_WhenReal):
    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(_WhenReal):
    def misbehave(self) -> None:
        time.sleep(600)


class Leaves(_WhenReal):
    def misbehave(self) -> None:
        sys.stderr.write("leaving early\n")
        sys.stderr.flush()
        os._exit(7)


class Hungry(_WhenReal):
    def misbehave(self) -> None:
        torch.empty(1 << 60)


class KillsInLaunch(_WhenReal):
    """Dies at its 20th call in one process: memory is measured, then a launch is killed."""

    calls = 0

    def misbehave(self) -> None:
        self.calls += 1
        if self.calls == 20:
            os.kill(os.getpid(), signal.SIGKILL)


class RaisesInLaunch(_WhenReal):
    """Raises at its 20th call in one process."""

    calls = 0

    def misbehave(self) -> None:
        self.calls += 1
        if self.calls == 20:
            raise RuntimeError("tired")


class Twin(Good):
    """The same work under another name."""


class DiesWhenCounted(Good):
    """Kills its process on fake tensors, too."""

    def forward(self, x: Tensor) -> Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)


class BreaksCompiled(Good):
    """Runs as it is; a compiler that meets the exception gives up, and leaves it to Python."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            raise RuntimeError("not under a compiler")
        return super().forward(x)


class Branches(Good):
    """Does what it has read of its input, so that it cannot be exported."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(x)
        return -out if x.sum() > 0 else out


class Noisy(Good):
    """Draws random numbers in each call."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(x)
        return out + torch.randn_like(out)


class ReadsWhileBuilt(nn.Module):
    """Reads a tensor's value in its constructor, which fake tensors do not have."""

    def __init__(self) -> None:
        super().__init__()
        self.share = torch.linspace(0, 1, 3)[1].item()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.share * self.conv(x)
        return result


class _Unprintable(BaseException):
    def __str__(self) -> str:
        raise ValueError("no message")


class RaisesUnprintably(_WhenReal):
    def misbehave(self) -> None:
        raise _Unprintable


class ClosesDescriptors(_WhenReal):
    def misbehave(self) -> None:
        os.closerange(3, 256)


class ClosesAllDescriptors(_WhenReal):
    def misbehave(self) -> None:
        os.closerange(3, 4096)


class WritesToDescriptors(_WhenReal):
    def misbehave(self) -> None:
        for descriptor in range(3, 64):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"nothing that could be read")


class StopsClocks(_WhenReal):
    def misbehave(self) -> None:
        time.perf_counter = time.monotonic = time.time = lambda: 0.0


class ReplacesSamples(_WhenReal):
    def misbehave(self) -> None:
        Benchmark.sample = lambda self: self.samples_s.append(1e-12)  # type: ignore[method-assign]


class Forks(_WhenReal):
    """Its copies go on as the worker does."""

    def misbehave(self) -> None:
        os.fork()


class ReplacesFunctions(_WhenReal):
    """Functions that the harness uses between the calls of a case."""

    def misbehave(self) -> None:
        for owner, name in ((statistics, "median"), (logging, "getLogger")):
            setattr(owner, name, lambda *_: 0)
        signal.setitimer(signal.ITIMER_REAL, 1000.0)


class ClearsSearchPath(_WhenReal):
    """Its siblings import from the same folders."""

    def misbehave(self) -> None:
        sys.path.clear()


class PassesOn(TorchDispatchMode):
    """A mode that changes nothing."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


class LeavesMode(_WhenReal):
    """Its mode stands above those that observe its call, and is taken off in their place."""

    def misbehave(self) -> None:
        PassesOn().__enter__()  # type: ignore[no-untyped-call, unused-ignore]
