"""Forms other than eager: what it takes to make them, and whether they compute the same."""

from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from ..choices import FORMS
from ..plan.case import Case
from ..records.deployment import Deployment, Fusion
from .base import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from .execution.inputs import Arguments
    from .execution.subject import Subject
    from .forms.subjects import FileSubject


def _is_deployed(case: Case) -> bool:
    return case.form != FORMS[0]


@measure(
    stage="deployment",
    place="isolated",
    help="of a form other than eager: time to prepare it, size on disk, outputs beside eager's",
    covers=_is_deployed,
    is_essential=True,
)
def deployment(subject: "Subject") -> Deployment:
    """What a form took to make, and the distance of its outputs from those of the eager module.

    Batch normalisations that have never run get statistics first, so that a form that loses them
    does not compute the same. Lets exceptions through: of the module, and of making the form.
    """
    from .forms.statistics import give_statistics
    from .forms.subjects import FileSubject, eager_subject

    module, arguments = eager_subject(subject).real(), subject.inputs(subject.case.device)
    give_statistics(module)
    calls = [_outputs(subject.case, module, arguments) for _ in range(2)]
    if isinstance(subject, FileSubject):
        return _of_file(subject, module, arguments, calls)
    return _of_module(subject, module, arguments, calls)


def _of_module(
    subject: "Subject",
    module: "nn.Module",
    arguments: "Arguments",
    eager_calls: "list[list[Tensor]]",
) -> Deployment:
    """The record of a form that is a module: fused, or compiled."""
    from functools import partial

    from .execution.state_size import state_bytes
    from .forms.compiled import compiled, is_compiled
    from .forms.subjects import FusedSubject

    case = subject.case
    fusion: Fusion | None = None
    steps_s: dict[str, float] = {}
    if isinstance(subject, FusedSubject):
        began = perf_counter()
        module, fusion = subject.fused(module)
        steps_s["fuse"] = perf_counter() - began
    outputs = _outputs(case, module, arguments)
    if is_compiled(case.form):
        outputs = _outputs(case, module, arguments, partial(compiled, form=case.form))
    return _record(
        case, eager_calls, outputs, steps_s=steps_s, form_bytes=state_bytes(module), fusion=fusion
    )


def _of_file(
    subject: "FileSubject",
    module: "nn.Module",
    arguments: "Arguments",
    eager_calls: "list[list[Tensor]]",
) -> Deployment:
    """The record of a form that is a file; it is loaded once before, with all that loads it."""
    steps_s = subject.prepare(module, arguments)
    subject.session(arguments)
    began = perf_counter()
    session = subject.session(arguments)
    steps_s["load"] = perf_counter() - began
    session()
    return _record(
        subject.case,
        eager_calls,
        session.outputs(),
        steps_s=steps_s,
        form_bytes=sum(path.stat().st_size for path in subject.files),
        settings=session.settings,
        operators=subject.operators(arguments),
    )


def _outputs(
    case: Case,
    module: "nn.Module",
    arguments: "Arguments",
    wrap: "Callable[[nn.Module], Callable[..., object]]" = lambda module: module,
) -> "list[Tensor]":
    """The tensors that one inference returns, of ``arguments`` that it may not change."""
    import torch

    from .execution.call import Call
    from .execution.trees import tensors

    inference = msgspec.structs.replace(case, mode="infer")
    copied = arguments.converted(lambda tensor: tensor.detach().clone())
    call = Call(inference, module, copied, case.device, wrap=wrap)
    with torch.no_grad():
        return [tensor.detach().clone() for tensor in tensors(call.forward())]


def _record(
    case: Case, eager_calls: "list[list[Tensor]]", outputs: "list[Tensor]", **details: Any
) -> Deployment:
    """The record of a form that made ``outputs``; the eager module was called twice.

    If its own outputs differ, as those of a module that draws random numbers, no form's can be
    compared with them.
    """
    from .forms.fidelity import TOLERANCES, distance

    tolerance = TOLERANCES[case.precision]
    expected, repeated = eager_calls
    try:
        if distance(expected, repeated).error > tolerance:
            raise ValueError("eager's own output differs from call to call")  # noqa: TRY301
        apart = distance(expected, outputs)
    except ValueError as error:
        return Deployment(
            case=case.key,
            is_equal=False,
            error=None,
            tolerance=tolerance,
            reason=str(error),
            **details,
        )
    return Deployment(
        case=case.key,
        is_equal=apart.error <= tolerance,
        error=apart.error,
        tolerance=tolerance,
        sqnr_db=apart.sqnr_db,
        **details,
    )
