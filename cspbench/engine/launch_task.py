"""The task of one launch in its worker: building benchmarks, taking turns, sending results."""

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from time import perf_counter
from typing import Literal

import torch

from ..machine import allocator
from ..machine.contention import Snapshot
from ..machine.device import Gpu, GpuMonitor, backend, gpu, open_nvml
from ..measures.execution.surroundings import Outside, Surroundings, put_back
from ..measures.forms.compiled import is_compiled, load_compiler
from ..measures.latency import latency
from ..measures.timing.benchmark import Benchmark, take_turns
from ..measures.timing.clock import empty_region_s
from ..measures.timing.timer import Timer
from ..measures.timing.yardstick import yardstick
from ..plan.case import Case
from ..records.base import Failure
from ..records.lines import YARDSTICK, Launch
from ..records.machine import Activity, GpuActivity
from ..records.run import Settings
from .builds import Builds
from .channel import Channel
from .failures import case_failure, is_out_of_memory, yardstick_failure
from .launch_plan import LaunchPlan, LaunchPosition

_BALLAST_BYTES = 1 << 20
_GPU_BALLAST_BYTES = 20 << 20  # torch's GPU allocator works in larger blocks
_FEWEST_BUILT = 2  # the yardstick and a case are worth nothing without its reference
_REPORT_EVERY_S = 2.0  # the parent then draws, which disturbs a turn
_SLOW_S = 0.01  # other cases have taken less than 1% of such a call from its caches
_SEED_STRIDE = 1_000_003  # makes the seeds of launches distinct and reproducible


class _YardstickError(Exception):
    """The yardstick raised, so that the launch is worth nothing."""


class LaunchTask:
    """Lets ``cases`` and the yardstick take turns, and sends their latencies and the `Launch`.

    ``plan`` says how many turns, and when the time is up.

    The current step is the index of the case whose turn it is; the yardstick's comes after them.
    Cases are built in random order behind blocks of random size, because the memory layout changes
    a case's speed by some tenths of a percent: randomised, this is noise between launches and not a
    property of the case.

    ``builds`` makes the subjects of the cases. ``uncapturable``
    holds the cases of which no CUDA graph can be captured, and why.
    """

    def __init__(
        self,
        channel: Channel,
        number: int,
        cases: tuple[Case, ...],
        settings: Settings,
        plan: LaunchPlan,
        *,
        builds: Builds,
        uncapturable: Mapping[str, Failure],
    ) -> None:
        self._began = self._reported = perf_counter()
        self._channel = channel
        self._number = number
        self._cases = cases
        self._device = cases[0].device  # the same for all cases, as are the backend's flags
        self._settings = settings
        self._plan = plan
        self._builds = builds
        self._uncapturable = uncapturable
        self._steps = {case.key: index for index, case in enumerate(cases)}
        self._steps[YARDSTICK] = len(cases)
        self._seed = settings.seed * _SEED_STRIDE + number
        self._layout = Random(self._seed)  # noqa: S311 -- a schedule, not a secret
        self._ballast: list[torch.Tensor] = []
        self._surroundings: dict[str, Surroundings] = {}
        self._gpu: Gpu | None = None
        self._monitor: GpuMonitor | None = None

    def run(self) -> None:
        """Build the cases, take turns and send the results.

        A case that raises has failed, and the others go on. If the yardstick raises, the launch has
        failed. An error that leaves the device
        unusable (an illegal memory access, for example) is raised and ends the process; the current
        step then identifies the case.
        """
        try:
            self._launch()
        except _YardstickError as error:
            keys = tuple(case.key for case in self._cases)
            self._channel.send(yardstick_failure(self._number, keys, error.__cause__ or error))

    def _launch(self) -> None:
        settings = self._settings
        allocator_name = allocator.pin() if settings.allocator == "pinned" else "system"
        with backend(
            device=self._device,
            threads=settings.threads,
            seed=settings.seed,
            precision=self._cases[0].precision,
        ):
            threads = torch.get_num_threads()
            benchmarks = self._prepare_benchmarks(self._open_device())
            completed, activity, gpu_activity = self._take_turns(benchmarks, threads)
        completed.sort(key=lambda benchmark: self._steps[benchmark.key])
        for benchmark in completed:
            self._channel.send(benchmark.latency(launch=self._number))
        for key, surroundings in self._surroundings.items():
            if surroundings.alters:
                self._channel.send(surroundings.alterations(key))
        keys = [benchmark.key for benchmark in completed]
        self._channel.send(
            Launch(
                launch=self._number,
                cases=tuple(key for key in keys if key != YARDSTICK),
                seed=self._seed,
                threads=threads,
                allocator=allocator_name,
                activity=activity,
                seconds=perf_counter() - self._began,
                gpu=gpu_activity,
            )
        )

    def _open_device(self) -> Timer:
        """The timer of calls on the device; also opens a GPU and its monitor."""
        self._channel.begin_step(self._steps[YARDSTICK])
        self._gpu = gpu(self._device)
        if self._gpu:
            self._monitor = GpuMonitor(self._device, open_nvml(self._device))
        return Timer(
            min_time_s=self._settings.min_time_s,
            gpu=self._gpu,
            monitor=self._monitor,
            cold=self._settings.cold,
            is_time_up=self._is_time_up,
        )

    def _prepare_benchmarks(self, timer: Timer) -> list[Benchmark]:
        """The benchmarks of the yardstick and of each case that can be built, in random order."""
        benchmarks: list[Benchmark] = []
        self._attempt(
            YARDSTICK,
            partial(self._prepare_yardstick, timer, benchmarks),
        )
        for case in self._layout.sample(self._cases, len(self._cases)):
            if len(benchmarks) > _FEWEST_BUILT and self._is_time_up():
                break
            self._report("cases built", len(benchmarks) - 1, len(self._cases))
            self._attempt(case.key, partial(self._prepare, case, timer, benchmarks))
        if self._gpu is None:
            _omit_untimed(benchmarks)
        return benchmarks

    def _is_time_up(self) -> bool:
        return perf_counter() - self._began > self._plan.seconds

    def _is_last_turn(self, turns: int) -> bool:
        """Whether no turn follows the first ``turns``; says now and then how many there were."""
        self._report("turns taken", turns, max(self._plan.turns.values()))
        return self._is_time_up()

    def _report(self, phase: Literal["cases built", "turns taken"], done: int, total: int) -> None:
        """Send how far the launch has come, unless that was sent within 2 s."""
        now = perf_counter()
        if now - self._reported >= _REPORT_EVERY_S:
            self._reported = now
            self._channel.send(LaunchPosition(phase=phase, done=done, total=total))

    def _prepare_yardstick(self, timer: Timer, benchmarks: list[Benchmark]) -> None:
        iterations = self._plan.iterations.get(YARDSTICK)
        call = yardstick(self._device)
        benchmarks.append(timer.prepare(YARDSTICK, call, iterations=iterations))

    def _prepare(self, case: Case, timer: Timer, benchmarks: list[Benchmark]) -> None:
        """Add the benchmark of ``case`` to ``benchmarks``, behind ballast of random size."""
        size = self._layout.randrange(_GPU_BALLAST_BYTES if timer.gpu else _BALLAST_BYTES)
        self._ballast.append(torch.empty(size, dtype=torch.uint8, device=self._device))
        torch.manual_seed(self._settings.seed)  # same weights and input in any order of building
        subject = self._builds.subject(case)
        graph = self._uncapturable.get(case.key, self._settings.cuda_graph)
        self._surroundings[case.key] = subject.surroundings
        if is_compiled(case.form):
            load_compiler(case.form, case.device)
        with subject.surroundings.running():
            iterations = self._plan.iterations.get(case.key)
            benchmarks.append(latency(subject, timer, graph=graph, iterations=iterations))

    def _take_turns(
        self, benchmarks: Sequence[Benchmark], threads: int
    ) -> tuple[list[Benchmark], Activity, GpuActivity | None]:
        """Take turns; the benchmarks that completed all, and the activity of CPU and GPU."""
        gc.collect()
        gc.disable()
        if self._monitor:
            self._monitor.start()
        outside = Outside.take()
        before = Snapshot.take()
        completed = take_turns(
            benchmarks,
            turns=self._plan.turns,
            seed=self._seed,
            sample=partial(self._sample, outside),
            is_last=self._is_last_turn,
        )
        after = Snapshot.take()
        put_back(outside, self._surroundings.values())
        if self._monitor is None or self._gpu is None:
            return completed, after.since(before, threads=threads, beside_gpu=False), None
        gpu_activity = self._monitor.activity(empty_region_s=empty_region_s(self._gpu))
        return completed, after.since(before, threads=1, beside_gpu=True), gpu_activity

    def _sample(self, outside: Outside, benchmark: Benchmark) -> bool:
        surroundings = self._surroundings.get(benchmark.key)
        if surroundings is None:  # the yardstick's
            return self._attempt(benchmark.key, benchmark.sample)

        def sample() -> None:
            with surroundings.turn(outside):
                benchmark.sample()

        return self._attempt(benchmark.key, sample)

    def _attempt(self, key: str, action: Callable[[], object]) -> bool:
        """Run ``action`` as the step of case ``key``; False if it failed, which is sent.

        Raises `_YardstickError` if it is the yardstick that failed.
        """
        self._channel.begin_step(self._steps[key])
        try:
            action()
        except BaseException as error:  # whatever a case raises is its record
            if isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error):
                raise
            if key == YARDSTICK:
                raise _YardstickError from error
            self._channel.send(case_failure(key, "latency", error, self._number))
            return False
        return True


def _omit_untimed(benchmarks: Sequence[Benchmark]) -> None:
    """Leave out the untimed iteration before each sample of a case where all cases are slow.

    It makes up for what others have taken from the caches, and costs slow cases half of their
    samples. All cases are treated alike, since their ratios are taken.
    """
    cases = [benchmark for benchmark in benchmarks if benchmark.key != YARDSTICK]
    if all(benchmark.iteration_s >= _SLOW_S for benchmark in cases):
        for benchmark in cases:
            benchmark.untimed = 0
