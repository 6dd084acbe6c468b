"""The timer, which makes benchmarks of calls on a device."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ...machine.device import Gpu
from ...records.base import Failure
from .benchmark import Benchmark, ClockMonitor
from .clock import launch_share, time_function, wall_time_s
from .warm_up import WarmUp

_EVENT_RESOLUTION_S = 1e-6  # CUDA states half a microsecond


@dataclass(frozen=True, kw_only=True, slots=True)
class Timer:
    """Makes benchmarks of calls on the CPU, or on ``gpu``.

    A sample lasts at least ``min_time_s``. ``cold``: the GPU's L2 cache is flushed before each
    iteration. ``is_time_up`` says whether a benchmark is to be made with as few calls as possible.
    """

    min_time_s: float
    gpu: Gpu | None = None
    monitor: ClockMonitor | None = None
    cold: bool = False
    is_time_up: Callable[[], bool] = lambda: False

    def prepare(
        self,
        key: str,
        call: Callable[[], object],
        *,
        graph: bool | Failure = False,
        iterations: int | None = None,
    ) -> Benchmark:
        """A benchmark of ``call``, warmed up and calibrated.

        ``iterations`` are those of a sample in an earlier launch whose warm-up became steady: they
        are not calibrated again, and on a CPU the warm-up is shorter. ``graph``: also capture a
        CUDA graph of the call, or the reason why there is none. Raises RuntimeError if the capture
        fails.
        """
        benchmark = Benchmark(
            key=key,
            single_call_s=partial(wall_time_s, call, self.gpu),
            time_function=time_function(call, self.gpu, cold=self.cold),
            monitor=self.monitor,
        )
        if self.gpu is not None:
            benchmark.warm_up = WarmUp.for_gpu()
        elif iterations is not None:
            benchmark.warm_up = WarmUp.short()
        benchmark.warm_up_fully(self.is_time_up)
        resolution_s = None if self.gpu is None else _EVENT_RESOLUTION_S
        if iterations is not None:
            benchmark.iterations = iterations
        elif benchmark.iteration_s < self.min_time_s or not self.is_time_up():
            benchmark.calibrate(min_time_s=self.min_time_s, resolution_s=resolution_s)
        if self.gpu is None:
            return benchmark
        benchmark.issued_share = launch_share(call, self.gpu)
        if isinstance(graph, Failure):
            benchmark.graph_time_function = graph
        elif graph:
            replay = self.gpu.capture(call)
            benchmark.add_graph(
                time_function(replay, self.gpu, cold=self.cold),
                min_time_s=self.min_time_s,
                resolution_s=_EVENT_RESOLUTION_S,
            )
        return benchmark
