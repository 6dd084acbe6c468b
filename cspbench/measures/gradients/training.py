"""Training of a block in a small classifier, with readings of its gradients."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...choices import Head
from ...errors import CspbenchError
from ...machine.device import backend
from ...records.trainings import Training
from ..execution.copying import copy_with
from ..execution.placement import place_on_meta
from .classifier import Classifier
from .data import Images
from .probe import Probe

BATCH = 64
HELD_OUT = 256
"""The number of images in a batch, and of held-out images."""
LEARNING_RATE, MOMENTUM = 0.05, 0.9


def train(
    build: Callable[[], nn.Module],
    data: Images,
    *,
    channels: int,
    seed: int,
    steps: int,
    at: Sequence[int],
    head: Head = "pool",
    threads: int = 1,
) -> Training:
    """Train the block that ``build`` returns, and read its gradients at the steps ``at``.

    The block takes a base of ``channels`` channels, of the images' size. It is trained by SGD with
    momentum on batches of `BATCH` images; ``seed`` sets weights and order, and results are equal
    for equal numbers of threads. `HELD_OUT` images, the same for all seeds, are held out for the
    readings, which use batch statistics and restore the running ones.

    The maps are the base and those `feature_maps` of its size that a convolution of the block
    returns.

    Raises `CspbenchError` for a reading beyond ``steps``, a block that does not return
    (N, C, H, W), and a loss that is not finite.
    """
    if not at or min(at) < 0 or max(at) > steps:
        raise CspbenchError(f"readings must be at steps from 0 to {steps}, got {list(at)}")
    with backend(device="cpu", threads=threads, seed=seed, precision="fp32"):
        block = build()
        model = Classifier(
            block,
            inputs=data.pixels.shape[1],
            channels=channels,
            outputs=_outputs(block, (1, channels, *data.pixels.shape[2:])),
            classes=data.classes,
            head=head,
        )
        held_out, training_images = _held_out(data)
        probe = Probe(model, held_out, channels)
        optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
        readings = []
        for step, batch in zip(range(steps + 1), _batches(training_images, seed), strict=False):
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
        cut=probe.cut,
        parts=probe.parts,
        own=probe.own,
        readings=tuple(readings),
    )


def _outputs(block: nn.Module, input_shape: tuple[int, ...]) -> int:
    """The number of channels of the output of ``block``.

    Raises `CspbenchError` unless it returns one tensor (N, C, H, W).
    """
    on_meta = copy_with(block, place_on_meta())
    on_meta.eval()
    with torch.no_grad():
        output = on_meta(torch.empty(input_shape, device="meta"))
    if not isinstance(output, Tensor) or output.dim() != 4:
        returned = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise CspbenchError(f"a block that is trained must return (N, C, H, W), got {returned}")
    return int(output.shape[1])


def _held_out(data: Images) -> tuple[Images, Images]:
    """`HELD_OUT` images, at most a quarter, and the rest; the same for all seeds."""
    order = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(0))
    number = min(HELD_OUT, len(order) // 4)
    held_out, others = (
        Images(pixels=data.pixels[indices], labels=data.labels[indices])
        for indices in (order[:number], order[number:])
    )
    return held_out, others


def _batches(data: Images, seed: int) -> Iterator[Images]:
    """Endless batches: all images in a new random order in each epoch."""
    generator = torch.Generator().manual_seed(seed)
    size = min(BATCH, len(data.labels))
    while True:
        order = torch.randperm(len(data.labels), generator=generator)
        for batch in order[: len(order) // size * size].split(size):
            yield Images(pixels=data.pixels[batch], labels=data.labels[batch])
