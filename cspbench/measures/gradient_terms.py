"""Gradients of a case: which terms take part in which update, and a training that compares them."""

import torch
from torch import Tensor

from ..records.lines import BlockTraining
from ..records.measurements import GradientTerms
from ..records.run import TrainingSettings
from .base import Subject
from .gradients.data import images
from .gradients.structure import trace
from .gradients.training import train


def gradient_terms(subject: Subject) -> GradientTerms:
    """The terms of one pass of a case's module on meta tensors; nothing is allocated."""
    module = subject.meta()
    example = torch.empty(subject.case.input_shape, device="meta")
    with torch.no_grad():
        output = module.eval()(example)
    return GradientTerms(
        case=subject.case.key,
        structure=trace(module, example),
        is_block=isinstance(output, Tensor) and output.dim() == 4,
    )


def training(
    subject: Subject, settings: TrainingSettings, *, seed: int, threads: int
) -> BlockTraining:
    """One training of a case's block on images of ``settings``.

    Read at the start, at an eighth, a quarter and half of the steps, and at their end. The block
    takes as many channels as the case's input has, at the size of the images. Raises
    `CspbenchError` for data that cannot be had.
    """
    return BlockTraining(
        case=subject.case.key,
        training=train(
            subject.real,
            images(settings.data),
            channels=subject.case.input_shape[1],
            seed=seed,
            steps=settings.steps,
            at=sorted({0, *(settings.steps // part for part in (8, 4, 2, 1))}),
            head=settings.head,
            threads=threads,
        ),
    )
