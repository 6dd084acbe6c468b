"""The gradient terms in each weight's update."""

from typing import TYPE_CHECKING

from ..plan.case import takes_image
from ..records.measurement import Basis
from ..records.measurements import GradientTerms
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(
    stage="gradient_terms",
    place="static",
    help="which gradient terms take part in each weight's update, exact",
    commands=("gradients",),
    bases=("meta", "real"),
)
def gradient_terms(subject: "Subject", basis: Basis = "meta") -> GradientTerms:
    """The gradient terms of a case's module, from one pass on tensors of ``basis``."""
    import torch

    from .execution.basis import call_on
    from .gradients.structure import follow

    with call_on(basis, subject) as call:
        call.module.eval()
        with torch.no_grad():
            output = call.forward()
        structure = follow(call.module, call.arguments)
    is_map = isinstance(output, torch.Tensor) and output.dim() == 4
    return GradientTerms(
        case=subject.case.key,
        structure=structure,
        is_block=is_map and takes_image(subject.case),
    )
