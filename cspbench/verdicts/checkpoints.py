"""Which modules to checkpoint: what that frees in training, and what has to run again for it.

A checkpoint (`torch.utils.checkpoint`) keeps a module's input, drops what autograd saves inside
it, and runs its forward pass once more when the backward pass reaches it.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..records.layers import Layer
from ..records.memory_series import Change, MemorySeries, SavedTensors


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A checkpoint around each of the modules ``paths``, none of which is inside another.

    ``freed_bytes``: how much less is live after the forward pass; negative if the inputs that it
    keeps are larger. ``highest_bytes``: the most saved at once, what runs again included; without
    checkpoints, all that is saved. ``macs`` run once more.
    """

    paths: tuple[str, ...]
    type: str
    freed_bytes: int
    highest_bytes: int
    macs: int


class Saved:
    """What autograd saves in a training step, by module, and what checkpoints would change."""

    def __init__(self, series: MemorySeries) -> None:
        saved = series.saved or SavedTensors(storages=(), inputs=(), held=())
        self._sizes = [storage.size_bytes for storage in saved.storages]
        self._savers = [len(storage.savers) for storage in saved.storages]
        self._held = frozenset(saved.held)
        self._until = [
            0,
            *accumulate(
                size if savers or index in self._held else 0
                for index, (size, savers) in enumerate(zip(self._sizes, self._savers, strict=True))
            ),
        ]
        self.total_bytes = self._until[-1]
        self._own: Counter[str] = Counter()
        self._shared: Counter[str] = Counter()
        self._within: dict[str, Counter[int]] = defaultdict(Counter)
        for index, storage in enumerate(saved.storages):
            paths = [series.modules[saver] for saver in storage.savers]
            for number, path in enumerate(paths):
                (self._shared if number else self._own)[path] += storage.size_bytes
                for ancestor in ancestors(path):
                    self._within[ancestor][index] += 1
        self._inputs = {
            series.modules[inputs.module]: frozenset(inputs.storages) for inputs in saved.inputs
        }
        self.changed_inputs: dict[str, Change] = {
            series.modules[inputs.module]: inputs.changed
            for inputs in saved.inputs
            if inputs.changed
        }

    def can_checkpoint(self, path: str) -> bool:
        """Whether the module ``path`` is called, and can run again with the input that it had."""
        return path in self._inputs and self.changed_inputs.get(path) != "in_place"

    def saved_bytes(self, path: str) -> int:
        """The bytes that the module ``path``, its children included, was the first to save."""
        return _below(self._own, path)

    def shared_bytes(self, path: str) -> int:
        """The bytes that it saved, too, but another module had saved before."""
        within = self._within[path]
        return sum(self._sizes[index] for index in within) - self.saved_bytes(path)

    def checkpoint(self, paths: Sequence[str], kind: str, macs: int) -> Checkpoint:
        """A checkpoint around each of ``paths``."""
        inside: Counter[int] = Counter()
        inputs: set[int] = set()
        for path in paths:
            inside.update(self._within[path])
            if self._within[path]:  # else the checkpoint keeps nothing
                inputs |= self._inputs.get(path, frozenset())
        kept = self._held | inputs
        freed = sorted(
            index
            for index, savers in inside.items()
            if savers == self._savers[index] and index not in kept
        )
        added = sum(self._sizes[i] for i in inputs if not self._savers[i] and i not in self._held)
        freed_until = [0, *accumulate(self._sizes[index] for index in freed)]
        after = self.total_bytes - freed_until[-1] + added
        highest = after
        is_freed = frozenset(freed)
        for path in paths:
            own = self._within[path]
            if not own:
                continue
            last = max(own)  # what was saved later is no longer needed then
            again = sum(self._sizes[index] for index in own if index in is_freed)
            held = sum(self._sizes[index] for index in self._held if index > last)
            missing = freed_until[bisect_right(freed, last)]
            highest = max(highest, self._until[last + 1] - missing + again + added + held)
        return Checkpoint(
            paths=tuple(paths),
            type=kind,
            freed_bytes=self.total_bytes - after,
            highest_bytes=highest,
            macs=macs,
        )


def candidates(series: MemorySeries, layers: Sequence[Layer]) -> list[Checkpoint]:
    """The checkpoints that lower the most that is saved at once, the lowest first.

    Tried are each module, the children of one type of each module, and the outermost modules of
    each type. Modules that overwrite their input, or whose input is overwritten later, cannot run
    again. Checkpoints that run as many MACs again as one that is lower, or more, are left out.
    """
    saved = Saved(series)
    macs = macs_below(layers)
    types = {layer.path: layer.type for layer in layers}
    paths = [
        path
        for path in (series.modules[row.module] for row in series.by_module)
        if path in types and saved.can_checkpoint(path)
    ]
    checkpoints = [
        saved.checkpoint(group, types[group[0]], sum(macs[path] for path in group))
        for group in dict.fromkeys(_groups(paths, types))
    ]
    front: list[Checkpoint] = []
    order = sorted(checkpoints, key=lambda item: (item.highest_bytes, item.macs, len(item.paths)))
    for checkpoint in order:
        is_lower = checkpoint.highest_bytes < saved.total_bytes
        if is_lower and (not front or checkpoint.macs < front[-1].macs):
            front.append(checkpoint)
    return front


def macs_below(layers: Iterable[Layer]) -> Counter[str]:
    """The MACs of each module, those of its children and of all products included."""
    macs: Counter[str] = Counter()
    for layer in layers:
        for path in ancestors(layer.path):
            macs[path] += layer.products
    return macs


def ancestors(path: str) -> Iterator[str]:
    """``path`` and the paths of all modules that it is in, up to '', the whole model.

    >>> list(ancestors("a.b"))
    ['a.b', 'a', '']
    """
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""


def _below(sizes: Counter[str], path: str) -> int:
    return sum(size for key, size in sizes.items() if path in ancestors(key))


def _groups(paths: Sequence[str], types: dict[str, str]) -> Iterator[tuple[str, ...]]:
    children: dict[tuple[str, str], list[str]] = defaultdict(list)
    outermost: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        yield (path,)
        above = list(ancestors(path))[1:] if path else []
        if above:
            children[above[0], types[path]].append(path)
        if types[path] not in {types.get(ancestor) for ancestor in above}:
            outermost[types[path]].append(path)
    for group in (*children.values(), *outermost.values()):
        yield tuple(group)
