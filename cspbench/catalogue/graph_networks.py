"""Building of networks from graphs: channels and strides followed from layer to layer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import CspbenchError
from . import graph_layers
from .entry import Entry, Value
from .graphs import CHANNELS, KNOWN, OPTIONS, Graph, Layer, Scale, layers

Resolve = Callable[[str], Callable[..., Any]]

_KEPT_IN_A_SWAP = ("c2", "shortcut", "groups", "e")
"""Arguments of a row that mean the same in every module, so that another one keeps them."""


@dataclass(frozen=True, slots=True)
class _Map:
    """A layer's output: its channels, and the image's size over its own."""

    channels: int
    stride: float


def network(graph: Graph, scale: str, arguments: Mapping[str, Value], resolve: Resolve) -> Any:
    """The module of ``graph`` in the variant ``scale``, with ``arguments`` as `parameters` says.

    ``resolve`` gives the builder that a reference names. Raises `CspbenchError` for layers whose
    maps do not fit together.
    """
    builder = _Builder(graph.scale(scale), arguments, resolve)
    maps: dict[int, _Map] = {-1: _Map(graph.input[1], 1)}
    node = resolve(".blocks.graph:Node")
    parts: dict[str, list[Any]] = {name: [] for name in graph.parts}
    for layer in layers(graph):
        sources = []
        for source in layer.sources:
            if source not in maps:
                raise CspbenchError(f"{layer.place}: layer {source} returns no feature map")
            sources.append(maps[source])
        module, output = builder.built(layer, sources)
        parts[layer.part].append(node(layer.sources, module))
        if output is not None:
            maps[layer.number] = output
    stride = int(max(item.stride for item in maps.values()))
    return resolve(".blocks.graph:GraphNetwork")(parts, stride=stride)


@dataclass(frozen=True, slots=True)
class _Builder:
    scale: Scale
    arguments: Mapping[str, Value]
    resolve: Resolve

    def built(self, layer: Layer, maps: list[_Map]) -> tuple[Any, _Map | None]:
        """The module of ``layer``, which takes ``maps``, and its output; None if it is no map."""
        row = layer.row
        options = {name: self.arguments[name] for name in OPTIONS if name in self.arguments}
        strides = [item.stride for item in maps]
        match row.module:
            case graph_layers.UPSAMPLE:
                return self._made(KNOWN[row.module], {}), _Map(maps[0].channels, strides[0] / 2)
            case graph_layers.CONCAT:
                if len(set(strides)) > 1:
                    raise CspbenchError(
                        f"{layer.place}: takes maps of one size, got strides "
                        f"{', '.join(f'{stride:g}' for stride in strides)}"
                    )
                total = sum(item.channels for item in maps)
                return self._made(KNOWN[row.module], {}), _Map(total, strides[0])
            case graph_layers.DETECT:
                return self._made(
                    KNOWN[row.module],
                    row.arguments | options,
                    {
                        "channels": [item.channels for item in maps],
                        "strides": [int(stride) for stride in strides],
                    },
                ), None
            case graph_layers.CLASSIFY:
                channels = {"channels": maps[0].channels}
                return self._made(KNOWN[row.module], row.arguments | options, channels), None
            case _:
                return self._convolutional(layer, maps[0])

    def _convolutional(self, layer: Layer, source: _Map) -> tuple[Any, _Map]:
        """A module from ``c1`` to ``c2`` channels, or that which stands in its place."""
        row = layer.row
        name = str(self.arguments.get(f"{layer.part}.{row.module}", row.module))
        entry = KNOWN[name]
        given = dict(row.arguments)
        if name != row.module:
            given = {key: value for key, value in given.items() if key in _KEPT_IN_A_SWAP}
        c2 = self.scale.channels(int(given["c2"])) if "c2" in given else source.channels
        known = {parameter.name: parameter.default for parameter in entry.parameters}
        for key in CHANNELS:
            if key in given:
                given[key] = self.scale.channels(int(given[key]))
            elif key in known:  # in the default's proportion to c2, and even
                given[key] = max(2, c2 * int(known[key]) // int(known["c2"]) // 2 * 2)
        repeats = self.scale.repeats(row.repeat)
        if "n" in known:
            given["n"], repeats = repeats, 1
        modules = [
            self._made(entry, given | {"c1": c1, "c2": c2})
            for c1 in (source.channels, *[c2] * (repeats - 1))
        ]
        module = modules[0] if repeats == 1 else self.resolve("torch.nn:Sequential")(*modules)
        stride = 2 if name in graph_layers.HALVING else int(given.get("stride", 1))
        return module, _Map(c2, source.stride * stride**repeats)

    def _made(
        self, entry: Entry, arguments: Mapping[str, Value], given: Mapping[str, Any] | None = None
    ) -> Any:
        """The module of ``entry`` with ``arguments`` and what the graph has ``given`` it."""
        known = {parameter.name for parameter in entry.parameters}
        activation = self.arguments.get("activation")
        defaults = {"activation": activation} if activation and "activation" in known else {}
        checked = entry.arguments(
            {k: v for k, v in (defaults | dict(arguments)).items() if k in known}
        )
        return self.resolve(entry.build)(**dict(entry.fixed), **checked, **(given or {}))
