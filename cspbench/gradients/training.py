"""How alike gradients are in a block that is trained briefly, inside a small classifier."""

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..blocks.channels import split_channels
from ..blocks.classifier import LinearHead
from ..blocks.layers import Conv
from ..device import backend
from ..errors import CspbenchError
from ..measures.base import copy_with
from .data import Images
from .readings import Reading, Square, Training
from .similarity import Matrix, effective_rank, linear_cka, shared_directions
from .structure import trace
from .terms import INPUT, Structure

BATCH = 64
HELD = 256
ROWS = 4096
RATE, MOMENTUM = 0.05, 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """The width at which a block comes nearest to a number of parameters."""

    width: int
    parameters: int
    target: int

    @property
    def ratio(self) -> float:
        """Parameters over those that were wanted."""
        return self.parameters / self.target


class Classifier(nn.Module):
    """3x3 convolution with norm and ReLU, the block, global average pool, linear layer.

    (N, inputs, H, W) to logits (N, classes); the block takes (N, channels, H, W) and
    returns (N, outputs, H', W').
    """

    def __init__(
        self, block: nn.Module, *, inputs: int, channels: int, outputs: int, classes: int
    ) -> None:
        super().__init__()
        self.stem = Conv(inputs, channels, 3, activation="relu")
        self.block = block
        self.head = LinearHead(outputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.block(self.stem(images)))
        return logits


def train(
    build: Callable[[], nn.Module],
    data: Images,
    *,
    channels: int,
    seed: int,
    steps: int,
    at: Sequence[int],
    threads: int = 1,
) -> Training:
    """Readings at the steps ``at`` of one training of the block that ``build`` makes.

    The block takes a base of ``channels`` channels, of the images' size. SGD with momentum on
    batches of `BATCH`, in an order and from weights that ``seed`` sets; the same for the same
    number of threads. `HELD` images, the same for all seeds, are held out and measured on, in
    training mode (batch statistics, which are then put back): rows are `ROWS` of their positions,
    always the same.

    The maps are the base and each convolution's output of the base's size that meets another
    source's terms in what a weight reads or in the block's output (`feature_maps`).

    Raises `CspbenchError` for a step that is never reached, for a block that does not return
    (N, C, H, W), and for a loss that is not finite.
    """
    if not at or min(at) < 0 or max(at) > steps:
        raise CspbenchError(f"readings are at steps from 0 to {steps}, got {list(at)}")
    with backend(threads=threads, seed=seed, precision="fp32"):
        block = build()
        model = Classifier(
            block,
            inputs=data.pixels.shape[1],
            channels=channels,
            outputs=_outputs(block, (1, channels, *data.pixels.shape[2:])),
            classes=data.classes,
        )
        held, rest = _held_out(data)
        probe = _Probe(model, held, channels)
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
        readings = []
        for step, batch in zip(range(steps + 1), _batches(rest, seed), strict=False):
            if step in at:
                readings.append(probe.read(step))
            if step < steps:
                optimizer.zero_grad()
                functional.cross_entropy(model(batch.pixels), batch.labels).backward()
                optimizer.step()
    return Training(
        seed=seed,
        parameters=sum(p.numel() for p in block.parameters()),
        maps=probe.maps,
        parts=probe.parts,
        own=probe.own,
        readings=tuple(readings),
    )


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


def match_parameters(build: Callable[[int], nn.Module], target: int) -> Match:
    """The width, from 1, at which ``build`` makes a block nearest to ``target`` parameters.

    Built on meta tensors; more width must mean more parameters.
    """

    def match(width: int) -> Match:
        with torch.device("meta"):
            made = sum(p.numel() for p in build(width).parameters())
        return Match(width=width, parameters=made, target=target)

    low, high = match(1), match(1)
    while high.parameters < target:
        low, high = high, match(2 * high.width)
    while high.width - low.width > 1:
        middle = match((low.width + high.width) // 2)
        low, high = (middle, high) if middle.parameters < target else (low, middle)
    return min(low, high, key=lambda one: abs(one.parameters - target))


def _outputs(block: nn.Module, base: tuple[int, ...]) -> int:
    twin = copy_with(block, lambda tensor: torch.empty_like(tensor, device="meta")).eval()
    with torch.no_grad():
        output = twin(torch.empty(base, device="meta"))
    if not isinstance(output, Tensor) or output.dim() != 4:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise CspbenchError(f"a block that is trained must return (N, C, H, W), got {found}")
    return int(output.shape[1])


class _Probe:
    """Reads the gradients of the held images off a model's block."""

    def __init__(self, model: Classifier, held: Images, channels: int) -> None:
        self._model = model
        self._held = held
        structure = trace(model.block, torch.empty(1, channels, *held.pixels.shape[2:]))
        wanted = feature_maps(structure)
        calls: Counter[str] = Counter()
        self._maps: list[tuple[str, int]] = []  # a module's name, and the number of its call
        for number, source in enumerate(structure.sources):
            if number in wanted and number > 0:
                self._maps.append((source.name, calls[source.name]))
            calls[source.name] += 1
        self._parts, self.own = _base_parts(structure, channels)
        self.parts = len(self._parts[0]), len(self._parts[1])
        self.maps: tuple[str, ...] = ()

    def read(self, step: int) -> Reading:
        loss, gradients = self._gradients()
        if not math.isfinite(loss):
            raise CspbenchError(f"the loss at step {step} is {loss}: the training diverged")
        self.maps = tuple(gradients)
        matrices = list(gradients.values())
        stacked = np.hstack(matrices)
        one, other = (matrices[0][:, part] for part in self._parts)
        return Reading(
            step=step,
            loss=loss,
            accuracy=self._accuracy(),
            cka=_each_with_each(linear_cka, matrices),
            directions=_each_with_each(shared_directions, matrices),
            parts_cka=linear_cka(one, other),
            parts_directions=shared_directions(one, other),
            control_cka=linear_cka(matrices[0][:, ::2], matrices[0][:, 1::2]),
            effective_rank=effective_rank(stacked),
            columns=stacked.shape[1],
        )

    def _gradients(self) -> tuple[float, dict[str, Matrix]]:
        """The loss, and its gradient by each map of the base's size: (positions, channels)."""
        model, held = self._model, self._held
        buffers = [buffer.clone() for buffer in model.buffers()]
        with _watched(model.block) as found:
            loss = functional.cross_entropy(model(held.pixels), held.labels)
            loss.backward()
        model.zero_grad()
        with torch.no_grad():
            for buffer, before in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(before)
        base = found[INPUT, 0]
        rows = torch.randperm(
            base.numel() // base.shape[1], generator=torch.Generator().manual_seed(0)
        )[:ROWS]
        gradients = {}
        for name, call in [(INPUT, 0), *self._maps]:
            gradient = found.get((name, call))
            if gradient is not None and gradient.shape[2:] == base.shape[2:]:
                columns = gradient.movedim(1, -1).flatten(0, -2)[rows]
                gradients[f"{name} ({call + 1})" if call else name] = columns.double().numpy()
        return loss.item(), gradients

    @torch.no_grad()
    def _accuracy(self) -> float:
        self._model.eval()
        right = self._model(self._held.pixels).argmax(1) == self._held.labels
        self._model.train()
        return float(right.double().mean())


@contextlib.contextmanager
def _watched(block: nn.Module) -> Iterator[dict[tuple[str, int], Tensor]]:
    """Gradients by the block's input and by its modules' outputs, by name and number of the call.

    They are there once a backward has run. A module that returns no tensor is left out.
    """
    found: dict[tuple[str, int], Tensor] = {}
    calls: Counter[str] = Counter()

    def keep(key: tuple[str, int], gradient: Tensor) -> None:
        found[key] = gradient.detach().clone()

    def enter(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        inputs[0].register_hook(partial(keep, (INPUT, 0)))

    def leave(name: str, _module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(partial(keep, (name, calls[name])))
        calls[name] += 1

    handles = [block.register_forward_pre_hook(enter)]
    for name, child in block.named_modules():
        handles.append(child.register_forward_hook(partial(leave, name or type(block).__name__)))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _base_parts(structure: Structure, channels: int) -> tuple[tuple[list[int], list[int]], bool]:
    """The base's channels in two parts, the block's own where it has such; and whether it has."""
    for split in structure.splits:
        parts = [
            [channel for span in part.terms for channel in range(span.start, span.stop)]
            for part in split.parts
        ]
        if all(span.source == 0 for part in split.parts for span in part.terms):
            return (parts[0], [*itertools.chain.from_iterable(parts[1:])]), True
    first, _ = split_channels(channels, 0.5)
    return (list(range(first)), list(range(first, channels))), False


def _held_out(data: Images) -> tuple[Images, Images]:
    """`HELD` images, or a quarter where that is less, and all others: the same for all seeds."""
    order = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(0))
    number = min(HELD, len(order) // 4)
    held, rest = (
        Images(pixels=data.pixels[some], labels=data.labels[some])
        for some in (order[:number], order[number:])
    )
    return held, rest


def _batches(data: Images, seed: int) -> Iterator[Images]:
    """Batches without end: all images in a new order, again and again."""
    generator = torch.Generator().manual_seed(seed)
    size = min(BATCH, len(data.labels))
    while True:
        order = torch.randperm(len(data.labels), generator=generator)
        for batch in order[: len(order) // size * size].split(size):
            yield Images(pixels=data.pixels[batch], labels=data.labels[batch])


def _each_with_each(
    similarity: Callable[[Matrix, Matrix], float], matrices: Sequence[Matrix]
) -> Square:
    square = np.eye(len(matrices))
    for row, column in itertools.combinations_with_replacement(range(len(matrices)), 2):
        square[row, column] = square[column, row] = similarity(matrices[row], matrices[column])
    return tuple(tuple(map(float, row)) for row in square)
