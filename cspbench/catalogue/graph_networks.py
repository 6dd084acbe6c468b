"""Building of networks from graphs: channels followed from layer to layer, modules swapped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import graph_layers
from .entry import Value
from .graphs import CHANNELS, KNOWN, OPTIONS, Graph, Layer, Scale, layers, strides

Resolve = Callable[[str], Callable[..., Any]]

_KEPT_IN_A_SWAP = ("c2", "shortcut", "groups", "e")
"""Arguments of a row that mean the same in every module, so that another one keeps them."""


def network(graph: Graph, scale: str, arguments: Mapping[str, Value], resolve: Resolve) -> Any:
    """The module of ``graph`` in the variant ``scale``, with ``arguments`` as `parameters` says.

    ``resolve`` gives the builder that a reference names.
    """
    activation = {"activation": graph.activation}
    builder = _Builder(graph.scale(scale), activation | dict(arguments), strides(graph), resolve)
    channels = {-1: graph.input[1]}
    node = resolve(".blocks.graph:Node")
    parts: dict[str, list[Any]] = {name: [] for name in graph.parts}
    for layer in layers(graph):
        taken = [channels[source] for source in layer.sources]
        module, channels[layer.number] = builder.built(layer, taken)
        parts[layer.part].append(node(layer.sources, module))
    return resolve(".blocks.graph:GraphNetwork")(parts, stride=max(builder.strides.values()))


@dataclass(frozen=True, slots=True)
class _Builder:
    scale: Scale
    arguments: Mapping[str, Value]
    strides: Mapping[int, int]
    resolve: Resolve

    def built(self, layer: Layer, channels: Sequence[int]) -> tuple[Any, int]:
        """The module of ``layer``, which takes maps of these ``channels``, and its own channels."""
        options = {name: self.arguments[name] for name in OPTIONS if name in self.arguments}
        match layer.row.module:
            case graph_layers.UPSAMPLE:
                return self._made(layer.row.module), channels[0]
            case graph_layers.CONCAT:
                return self._made(layer.row.module), sum(channels)
            case graph_layers.DETECT:
                steps = [self.strides[source] for source in layer.sources]
                maps = {"channels": channels, "strides": steps}
                return self._made(layer.row.module, layer.row.arguments | options, maps), 0
            case graph_layers.CLASSIFY:
                only = {"channels": channels[0]}
                return self._made(layer.row.module, layer.row.arguments | options, only), 0
            case _:
                return self._convolutional(layer, channels[0])

    def _convolutional(self, layer: Layer, inputs: int) -> tuple[Any, int]:
        """A module from ``inputs`` channels to its own, or what stands in its place."""
        row = layer.row
        name = str(self.arguments.get(f"{layer.part}.{row.module}", row.module))
        given = dict(row.arguments)
        if name != row.module:
            given = {key: value for key, value in given.items() if key in _KEPT_IN_A_SWAP}
        outputs = self.scale.channels(int(given["c2"])) if "c2" in given else inputs
        known = {parameter.name: parameter.default for parameter in KNOWN[name].parameters}
        for key in CHANNELS:
            if key in given:
                given[key] = self.scale.channels(int(given[key]))
            elif key in known:  # in the default's proportion to c2, and even
                given[key] = max(2, outputs * int(known[key]) // int(known["c2"]) // 2 * 2)
        repeats = self.scale.repeats(row.repeat)
        if "n" in known:
            given["n"], repeats = repeats, 1
        modules = [
            self._made(name, given | {"c1": c1, "c2": outputs})
            for c1 in (inputs, *[outputs] * (repeats - 1))
        ]
        module = modules[0] if repeats == 1 else self.resolve("torch.nn:Sequential")(*modules)
        return module, outputs

    def _made(
        self,
        name: str,
        arguments: Mapping[str, Value] | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> Any:
        """The module ``name`` with those of ``arguments`` that it has, and what it is ``given``.

        Its activation is the network's, unless it is one of the arguments.
        """
        entry = KNOWN[name]
        known = {parameter.name for parameter in entry.parameters}
        wanted = {"activation": self.arguments["activation"]} | dict(arguments or {})
        checked = entry.arguments({key: wanted[key] for key in wanted.keys() & known})
        return self.resolve(entry.build)(**dict(entry.fixed), **checked, **(given or {}))
