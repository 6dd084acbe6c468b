"""A brief training of a case's block that compares its gradients."""

from typing import TYPE_CHECKING

from ..records.lines import BlockTraining
from ..records.run import Settings, TrainingSettings
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


def _is_asked_for(settings: Settings) -> bool:
    return settings.training is not None


@measure(
    stage="training",
    place="seeds",
    help="how alike gradients are in a block that is trained briefly, several seeds",
    commands=("gradients",),
    applies=_is_asked_for,
)
def training(
    subject: "Subject", settings: TrainingSettings, *, seed: int, threads: int
) -> BlockTraining:
    """One training of a case's block on images of ``settings``.

    Read at the start, at an eighth, a quarter and half of the steps, and at their end. The block
    takes as many channels as the case's input has, at the size of the images. Raises
    `CspbenchError` for data that cannot be had.
    """
    from .gradients.data import images
    from .gradients.training import train

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
