"""Assembly of a run from its lines, each added to its case as it arrives."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..plan.case import Case
from .lines import (
    YARDSTICK,
    Alterations,
    BlockTraining,
    CaseFailure,
    Latency,
    Launch,
    LaunchFailure,
    Line,
    Printed,
    Stage,
    launch_number,
)
from .measurements import AnyMeasurement
from .module_times import ModuleTimes
from .run import Record, Run, RunInfo
from .trainings import Training


@dataclass(slots=True)
class _CaseLines:
    """The lines of one case; ``record`` caches the record built from them."""

    case: Case
    measurements: dict[str, AnyMeasurement] = field(default_factory=dict)
    latencies: list[Latency] = field(default_factory=list)
    trainings: dict[int, Training] = field(default_factory=dict)
    module_times: dict[int, ModuleTimes] = field(default_factory=dict)
    failures: list[CaseFailure] = field(default_factory=list)
    alters: dict[str, None] = field(default_factory=dict)
    lingers: bool = False
    printed: list[Printed] = field(default_factory=list)
    record: Record | None = None

    def settle(self, stage: Stage) -> None:
        """Forget what the machine lacked at ``stage``: it was tried again."""
        self.record = None
        self.failures = [
            failure
            for failure in self.failures
            if failure.stage != stage or failure.cause != "environment"
        ]


class Assembly:
    """The records of a run, updated as lines are read or measured.

    Samples of a launch are held back until its closing `Launch` line. If a launch has none, the run
    was cut off during it; `run` leaves its samples out and says so in a note, as it does those of a
    launch that failed. Of a measure that was repeated, the last line counts; a failure that was the
    machine's counts until its stage is tried again. ``notes`` say what could not be read.
    """

    def __init__(self, info: RunInfo) -> None:
        self.info = info
        self.notes: tuple[str, ...] = ()
        self.launches: list[Launch] = []
        self.launch_failures: list[LaunchFailure] = []
        self.yardstick: list[Latency] = []
        self.last_launch = 0
        self._cases = {case.key: _CaseLines(case) for case in info.cases}
        self._closed: set[int] = set()
        self._pending: dict[int, list[Latency]] = {}

    def add(self, lines: Iterable[Line]) -> None:
        """Add ``lines`` to their cases; raises KeyError for a case that the run does not list."""
        for line in lines:
            self.last_launch = max(self.last_launch, launch_number(line))
            if isinstance(line, Launch):
                self._close(line)
            elif isinstance(line, LaunchFailure):
                self.launch_failures.append(line)
                self._pending.pop(line.launch, None)
            elif isinstance(line, Latency):
                self._add_samples(line)
            else:
                self._add_to_case(line)

    def forget_environment_failures(self) -> None:
        """Forget failures that were the machine's, so that their stages are tried again."""
        for lines in self._cases.values():
            for failure in lines.failures:
                if failure.cause == "environment":
                    lines.settle(failure.stage)

    def record(self, key: str) -> Record:
        """The record of the case ``key``."""
        lines = self._cases[key]
        if lines.record is None:
            lines.record = Record(
                case=lines.case,
                measurements=dict(lines.measurements),
                latencies=tuple(lines.latencies),
                trainings=tuple(training for _, training in sorted(lines.trainings.items())),
                module_times=tuple(times for _, times in sorted(lines.module_times.items())),
                failures=tuple(lines.failures),
                alters=tuple(lines.alters),
                lingers=lines.lingers,
                printed=tuple(lines.printed),
            )
        return lines.record

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of all cases, in suite order."""
        return tuple(map(self.record, self._cases))

    def run(self) -> Run:
        """The run with all lines added so far."""
        notes = self.notes
        if cut_off := sum(map(len, self._pending.values())):
            cases = "1 case" if cut_off == 1 else f"{cut_off} cases"
            note = f"samples of {cases} in a launch that was cut off are ignored"
            notes = (*notes, note)
        if self.launch_failures:
            notes = (*notes, self._failures_note())
        return Run(
            info=self.info,
            records=self.records,
            launches=tuple(self.launches),
            yardstick=tuple(self.yardstick),
            last_launch=self.last_launch,
            notes=notes,
        )

    def _failures_note(self) -> str:
        """How many launches failed and why the last did, and the cases that have no other."""
        number, last = len(self.launch_failures), self.launch_failures[-1]
        words = "1 launch failed and is" if number == 1 else f"{number} launches failed and are"
        text = f"{words} ignored; launch {last.launch}: {last.reason}"
        tried = dict.fromkeys(key for failure in self.launch_failures for key in failure.cases)
        records = [self.record(key) for key in tried]
        labels = [
            f"{record.case.label} ({record.case.mode})"
            for record in records
            if not record.latencies and not record.has_failed
        ]
        return f"{text}; no launch was completed for {', '.join(labels)}" if labels else text

    def _close(self, launch: Launch) -> None:
        self.launches.append(launch)
        self._closed.add(launch.launch)
        for latency in self._pending.pop(launch.launch, []):
            self._add_samples(latency)

    def _add_samples(self, latency: Latency) -> None:
        if latency.launch not in self._closed:
            self._pending.setdefault(latency.launch, []).append(latency)
        elif latency.case == YARDSTICK:
            self.yardstick.append(latency)
        else:
            lines = self._cases[latency.case]
            lines.latencies.append(latency)
            lines.settle("latency")

    def _add_to_case(
        self,
        line: AnyMeasurement | BlockTraining | ModuleTimes | CaseFailure | Printed | Alterations,
    ) -> None:
        lines = self._cases[line.case]
        lines.record = None
        if isinstance(line, CaseFailure):
            lines.settle(line.stage)
            lines.failures.append(line)
        elif isinstance(line, Alterations):
            lines.alters.update(dict.fromkeys(line.alters))
            lines.lingers |= line.lingers
        elif isinstance(line, Printed):
            lines.printed.append(line)
        elif isinstance(line, BlockTraining):
            lines.settle("training")
            lines.trainings[line.training.seed] = line.training
        elif isinstance(line, ModuleTimes):
            lines.settle("module_times")
            lines.module_times[line.number] = line
        else:
            lines.settle(line.stage)
            lines.measurements[line.stage] = line


def assemble(info: RunInfo, lines: Iterable[Line]) -> Run:
    """The run that ``lines`` make up; raises KeyError for a case that ``info`` does not list."""
    assembly = Assembly(info)
    assembly.add(lines)
    return assembly.run()
