"""Networks as graphs: layers in order, each of which takes the outputs of any earlier ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

IMAGE = -1
"""The number that stands for the network's input; layers are numbered from 0."""


@dataclass(frozen=True, slots=True)
class Node:
    """A layer, and the numbers of the layers whose outputs it takes, by position."""

    sources: tuple[int, ...]
    layer: nn.Module


class Part(nn.Module):
    """Consecutive layers of a graph, as its backbone: a function of earlier layers' outputs.

    Takes the outputs of the layers ``takes`` and returns a tuple of those of ``returns``. Layers
    are submodules named by their numbers, from ``first`` on. An output within the part is dropped
    after the last layer that takes it. ``later`` are the layers whose outputs later parts take; of
    ``last_of`` this part is the last to do so.
    """

    def __init__(self, nodes: Sequence[Node], *, first: int, later: frozenset[int]) -> None:
        super().__init__()
        self.sources = {first + index: node.sources for index, node in enumerate(nodes)}
        self.takes = tuple(sorted({s for node in nodes for s in node.sources if s < first}))
        own = range(first, first + len(nodes))
        self.returns = tuple(sorted(later.intersection(own))) or (own[-1],)
        self.last_of = tuple(number for number in self.takes if number not in later)
        self.last_uses = {
            source: number for number, sources in self.sources.items() for source in sources
        }
        for number, node in zip(self.sources, nodes, strict=True):
            self.add_module(str(number), node.layer)

    def forward(self, *inputs: Tensor) -> tuple[object, ...]:
        outputs: dict[int, object] = dict(zip(self.takes, inputs, strict=True))
        for number, sources in self.sources.items():
            layer = self.get_submodule(str(number))
            outputs[number] = layer(*(outputs[source] for source in sources))
            for source in set(sources).difference(self.returns):
                if self.last_uses[source] == number:
                    del outputs[source]
        return tuple(outputs[number] for number in self.returns)


class GraphNetwork(nn.Module):
    """A network of named parts; returns what its last layer does.

    A part whose name a module has for something else, as ``forward``, gets an underscore after it.
    Takes (N, 3, H, W). Raises ValueError for no layers, for a layer that takes the output of itself
    or of a later one, and on a call where H or W is no multiple of ``stride``.
    """

    def __init__(self, parts: Mapping[str, Sequence[Node]], *, stride: int = 1) -> None:
        super().__init__()
        nodes = [node for part in parts.values() for node in part]
        if not nodes:
            raise ValueError("a graph needs at least one layer")
        for number, node in enumerate(nodes):
            if not all(IMAGE <= source < number for source in node.sources):
                raise ValueError(
                    f"layer {number} takes the outputs of layers before it, got {node.sources}"
                )
        self.stride = stride
        for name, part in _parts(parts):
            free = name
            while hasattr(self, free):
                free += "_"
            self.add_module(free, part)

    def forward(self, image: Tensor) -> object:
        height, width = image.shape[2:]
        if height % self.stride or width % self.stride:
            raise ValueError(
                f"image sizes must be multiples of {self.stride}, got {height} x {width}"
            )
        outputs: dict[int, object] = {IMAGE: image}
        returned: tuple[object, ...] = ()
        for part in self.children():
            assert isinstance(part, Part)
            returned = part(*(outputs[number] for number in part.takes))
            outputs |= zip(part.returns, returned, strict=True)
            for number in part.last_of:
                del outputs[number]
        return returned[-1]


def _parts(parts: Mapping[str, Sequence[Node]]) -> Iterator[tuple[str, Part]]:
    """Each part by its name; the last one returns its last output, others what later ones take."""
    all_nodes = [node for nodes in parts.values() for node in nodes]
    first = 0
    for name, nodes in parts.items():
        end = first + len(nodes)
        later = frozenset(source for node in all_nodes[end:] for source in node.sources)
        yield name, Part(nodes, first=first, later=later)
        first = end
