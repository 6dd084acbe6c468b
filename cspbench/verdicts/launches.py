"""Which launches count: those that other processes, heat or power disturbed may be left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ..records.lines import Latency, Launch
from ..records.run import Run

CONTENDED = 0.05
"""A launch that lost more than this share of its processor time to others is contended."""


@dataclass(frozen=True)
class CaseLaunches:
    """The samples of one case: of the launches that ``count``, and of those ``left_out``."""

    count: tuple[Latency, ...] = ()
    left_out: tuple[Latency, ...] = ()

    @cached_property
    def samples(self) -> Mapping[int, tuple[float, ...]]:
        """Seconds per iteration by launch, one a turn, of the launches that count."""
        return {latency.launch: latency.samples_s for latency in self.count}


def is_contended(launch: Launch) -> bool:
    """Whether others took so much of the cores, or ran on the GPU, that it does not count."""
    on_gpu = launch.gpu is not None and launch.gpu.others > 0
    return on_gpu or launch.activity.taken_share > CONTENDED


def is_throttled(launch: Launch) -> bool:
    """Whether heat or power held the GPU's clocks down."""
    return launch.gpu is not None and bool(launch.gpu.limits)


def is_disturbed(launch: Launch) -> bool:
    """Whether the launch is to be repeated."""
    return is_contended(launch) or is_throttled(launch)


def launches_by_case(run: Run) -> dict[str, CaseLaunches]:
    """The launches of each case of ``run``, by its key.

    Disturbed launches are left out where at least half as many launches as were asked for remain;
    else all count.
    """
    disturbed = {launch.launch for launch in run.launches if is_disturbed(launch)}
    return {
        record.case.key: _split(record.latencies, disturbed, run.info.settings.launches)
        for record in run.records
    }


def _split(latencies: tuple[Latency, ...], disturbed: set[int], asked: int) -> CaseLaunches:
    quiet = tuple(latency for latency in latencies if latency.launch not in disturbed)
    if 2 * len(quiet) < asked:
        return CaseLaunches(count=latencies)
    left_out = tuple(latency for latency in latencies if latency.launch in disturbed)
    return CaseLaunches(count=quiet, left_out=left_out)
