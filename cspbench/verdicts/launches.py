"""The launches that count: those disturbed by other processes, heat or power may be left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ..records.lines import Latency, Launch
from ..records.run import Run

CONTENDED = 0.05
"""A launch is contended if others took more than this share of its processor time."""


@dataclass(frozen=True)
class CaseLaunches:
    """The samples of one case in launches that count (``count``) and those that are left out."""

    count: tuple[Latency, ...] = ()
    left_out: tuple[Latency, ...] = ()

    @cached_property
    def samples(self) -> Mapping[int, tuple[float, ...]]:
        """The samples of each launch that counts: seconds per iteration, one a turn."""
        return {latency.launch: latency.samples_s for latency in self.count}


def is_contended(launch: Launch) -> bool:
    """Whether other processes took much of the cores, or ran on the GPU."""
    on_gpu = launch.gpu is not None and launch.gpu.others > 0
    return on_gpu or launch.activity.taken_share > CONTENDED


def is_throttled(launch: Launch) -> bool:
    """Whether heat or power held the GPU's clocks down."""
    return launch.gpu is not None and bool(launch.gpu.limits)


def is_disturbed(launch: Launch) -> bool:
    """Whether the launch was contended or throttled, so that it is repeated."""
    return is_contended(launch) or is_throttled(launch)


def launches_by_case(run: Run) -> dict[str, CaseLaunches]:
    """The launches of each case of ``run``, by its key.

    Disturbed launches of a case are left out if at least half of the requested number remain;
    otherwise all of them count.
    """
    disturbed = {launch.launch for launch in run.launches if is_disturbed(launch)}
    return {
        record.case.key: _split(record.latencies, disturbed, run.info.settings.launches)
        for record in run.records
    }


def _split(latencies: tuple[Latency, ...], disturbed: set[int], requested: int) -> CaseLaunches:
    quiet = tuple(latency for latency in latencies if latency.launch not in disturbed)
    if 2 * len(quiet) < requested:
        return CaseLaunches(count=latencies)
    left_out = tuple(latency for latency in latencies if latency.launch in disturbed)
    return CaseLaunches(count=quiet, left_out=left_out)
