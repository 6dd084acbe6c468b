"""Networks from graphs: channels followed from layer to layer, modules swapped, all of it built."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import CspbenchError
from . import graph_layers
from .entry import Value
from .graphs import CHANNELS, KNOWN, OPTIONS, Graph, Layer, Scale, layers, means_same, strides

Resolve = Callable[[str], Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Planned:
    """A layer of a network: its module's name, and the arguments of each in series."""

    layer: Layer
    module: str
    calls: tuple[dict[str, Any], ...]


def planned(graph: Graph, scale: str, arguments: Mapping[str, Value]) -> Iterator[Planned]:
    """The layers of ``graph`` in the variant ``scale``, with ``arguments`` as `parameters` says.

    Raises `CspbenchError`, with the layer, for an argument that its module does not take.
    """
    planner = _Planner(
        graph.scale(scale), {"activation": graph.activation} | dict(arguments), strides(graph)
    )
    channels = {-1: graph.input[1]}
    for layer in layers(graph):
        try:
            plan, channels[layer.number] = planner.plan(
                layer, [channels[source] for source in layer.sources]
            )
        except CspbenchError as error:
            raise CspbenchError(f"{layer.place}: {error}") from error
        yield plan


def network(graph: Graph, scale: str, arguments: Mapping[str, Value], resolve: Resolve) -> Any:
    """The module of ``graph`` in the variant ``scale``, with ``arguments`` as `parameters` says.

    ``resolve`` gives the builder that a reference names. Raises `CspbenchError`, with the layer,
    for arguments that its module does not take.
    """
    node = resolve(".blocks.graph:Node")
    parts: dict[str, list[Any]] = {name: [] for name in graph.parts}
    for plan in planned(graph, scale, arguments):
        build = resolve(KNOWN[plan.module].build)
        try:
            modules = [build(**call) for call in plan.calls]
        except ValueError as error:
            raise CspbenchError(f"{plan.layer.place}: {error}") from error
        module = modules[0] if len(modules) == 1 else resolve("torch.nn:Sequential")(*modules)
        parts[plan.layer.part].append(node(plan.layer.sources, module))
    stride = max(strides(graph).values())
    return resolve(".blocks.graph:GraphNetwork")(parts, stride=stride)


@dataclass(frozen=True, slots=True)
class _Planner:
    scale: Scale
    arguments: Mapping[str, Value]
    strides: Mapping[int, int]

    def plan(self, layer: Layer, channels: Sequence[int]) -> tuple[Planned, int]:
        """The plan of ``layer``, which takes maps of these ``channels``, and its own channels."""
        options = {name: self.arguments[name] for name in OPTIONS if name in self.arguments}
        row = layer.row
        match row.module:
            case graph_layers.UPSAMPLE:
                call, outputs = self._call(row.module, {}), channels[0]
            case graph_layers.CONCAT:
                call, outputs = self._call(row.module, {}), sum(channels)
            case graph_layers.DETECT:
                maps = [self.strides[source] for source in layer.sources]
                call, outputs = self._call(row.module, row.arguments | options), 0
                call |= {"channels": channels, "strides": maps}
            case graph_layers.CLASSIFY:
                call, outputs = self._call(row.module, row.arguments | options), 0
                call |= {"channels": channels[0]}
            case _:
                return self._convolutional(layer, channels[0])
        return Planned(layer, row.module, (call,)), outputs

    def _convolutional(self, layer: Layer, inputs: int) -> tuple[Planned, int]:
        """The plan of a module from ``inputs`` channels to its own, or of another in its place."""
        row = layer.row
        name = str(self.arguments.get(f"{layer.part}.{row.module}", row.module))
        given = dict(row.arguments)
        if name != row.module:
            given = {key: given[key] for key in given if means_same(key, row.module, name)}
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
        calls = tuple(
            self._call(name, given | {"c1": c1, "c2": outputs})
            for c1 in (inputs, *[outputs] * (repeats - 1))
        )
        return Planned(layer, name, calls), outputs

    def _call(self, name: str, arguments: Mapping[str, Value]) -> dict[str, Any]:
        """All arguments of the module ``name``: those of ``arguments`` that it has, and defaults.

        Its activation is the network's, unless it is one of the arguments.
        """
        entry = KNOWN[name]
        known = {parameter.name for parameter in entry.parameters}
        wanted = {"activation": self.arguments["activation"]} | dict(arguments)
        checked = entry.arguments({key: wanted[key] for key in wanted.keys() & known})
        return {**dict(entry.fixed), **checked}
