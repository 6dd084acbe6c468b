"""Measurement of a run: first each case by itself, then trainings, profiles and launches."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..records.assembly import Assembly
from ..records.folder import RunFolder
from ..records.run import Side
from . import scratch
from .builds import Builds
from .cases import CaseMeasurer
from .profiles import profile_cases
from .progress import LaunchProgress, Progress
from .recorder import Recorder
from .rounds import Rounds
from .schedule import strategy
from .trainings import train_blocks


class Runner:
    """Measures what ``assembly`` lacks and writes each line to ``folder`` as it arrives.

    ``roots`` holds the root of the checkout that builds the cases of each side, if there are two.
    """

    def __init__(
        self,
        folder: RunFolder,
        assembly: Assembly,
        progress: Progress,
        roots: Mapping[Side, Path] | None = None,
    ) -> None:
        self._recorder = Recorder(folder, assembly)
        self._info = assembly.info
        self._progress = progress
        self._roots = dict(roots or {})

    def run(self) -> None:
        """Measure everything; raises only errors that end the run (a full disk, an interrupt)."""
        with tempfile.TemporaryDirectory(
            prefix="forms-", dir=scratch.folder(), ignore_cleanup_errors=True
        ) as files:
            self._measure(Builds(self._roots, Path(files)))

    def _measure(self, builds: Builds) -> None:
        settings = self._info.settings
        self._progress.began(self._info)
        cases = CaseMeasurer(self._recorder, settings, self._progress, builds)
        cases.measure(self._info.stages)
        if self._roots:
            cases.compare_outputs()
        if settings.training:
            train_blocks(self._recorder, settings, self._progress)
        if "module_times" in self._info.stages:
            profile_cases(self._recorder, settings, self._progress, builds)
        if "latency" in self._info.stages:
            self._rounds(builds).run()

    def _rounds(self, builds: Builds) -> Rounds:
        settings = self._info.settings
        progress = LaunchProgress(
            self._progress,
            done=self._recorder.launch_count,
            devices=len({case.device for case in self._info.cases}),
            budget_s=settings.budget_s,
        )
        return Rounds(self._recorder, settings, strategy(self._info), progress, builds)
