"""The feature maps of a block whose gradients are compared, and their keys for hooks."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.conv import _ConvNd

from ...blocks.channels import split_channels
from ...records.gradient_terms import INPUT, Structure

MapKey = tuple[str, int]
"""A feature map: the name of the module that returns it, and the number of its call."""
BASE: MapKey = (INPUT, 0)
"""The block's input."""


def feature_maps(structure: Structure) -> tuple[int, ...]:
    """The numbers of the sources that meet another source in a weight's input or in the output.

    These are the maps that a dense block concatenates and a residual block adds: the base, the
    outputs of layers and partial transitions. A map that a single weight reads alone, such as the
    1x1 inside a layer, is not among them, nor is an output of a single source.
    """
    maps = {0}
    for spans in (*(weight.reads for weight in structure.weights), structure.output):
        sources = {span.source for span in spans}
        if len(sources) > 1:
            maps |= sources
    return tuple(sorted(maps))


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The channels of a map in two parts; ``own`` if the block itself splits the map so."""

    map: MapKey
    first: tuple[int, ...]
    second: tuple[int, ...]
    own: bool


def hooked_maps(structure: Structure, block: nn.Module) -> Iterator[tuple[int, MapKey]]:
    """The numbers and keys of the sources that hooks can capture: input and convolutions' outputs.

    Other modules with weights may return something else than their source.
    """
    modules = {
        name or type(block).__name__
        for name, child in block.named_modules()
        if isinstance(child, _ConvNd)
    }
    calls: Counter[str] = Counter()
    for number, source in enumerate(structure.sources):
        if number == 0 or source.name in modules:
            yield number, (source.name, calls[source.name])
        calls[source.name] += 1


def parts_of(structure: Structure, keys: Mapping[int, MapKey], channels: int) -> Parts:
    """The parts of the first split of one map: its first part and the rest; else the base's halves.

    Operators that keep channels apart, such as a normalisation, may come between map and split.
    """
    for split in structure.splits:
        sources = {span.source for part in split.parts for span in part.terms}
        first, *others = (
            {channel for span in part.terms for channel in range(span.start, span.stop)}
            for part in split.parts
        )
        rest = set().union(*others) - first
        if len(sources) == 1 and (key := keys.get(*sources)) is not None and rest:
            return Parts(map=key, first=tuple(sorted(first)), second=tuple(sorted(rest)), own=True)
    half, _ = split_channels(channels, 0.5)
    return Parts(map=BASE, first=tuple(range(half)), second=tuple(range(half, channels)), own=False)


def name_of(key: MapKey) -> str:
    """The name of a feature map: its module's, with the number of the call from the second on."""
    name, call = key
    return f"{name} ({call + 1})" if call else name
