"""Recording of lines, both in the run folder and in memory."""

from collections.abc import Sequence
from threading import RLock

from ..records.assembly import Assembly
from ..records.folder import RunFolder
from ..records.lines import Line
from ..records.run import Record, Run
from . import attempts
from .isolate import Exit


class Recorder:
    """Records lines in the folder and the assembly of a run. Thread-safe."""

    def __init__(self, folder: RunFolder, assembly: Assembly) -> None:
        self._folder = folder
        self._assembly = assembly
        self._lock = RLock()
        self._last_launch = assembly.last_launch
        self._run: Run | None = None

    def keep(self, lines: Sequence[Line]) -> list[Line]:
        """Append ``lines`` to the folder in one write, and return them as they were recorded.

        A line that cannot be recorded becomes a failure. Raises `CspbenchError` if writing fails.
        """
        with self._lock:
            recorded = self._folder.append(lines)
            self._assembly.add(recorded)
            self._run = None
            return recorded

    def record(self, key: str) -> Record:
        """The record of the case ``key``."""
        with self._lock:
            return self._assembly.record(key)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of all cases, in suite order."""
        with self._lock:
            return self._assembly.records

    @property
    def launch_count(self) -> int:
        """The number of complete launches."""
        with self._lock:
            return len(self._assembly.launches)

    def run(self) -> Run:
        """The run with all lines recorded so far; cached until another line is recorded."""
        with self._lock:
            if self._run is None:
                self._run = self._assembly.run()
            return self._run

    def next_launch(self) -> int:
        """A new number for a launch, not used by any launch before, cut off or not."""
        with self._lock:
            self._last_launch += 1
            return self._last_launch

    def record_task(
        self, task: str, *arguments: object, time_limit_s: float
    ) -> tuple[list[Line], Exit | None]:
        """Run ``task`` in a worker and record its lines (`attempts.run_recorded`)."""
        return attempts.run_recorded(task, *arguments, time_limit_s=time_limit_s, keep=self.keep)
