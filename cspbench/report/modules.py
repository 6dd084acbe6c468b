"""The modules of a model as rows of a table: a tree in which repeated modules are folded."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..choices import Depth
from ..plan.labels import plain
from ..records.layers import Layer
from ..units import shape_text

FITTING_ROWS = 60
"""Where no depth is given, the most rows of the deepest table that is shown."""

DEEPEST = 50
"""The most levels of a table: no model nests so deep, but a record may say so."""

_FEWEST = 3  # modules that are folded: two, such as the halves of a cut, are often to be compared
_DIGITS = "0123456789"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleRow:
    """One row of a table of modules: one module, or ``number`` repeated ones after each other.

    ``layers`` are these modules; in a row below a folded one, those of every repetition. ``hidden``
    are modules below them that have no row. ``path`` is their dotted name, as in
    ``stages.0.layers.0–5.conv``; '' for the whole model.
    """

    path: str
    type: str
    depth: int
    number: int = 1
    layers: tuple[Layer, ...]
    hidden: tuple[Layer, ...] = ()
    children: tuple["ModuleRow", ...] = ()

    @property
    def title(self) -> str:
        """The type, with the number of folded modules: ``6 × DenseLayer``."""
        return self.type if self.number == 1 else f"{self.number} × {self.type}"

    @property
    def name(self) -> str:
        """The last part of the dotted name; ``model`` for the whole model."""
        return self.path.rpartition(".")[2] or "model"

    @property
    def output_shape(self) -> str:
        """The shape of the output; '' if the module was not called."""
        shapes = {layer.output_shape for layer in self.layers} - {None}
        if len(shapes) > 1:
            return "several"
        return shape_text(shape) if (shape := next(iter(shapes), None)) else ""

    @property
    def own(self) -> tuple[Layer, ...]:
        """The modules whose figures are the row's own: its modules and those without a row."""
        return self.layers + self.hidden

    def walk(self) -> Iterator["ModuleRow"]:
        """This row and all rows below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def own_sum(self, figures: Mapping[str, float]) -> float:
        """The sum of the row's own ``figures``, given by dotted names; a missing one is 0."""
        return sum(figures.get(layer.path, 0) for layer in self.own)

    def total(self, figures: Mapping[str, float]) -> float:
        """The sum of ``figures`` of the row and of all rows below it."""
        return sum(row.own_sum(figures) for row in self.walk())


def module_rows(layers: Sequence[Layer], depth: Depth | None = None) -> list[ModuleRow]:
    """The rows of ``layers`` down to ``depth``, by default the deepest that takes 60 rows at most.

    Modules that follow each other in the module that holds them are folded if they are at least
    three, their types, those of all modules in them and their output shapes are the same, and their
    names differ in a number alone. Figures of folded modules are summed, and those of modules
    below ``depth`` are their row's own.
    """
    trees = _trees(layers, is_folded=depth != "all")
    limit = _fitting_depth(trees) if depth is None else DEEPEST if depth == "all" else depth
    return [row for tree in trees for row in _cut(tree, limit).walk()]


def _fitting_depth(trees: Iterable[ModuleRow]) -> int:
    """The deepest level at which there are at most `FITTING_ROWS` rows; 1 if there is none."""
    numbers = Counter(row.depth for tree in trees for row in tree.walk())
    depth, rows = 1, numbers[0] + numbers[1]
    while numbers[depth + 1] and rows + numbers[depth + 1] <= FITTING_ROWS:
        depth += 1
        rows += numbers[depth]
    return depth


def _cut(row: ModuleRow, depth: int) -> ModuleRow:
    """``row`` without rows deeper than ``depth``, whose modules it hides."""
    if row.depth >= depth:
        below = [child for tree in row.children for child in tree.walk()]
        hidden = tuple(layer for child in below for layer in child.own)
        return replace(row, children=(), hidden=row.hidden + hidden)
    return replace(row, children=tuple(_cut(child, depth) for child in row.children))


def _trees(layers: Sequence[Layer], *, is_folded: bool) -> list[ModuleRow]:
    """The rows of all modules that no other holds, with those below them."""
    paths = {layer.path for layer in layers}
    held: dict[str | None, list[Layer]] = defaultdict(list)
    for layer in layers:
        held[_holder(layer.path, paths)].append(layer)
    structures = _structures(layers, held)

    def rows(
        groups: list[tuple[Layer, ...]], depth: int = 0, holder: str = ""
    ) -> tuple[ModuleRow, ...]:
        runs = _runs(groups, structures) if is_folded else [[group] for group in groups]
        return tuple(row(run, depth, f"{holder}." if holder else "") for run in runs)

    def row(run: list[tuple[Layer, ...]], depth: int, prefix: str) -> ModuleRow:
        path = prefix + _run_name(run)
        members = tuple(layer for group in run for layer in group)
        children = list(zip(*(held[layer.path] for layer in members), strict=True))
        return ModuleRow(
            path=path,
            type=plain(members[0].type),
            depth=depth,
            number=len(run),
            layers=members,
            hidden=() if depth < DEEPEST else tuple(_below(members, held)),
            children=rows(children, depth + 1, path) if depth < DEEPEST else (),
        )

    return list(rows([(layer,) for layer in held[None]]))


def _below(members: Iterable[Layer], held: Mapping[str | None, list[Layer]]) -> Iterator[Layer]:
    """All modules that ``members`` hold, at any level."""
    queue = [child for layer in members for child in held[layer.path]]
    while queue:
        layer = queue.pop()
        yield layer
        queue += held[layer.path]


def _holder(path: str, paths: set[str]) -> str | None:
    """The name of the innermost module that holds ``path``; None if there is none."""
    if not path:
        return None
    holder = path
    while holder:
        holder = holder.rpartition(".")[0]
        if holder in paths:
            return holder
    return None


def _structures(layers: Sequence[Layer], held: Mapping[str | None, list[Layer]]) -> dict[str, int]:
    """A number for each module; equal for those with equal types and names of all modules below."""
    numbers: dict[object, int] = {}
    structures: dict[str, int] = {}
    for layer in sorted(layers, key=lambda layer: layer.path.count("."), reverse=True):
        if not layer.path:
            continue
        below = [(_name(child), structures[child.path]) for child in held[layer.path]]
        key = layer.type, tuple(below)
        structures[layer.path] = numbers.setdefault(key, len(numbers))
    return structures


def _runs(
    groups: Iterable[tuple[Layer, ...]], structures: Mapping[str, int]
) -> list[list[tuple[Layer, ...]]]:
    """``groups`` in lists of those that are folded, and of each other one."""

    def key(group: tuple[Layer, ...]) -> object:
        shapes = tuple(layer.output_shape for layer in group)
        return _name(group[0]).rstrip(_DIGITS), structures.get(group[0].path), shapes

    runs: list[list[tuple[Layer, ...]]] = []
    for group in groups:
        if runs and key(runs[-1][0]) == key(group):
            runs[-1].append(group)
        else:
            runs.append([group])
    return [
        part
        for run in runs
        for part in ([run] if len(run) >= _FEWEST else [[group] for group in run])
    ]


def _name(layer: Layer) -> str:
    return layer.path.rpartition(".")[2]


def _run_name(run: Sequence[tuple[Layer, ...]]) -> str:
    """The name of a module, or of the first and the last that are folded: ``denselayer1–6``."""
    first, last = (_name(group[0]) for group in (run[0], run[-1]))
    if len(run) == 1:
        return plain(first)
    return plain(f"{first}–{last[len(last.rstrip(_DIGITS)) :]}")
