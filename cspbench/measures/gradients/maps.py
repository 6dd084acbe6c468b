"""The feature maps of a block that are compared: which, and by what name a hook finds them."""

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
    """Numbers of the sources whose terms meet another's, in one weight's input or in the output.

    Those are what a dense block concatenates and a residual block adds: the base, the layers'
    outputs and partial transitions. What a single weight reads alone, such as the 1x1 inside a
    layer, is not among them, nor an output that stands alone.
    """
    maps = {0}
    for spans in (*(weight.reads for weight in structure.weights), structure.output):
        sources = {span.source for span in spans}
        if len(sources) > 1:
            maps |= sources
    return tuple(sorted(maps))


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Channels of a map in two parts, and whether it is the block itself that splits them."""

    map: MapKey
    first: tuple[int, ...]
    second: tuple[int, ...]
    own: bool


def hooked_maps(structure: Structure, block: nn.Module) -> Iterator[tuple[int, MapKey]]:
    """Numbers and keys of the sources that a hook sees: the input, and what convolutions return.

    Of a module with weights of its own and a forward of its own, no hook sees the source itself.
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
    """The first split of one map's channels, its first part and all else; else the base's halves.

    Between the map and the split may stand what keeps channels apart, such as a normalisation.
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
    """The module's name, and from its second call on the number of the call."""
    name, call = key
    return f"{name} ({call + 1})" if call else name
