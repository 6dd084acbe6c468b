"""Training of a case's block, with comparisons of its gradients."""

from typing import TYPE_CHECKING

from ..records.lines import BlockTraining
from ..records.run import Settings, TrainingSettings
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


def _is_requested(settings: Settings) -> bool:
    return settings.training is not None


@measure(
    stage="training",
    place="seeds",
    help="how alike gradients are in a block that is trained briefly, several seeds",
    commands=("gradients",),
    applies=_is_requested,
)
def training(
    subject: "Subject", settings: TrainingSettings, *, seed: int, threads: int
) -> BlockTraining:
    """Train a case's block once on the images that ``settings`` name.

    Gradients are read at the start, after an eighth, a quarter and half of the steps, and at the
    end. The block's input has the channels of the case's input and the size of the images. Raises
    `CspbenchError` if the data cannot be loaded.
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
