"""The run as it grows: what is measured goes to the run folder, and to what is known so far."""

from collections.abc import Sequence
from threading import RLock

from ..records.assembly import Assembly
from ..records.folder import RunFolder
from ..records.lines import Line
from ..records.run import Record, Run
from . import isolate


class Recorder:
    """Keeps each line of a run in its folder and its assembly. Safe to use from several threads."""

    def __init__(self, folder: RunFolder, assembly: Assembly) -> None:
        self._folder = folder
        self._assembly = assembly
        self._lock = RLock()
        self._last_launch = assembly.last_launch
        self._run: Run | None = None

    def keep(self, lines: Sequence[Line]) -> None:
        """Append ``lines`` to the folder in one write; raises `CspbenchError` where it is full."""
        with self._lock:
            self._folder.append(lines)
            self._assembly.add(lines)
            self._run = None

    def record(self, key: str) -> Record:
        """All that is known of case ``key``."""
        with self._lock:
            return self._assembly.record(key)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of all cases, in suite order."""
        with self._lock:
            return self._assembly.records

    @property
    def launch_count(self) -> int:
        """How many launches are complete."""
        with self._lock:
            return len(self._assembly.launches)

    def run(self) -> Run:
        """All that is known so far; the same object until another line is kept."""
        with self._lock:
            if self._run is None:
                self._run = self._assembly.run()
            return self._run

    def next_launch(self) -> int:
        """A number that no launch of this run had before, cut off or not."""
        with self._lock:
            self._last_launch += 1
            return self._last_launch

    def record_task(
        self, task: str, *arguments: object, time_limit_s: float
    ) -> tuple[list[Line], isolate.Exit | None]:
        """Run ``task`` in a worker and keep each line as it comes; the lines, and how it ended."""
        lines: list[Line] = []

        def receive(line: Line) -> None:
            self.keep([line])
            lines.append(line)

        worker_exit = isolate.run(task, *arguments, time_limit_s=time_limit_s, receive=receive)
        return lines, worker_exit
