"""Reads the gradients of held images off a block, and compares those of its feature maps."""

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd

from ...blocks.channels import split_channels
from ...blocks.classifier import LinearHead
from ...blocks.layers import Conv
from ...errors import CspbenchError
from ...records.gradient_terms import INPUT, Structure
from ...records.trainings import Head, Reading, Square
from .data import Images
from .similarity import Matrix, effective_rank, linear_cka, shared_directions
from .structure import trace

ROWS = 4096
"""Positions of the held images that are compared; the same at every step and for every seed."""

_Key = tuple[str, int]  # the name of a module, and the number of its call
_BASE: _Key = (INPUT, 0)


class Classifier(nn.Module):
    """3x3 convolution with norm and ReLU, the block, global average pool, linear layer.

    (N, inputs, H, W) to logits (N, classes); the block takes (N, channels, H, W) and
    returns (N, outputs, H', W'). With the head ``conv`` a second 3x3 convolution with norm and
    ReLU, of as many channels, stands between block and pool.
    """

    def __init__(
        self,
        block: nn.Module,
        *,
        inputs: int,
        channels: int,
        outputs: int,
        classes: int,
        head: Head = "pool",
    ) -> None:
        super().__init__()
        self.stem = Conv(inputs, channels, 3, activation="relu")
        self.block = block
        pool = LinearHead(outputs, classes)
        after = Conv(outputs, outputs, 3, activation="relu") if head == "conv" else nn.Identity()
        self.head = nn.Sequential(after, pool)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.block(self.stem(images)))
        return logits


def feature_maps(structure: Structure) -> tuple[int, ...]:
    """Numbers of the sources whose terms meet another's, in one weight's input or in the output.

    Those are what a dense block concatenates and a residual block adds: the base, the layers'
    outputs and partial transitions. What a single weight reads alone, such as the 1x1 inside a
    layer, is not among them, nor an output that stands alone.
    """
    found = set()
    for spans in (*(weight.reads for weight in structure.weights), structure.output):
        together = {span.source for span in spans}
        if len(together) > 1:
            found |= together
    return tuple(sorted(found | {0}))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """A map's channels in two parts, and whether it is the block itself that cuts them."""

    map: _Key
    one: tuple[int, ...]
    other: tuple[int, ...]
    own: bool


class Probe:
    """Compares the gradients by a block's feature maps, on images that are held out."""

    def __init__(self, model: Classifier, held: Images, channels: int) -> None:
        self._model = model
        self._held = held
        structure = trace(model.block, torch.empty(1, channels, *held.pixels.shape[2:]))
        keys = dict(_hooked(structure, model.block))
        self._maps = [keys[number] for number in feature_maps(structure) if number in keys]
        self._parts = _parts(structure, keys, channels)
        self._names = {name for name, _ in (*self._maps, self._parts.map)}
        self.maps: tuple[str, ...] = ()  # known once there was a reading

    @property
    def cut(self) -> str:
        """Name of the map whose two parts are compared."""
        return _text(self._parts.map)

    @property
    def parts(self) -> tuple[int, int]:
        """Channels of the two parts."""
        return len(self._parts.one), len(self._parts.other)

    @property
    def own(self) -> bool:
        """Whether it is the block itself that cuts the map."""
        return self._parts.own

    def read(self, step: int) -> Reading:
        """The `Reading` of the model as it stands, which it leaves as it is.

        Raises `CspbenchError` where the loss is not finite.
        """
        loss, gradients = self._gradients()
        if not math.isfinite(loss):
            raise CspbenchError(f"the loss at step {step} is {loss}: the training diverged")
        size = gradients[_BASE].shape[2:]
        compared = [key for key in self._maps if gradients[key].shape[2:] == size]
        self.maps = tuple(map(_text, compared))
        matrices = [_rows(gradients[key]) for key in compared]
        stacked = np.hstack(matrices)
        cut = _rows(gradients[self._parts.map])
        one, other = cut[:, self._parts.one], cut[:, self._parts.other]
        return Reading(
            step=step,
            loss=loss,
            accuracy=self._accuracy(),
            cka=_each_with_each(linear_cka, matrices),
            directions=_each_with_each(shared_directions, matrices),
            parts_cka=linear_cka(one, other),
            parts_directions=shared_directions(one, other),
            control_cka=linear_cka(cut[:, ::2], cut[:, 1::2]),
            effective_rank=effective_rank(stacked),
            columns=stacked.shape[1],
        )

    def _gradients(self) -> tuple[float, dict[_Key, Tensor]]:
        model, held = self._model, self._held
        buffers = [buffer.clone() for buffer in model.buffers()]
        with _watched(model.block, self._names) as found:
            loss = functional.cross_entropy(model(held.pixels), held.labels)
            loss.backward()
        model.zero_grad()
        with torch.no_grad():
            for buffer, before in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(before)
        return loss.item(), found

    @torch.no_grad()
    def _accuracy(self) -> float:
        self._model.eval()
        right = self._model(self._held.pixels).argmax(1) == self._held.labels
        self._model.train()
        return float(right.double().mean())


@contextlib.contextmanager
def _watched(block: nn.Module, names: Container[str]) -> Iterator[dict[_Key, Tensor]]:
    """Gradients by the block's input and by what its modules of these ``names`` return.

    They are there once a backward has run: zeros where it did not come by.
    """
    found: dict[_Key, Tensor] = {}
    calls: Counter[str] = Counter()

    def watch(key: _Key, tensor: Tensor) -> None:
        def keep(gradient: Tensor) -> None:
            found[key] = gradient.detach().clone()

        found[key] = torch.zeros_like(tensor)
        if tensor.requires_grad:
            tensor.register_hook(keep)

    def enter(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        watch(_BASE, inputs[0])

    def leave(name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        watch((name, calls[name]), output)
        calls[name] += 1

    handles = [block.register_forward_pre_hook(enter)]
    for path, child in block.named_modules():
        name = path or type(block).__name__
        if name in names:
            handles.append(child.register_forward_hook(partial(leave, name)))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _hooked(structure: Structure, block: nn.Module) -> Iterator[tuple[int, _Key]]:
    """The sources that a hook can see, by number: the input, and what convolutions return.

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


def _parts(structure: Structure, keys: Mapping[int, _Key], channels: int) -> _Parts:
    """The first cut of one map's channels, its first part and all else; else the base's halves.

    Between the map and the cut may stand what keeps channels apart, such as a normalisation.
    """
    for split in structure.splits:
        sources = {span.source for part in split.parts for span in part.terms}
        first, *rest = (
            {channel for span in part.terms for channel in range(span.start, span.stop)}
            for part in split.parts
        )
        others = set().union(*rest) - first
        if len(sources) == 1 and (key := keys.get(*sources)) is not None and others:
            return _Parts(map=key, one=tuple(sorted(first)), other=tuple(sorted(others)), own=True)
    half, _ = split_channels(channels, 0.5)
    return _Parts(map=_BASE, one=tuple(range(half)), other=tuple(range(half, channels)), own=False)


def _text(key: _Key) -> str:
    name, call = key
    return f"{name} ({call + 1})" if call else name


def _rows(gradient: Tensor) -> Matrix:
    """(N, C, H, W) as a matrix of positions and channels: `ROWS` of the positions."""
    positions = gradient.movedim(1, -1).flatten(0, -2)
    rows = torch.randperm(len(positions), generator=torch.Generator().manual_seed(0))[:ROWS]
    matrix: Matrix = positions[rows].double().numpy()
    return matrix


def _each_with_each(
    similarity: Callable[[Matrix, Matrix], float], matrices: Sequence[Matrix]
) -> Square:
    square = np.eye(len(matrices))
    for row, column in itertools.combinations_with_replacement(range(len(matrices)), 2):
        square[row, column] = square[column, row] = similarity(matrices[row], matrices[column])
    return tuple(tuple(map(float, row)) for row in square)
