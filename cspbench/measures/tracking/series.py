"""The live bytes of one call, operator by operator, and what of them its modules take."""

from collections import defaultdict
from dataclasses import dataclass, field

from ...records.memory_series import KINDS, Changes, Kind, MemorySeries, ModuleMemory
from ..execution.call import Call, Phase
from ..execution.trees import tensors
from .names import Names
from .peaks import warm_tracker
from .saved import saved_by_autograd
from .storages import StorageTracker, TrackedStorage


def series(call: Call) -> MemorySeries:
    """The series of one call, exactly that of which `track` gives the peak.

    What autograd saves is seen by hooks, in a further call, because hooks may change what runs.
    """
    modules = Names()
    recorder = _Recorder(modules)
    with warm_tracker(call, recorder.enter, recorder.leave) as tracker:
        recorder.start(tracker)
        with tracker:
            call(recorder.begin_phase)
        recorder.end()
    by_module = recorder.by_module()
    saved, failure = saved_by_autograd(call, modules) if call.training else (None, None)
    return MemorySeries(
        case=call.case.key,
        operators=recorder.operators.all,
        modules=modules.all,
        begins=tuple(recorder.begins),
        steps=tuple(recorder.steps),
        operator=tuple(recorder.operator),
        module=tuple(recorder.module),
        changes=recorder.changes(),
        by_module=by_module,
        saved=saved,
        saved_failure=failure,
    )


@dataclass(slots=True)
class _Frame:
    """A running call of a module: what was live at its entry, and the most since."""

    entered_after: int
    live_at_entry: int
    highest: int


@dataclass(slots=True)
class _ModuleCalls:
    number: int = 0
    needed: int = 0
    working: int = 0
    outputs: dict[int, TrackedStorage] = field(default_factory=dict)

    def add(self, needed: int, outputs: dict[int, TrackedStorage]) -> None:
        """Count a call that needed so many bytes, and made the storages of its output."""
        if not self.number or needed > self.needed:
            size = sum(storage.size for storage in outputs.values())
            self.needed, self.working = needed, max(0, needed - size)
        self.number += 1
        self.outputs |= outputs


class _Recorder:
    """Records the points of a call and the needs of its modules' calls."""

    def __init__(self, modules: Names) -> None:
        self._modules = modules
        self.operators = Names()
        self.begins: list[int] = []
        self.steps: list[int] = []
        self.operator: list[int] = []
        self.module: list[int] = []
        self._last_number = 0
        self._live: dict[str, int] = {}
        self._changes: dict[Kind, list[tuple[int, int]]] = defaultdict(list)
        self._frames: list[_Frame] = []
        self._calls: dict[str, _ModuleCalls] = {}

    def start(self, tracker: StorageTracker) -> None:
        """Record what ``tracker`` sees from now on."""
        self._tracker = tracker
        self._started_after = tracker.ended
        self._live = dict.fromkeys(tracker.live, 0)
        tracker.on_operator = self._after_operator

    def begin_phase(self, phase: Phase) -> None:
        """Record what is live at the start of a phase."""
        self._tracker.begin_phase(phase)
        self.begins.append(len(self.steps))
        self._add_point("", "")

    def end(self) -> None:
        """Record what is live at the end of the call."""
        self._add_point("", "")

    def enter(self, path: str, _arguments: object) -> None:
        """Note what is live when a module is called."""
        if self._tracker.kind != "activations":  # a checkpoint runs it again for the backward
            return
        self._calls.setdefault(path, _ModuleCalls())
        total = self._tracker.total
        self._close_to(len(self._tracker.stack))  # those of modules that raised
        self._frames.append(_Frame(self._tracker.ended, total, total))

    def leave(self, path: str, output: object) -> None:
        """Note what a module needed, and what of it its output holds."""
        depth = len(self._tracker.stack)
        if self._tracker.kind != "activations" or depth >= len(self._frames):
            return
        self._close_to(depth + 1)
        frame = self._frames[depth]
        self._close_to(depth)
        made = {
            id(storage): storage
            for tensor in tensors(output)
            for storage in self._tracker.storages_of(tensor)
            if storage.made_by > frame.entered_after
        }
        self._calls[path].add(frame.highest - frame.live_at_entry, made)

    def by_module(self) -> tuple[ModuleMemory, ...]:
        """What each module took, in the order of their first calls."""
        return tuple(
            ModuleMemory(
                module=self._modules.index(path),
                calls=calls.number,
                output_bytes=sum(storage.size for storage in calls.outputs.values()),
                freed_after=self._freed_after(calls),
                needed_bytes=calls.needed,
                working_bytes=calls.working,
            )
            for path, calls in self._calls.items()
            if calls.number
        )

    def changes(self) -> dict[Kind, Changes]:
        """The changes of each kind."""
        changes: dict[Kind, Changes] = {}
        for kind, pairs in self._changes.items():
            indices = [index for index, _ in pairs]
            steps = (after - before for before, after in zip([0, *indices], indices, strict=False))
            changes[kind] = Changes(steps=tuple(steps), bytes=tuple(size for _, size in pairs))
        return changes

    def _freed_after(self, calls: _ModuleCalls) -> int | None:
        ends = [storage.freed_after for storage in calls.outputs.values()]
        known = [end for end in ends if end is not None]
        if len(known) < len(ends):
            return None
        return max(known, default=self._started_after) - self._started_after

    def _close_to(self, depth: int) -> None:
        """Close the calls inside the ``depth`` outermost ones; their highest is that of these."""
        while len(self._frames) > depth:
            frame = self._frames.pop()
            if self._frames:
                self._frames[-1].highest = max(self._frames[-1].highest, frame.highest)

    def _after_operator(self, operator: str) -> None:
        if self._frames:
            self._frames[-1].highest = max(self._frames[-1].highest, self._tracker.total)
        if self._tracker.live != self._live:
            self._add_point(operator, self._tracker.running_module())

    def _add_point(self, operator: str, module: str) -> None:
        number = self._tracker.ended - self._started_after
        for kind in KINDS:
            if difference := self._tracker.live[kind] - self._live[kind]:
                self._changes[kind].append((len(self.steps), difference))
        self._live = dict(self._tracker.live)
        self.steps.append(number - self._last_number)
        self._last_number = number
        self.operator.append(self.operators.index(operator))
        self.module.append(self._modules.index(module))
