"""Trainings of a few steps on random images."""

from collections.abc import Callable

import torch
from torch import nn

from cspbench.measures.gradients.data import Images
from cspbench.measures.gradients.training import train
from cspbench.records.trainings import Training


def make_images(images: int = 40) -> Images:
    generator = torch.Generator().manual_seed(0)
    return Images(
        pixels=torch.randn(images, 1, 4, 4, generator=generator),
        labels=torch.arange(images) % 4,
    )


def design(build: Callable[..., nn.Module], **arguments: float) -> Callable[[], nn.Module]:
    return lambda: build(channels=8, layers=3, growth=4, **arguments)


def trained(
    build: Callable[[], nn.Module], *, seed: int = 0, steps: int = 2, at: tuple[int, ...] = (0, 2)
) -> Training:
    return train(build, make_images(), channels=8, seed=seed, steps=steps, at=at)
