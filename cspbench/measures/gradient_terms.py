"""The gradient terms in each weight's update."""

from typing import TYPE_CHECKING

from ..plan.case import takes_image
from ..records.measurements import GradientTerms
from .base import measure

if TYPE_CHECKING:
    from .execution.subject import Subject


@measure(
    stage="gradient_terms",
    place="static",
    help="which gradient terms take part in each weight's update, exact",
    commands=("gradients",),
)
def gradient_terms(subject: "Subject") -> GradientTerms:
    """The gradient terms of a case's module, from one pass on meta tensors."""
    import torch

    from .gradients.structure import trace

    module = subject.meta()
    arguments = subject.inputs("meta")
    with torch.no_grad():
        output = module.eval()(*arguments.args, **arguments.kwargs)
    is_map = isinstance(output, torch.Tensor) and output.dim() == 4
    return GradientTerms(
        case=subject.case.key,
        structure=trace(module, *arguments.args, **arguments.kwargs),
        is_block=is_map and takes_image(subject.case),
    )
