"""Networks as graphs: TOML tables of layers in parts, with scales; read and checked without torch.

A row is ``[from, repeat, module, arguments]``. ``from`` is the number of a layer, counted from 0
over all parts, or a negative one that counts back from the row, or a list of these; before the
first layer stands the image. ``module`` is an entry of the YOLO family or a layer of
`graph_layers`, whose ``arguments`` the table gives.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from ..errors import CspbenchError, unknown
from ..files import read_file
from ..toml import MAX_BYTES, parse_toml
from . import graph_layers, yolo
from .entry import GRAPH_SUFFIX, Entry, Parameter, Shape, Value
from .parameters import ACTIVATIONS

MODULES: Mapping[str, Entry] = {entry.name: entry for entry in yolo.ENTRIES}
"""What may be swapped for each other: all take ``c1`` channels and return ``c2``."""

KNOWN: Mapping[str, Entry] = {entry.name: entry for entry in (*yolo.ENTRIES, *graph_layers.LAYERS)}
"""What a row may name."""
CHANNELS = ("c3", "c4", "mid")
"""Arguments beside ``c2`` that count channels, and are scaled by a graph's width."""

OPTIONS = ("classes", "one_to_many")
"""Arguments of heads that are set for a network as a whole."""

_Repeat = Annotated[int, msgspec.Meta(ge=1, le=1000)]
_Factor = Annotated[float, msgspec.Meta(gt=0, le=100)]
_Number = Annotated[int, msgspec.Meta(ge=-1000, le=1000)]
_MAX_LAYERS = 1000
_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,39}$"
_Name = Annotated[str, msgspec.Meta(pattern=_NAME)]


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A layer: where its input comes from, how often it is repeated, its module and arguments."""

    source: _Number | tuple[_Number, ...]
    repeat: _Repeat
    module: str
    arguments: dict[str, Value] = {}


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Factors of a variant: ``depth`` of repeats, ``width`` of channels up to ``max_channels``."""

    depth: _Factor = 1.0
    width: _Factor = 1.0
    max_channels: Annotated[int, msgspec.Meta(ge=1)] = 1 << 16

    def repeats(self, repeat: int) -> int:
        """``repeat`` scaled by the depth and rounded, but at least one; one stays one.

        >>> Scale(depth=0.33).repeats(9), Scale(depth=0.33).repeats(1)
        (3, 1)
        """
        return max(round(repeat * self.depth), 1) if repeat > 1 else repeat

    def channels(self, channels: int) -> int:
        """``channels``, at most ``max_channels``, scaled by the width and rounded up to 8.

        >>> Scale(width=0.25).channels(64), Scale(width=1.5, max_channels=512).channels(1024)
        (16, 768)
        """
        return math.ceil(min(channels, self.max_channels) * self.width / 8) * 8


class Graph(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file: the network's layers by part, and the variants that it comes in."""

    description: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "your own graph"
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "your own"
    input: Shape = (1, 3, 640, 640)
    activation: str = "silu"
    scales: dict[_Name, Scale] = {}
    parts: dict[_Name, Annotated[tuple[Row, ...], msgspec.Meta(min_length=1)]]

    def scale(self, name: str) -> Scale:
        """The variant ``name``; '' is the first, or the numbers as they stand if there is none."""
        if not name:
            return next(iter(self.scales.values()), Scale())
        if not self.scales:
            raise CspbenchError(f"no scale {name!r}; the graph has none")
        if name not in self.scales:
            raise unknown("scale", name, self.scales)
        return self.scales[name]

    def rows(self) -> Iterator[tuple[int, str, Row]]:
        """Every row with its number and its part, in order."""
        placed = [(part, row) for part, rows in self.parts.items() for row in rows]
        for number, (part, row) in enumerate(placed):
            yield number, part, row


@dataclass(frozen=True, slots=True)
class Layer:
    """A checked row: the layers that it takes, and its module's entry."""

    number: int
    part: str
    sources: tuple[int, ...]
    row: Row

    @property
    def place(self) -> str:
        """Where the row is, for messages."""
        return f"{self.part}, layer {self.number} ({self.row.module})"


def read(path: Path) -> Graph:
    """The graph in the file ``path``; raises `CspbenchError` like `parse`, or if unreadable."""
    try:
        return parse(read_file(path, MAX_BYTES).decode())
    except OSError as error:
        raise CspbenchError(f"cannot read graph {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CspbenchError(f"graph {path}: not UTF-8 text") from error
    except CspbenchError as error:
        raise CspbenchError(f"graph {path}: {error}") from error


def is_graph_file(name: str) -> bool:
    """Whether ``name`` is a TOML file with parts, unlike a suite; False if it cannot be read."""
    try:
        return name.endswith(GRAPH_SUFFIX) and "parts" in parse_toml(
            read_file(Path(name), MAX_BYTES).decode()
        )
    except (OSError, UnicodeDecodeError, CspbenchError):
        return False


def parse(text: str) -> Graph:
    """The graph that ``text`` holds; raises `CspbenchError` for rows that cannot stand so.

    What only a module refuses is said, with its layer, when the network is built.
    """
    try:
        graph = msgspec.convert(parse_toml(text), Graph)
    except msgspec.ValidationError as error:
        raise CspbenchError(f"not a graph: {error}") from error
    if not graph.parts:
        raise CspbenchError("no parts; add layers, as in [parts] with backbone = [[-1, 1, …], …]")
    if len(graph.input) != 4 or min(graph.input) < 1:
        raise CspbenchError(f"input must be N,C,H,W of positive numbers, got {list(graph.input)}")
    if graph.activation not in ACTIVATIONS:
        raise unknown("activation", graph.activation, ACTIVATIONS)
    count = len(list(graph.rows()))
    if count > _MAX_LAYERS:
        raise CspbenchError(f"a graph has at most {_MAX_LAYERS} layers, got {count}")
    for layer in layers(graph):
        _check(layer)
    _check_uses(graph)
    multiple = max(strides(graph).values())
    if any(size % multiple for size in graph.input[2:]):
        raise CspbenchError(
            f"input must have H and W that are multiples of {multiple}, got {list(graph.input)}"
        )
    return graph


def layers(graph: Graph) -> Iterator[Layer]:
    """Every row with the layers that it takes; raises `CspbenchError` for one that is not there."""
    for number, part, row in graph.rows():
        named = row.source if isinstance(row.source, tuple) else (row.source,)
        sources = tuple(source if source >= 0 else number + source for source in named)
        layer = Layer(number, part, sources, row)
        for source in sources:
            if not -1 <= source < number:
                raise CspbenchError(f"{layer.place}: takes layer {source}, which is not before it")
        yield layer


def strides(graph: Graph) -> dict[int, int]:
    """The size of the image over that of each layer's output, by the layer's number.

    -1 is the image; heads return no map. Raises `CspbenchError` for a layer that takes a head, for
    maps of several sizes that are joined, and for one larger than the image.
    """
    by_layer = {-1: 1}
    for layer in layers(graph):
        for source in layer.sources:
            if source not in by_layer:
                raise CspbenchError(f"{layer.place}: layer {source} returns no feature map")
        taken = [by_layer[source] for source in layer.sources]
        row = layer.row
        if row.module in graph_layers.HEADS:
            continue
        if len(set(taken)) > 1:
            raise CspbenchError(
                f"{layer.place}: takes maps of one size, got strides {', '.join(map(str, taken))}"
            )
        if row.module == graph_layers.UPSAMPLE:
            if taken[0] == 1:
                raise CspbenchError(f"{layer.place}: the map is as large as the image")
            by_layer[layer.number] = taken[0] // 2
        else:
            by_layer[layer.number] = taken[0] * _stride(row)
    return by_layer


def _stride(row: Row) -> int:
    if row.module in graph_layers.HALVING:
        return 2
    return int(row.arguments.get("stride", 1))


def parameters(graph: Graph) -> tuple[Parameter, ...]:
    """What can be set of a network: modules of its parts, classes, branches, the activation.

    ``PART.MODULE`` names what stands in place of each such module of a part.
    """
    used = dict.fromkeys(
        (part, row.module) for _, part, row in graph.rows() if row.module in MODULES
    )
    swaps = [
        Parameter(
            name=f"{part}.{module}",
            default=module,
            help="module in place of each of that name in the part",
            choices=tuple(MODULES),
        )
        for part, module in used
    ]
    return (*swaps, *_options(graph))


def _options(graph: Graph) -> Iterator[Parameter]:
    """The parameters that a network has as a whole: those of its head, and its activation."""
    for name in OPTIONS:
        for _, _, row in graph.rows():
            parameter = _parameter(row.module, name)
            if parameter and (name != "one_to_many" or row.arguments.get("one_to_one")):
                default = row.arguments.get(name, parameter.default)
                yield dataclasses.replace(parameter, default=default)
                break
    yield Parameter(
        name="activation",
        default=graph.activation,
        help="activation of all modules that have one and name none",
        choices=ACTIVATIONS,
    )


def means_same(argument: str, module: str, other: str) -> bool:
    """Whether both modules have the ``argument``, described in the same words."""
    first, second = (_parameter(name, argument) for name in (module, other))
    return first is not None and second is not None and first.help == second.help


def _parameter(module: str, name: str) -> Parameter | None:
    return next((item for item in KNOWN[module].parameters if item.name == name), None)


def _check(layer: Layer) -> None:
    """Raise `CspbenchError` for a module that is not known, or that cannot stand so."""
    row = layer.row
    if row.module not in KNOWN:
        raise CspbenchError(f"{layer.place}: {unknown('module', row.module, KNOWN)}")
    takes_one = row.module not in {graph_layers.CONCAT, graph_layers.DETECT}
    if not layer.sources or (takes_one and len(layer.sources) > 1):
        number = "one layer" if takes_one else "at least one layer"
        raise CspbenchError(
            f"{layer.place}: takes the output of {number}, got {len(layer.sources)}"
        )
    for name in ("c1", "n"):
        if name in row.arguments:
            source = "the layer before" if name == "c1" else "the row's second value"
            raise CspbenchError(f"{layer.place}: {name} comes from {source}; leave it out")
    try:
        KNOWN[row.module].arguments(row.arguments)
    except CspbenchError as error:
        raise CspbenchError(f"{layer.place}: {error}") from error
    if row.repeat > 1 and (not _parameter(row.module, "c1") or _stride(row) > 1):
        raise CspbenchError(f"{layer.place}: cannot be repeated, got {row.repeat}")
    if row.module == "conv" and _stride(row) == 1 and int(row.arguments.get("k", 1)) % 2 == 0:
        raise CspbenchError(
            f"{layer.place}: an even k changes H and W at stride 1, got {row.arguments['k']}"
        )
    kinds = row.arguments.get("one_to_many", True), row.arguments.get("one_to_one", False)
    if row.module == graph_layers.DETECT and not any(kinds):
        raise CspbenchError(f"{layer.place}: needs one_to_one, one_to_many or both")


def _check_uses(graph: Graph) -> None:
    """Raise `CspbenchError` for a layer whose output no other takes, unless it is the last."""
    *others, _ = all_layers = list(layers(graph))
    taken = {source for layer in all_layers for source in layer.sources}
    for layer in others:
        if layer.number not in taken:
            raise CspbenchError(
                f"{layer.place}: no layer takes its output, and only the last layer's is returned"
            )
