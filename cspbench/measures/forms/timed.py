"""What is timed of a case: its module, what a compiler makes of it, or a runtime's session."""

from collections.abc import Callable
from functools import partial

from torch import nn

from ..execution.call import Call
from ..execution.subject import Subject
from .compiled import compiled, is_compiled
from .subjects import FileSubject


def timed_call(subject: Subject) -> Callable[[], object]:
    """One iteration of the subject in its form, as a callable."""
    if isinstance(subject, FileSubject):
        return subject.session()
    return module_call(subject)


def module_call(subject: Subject, module: nn.Module | None = None) -> Call:
    """One iteration of the subject's module, or of ``module``, compiled if its form says so."""
    case = subject.case
    module = module or subject.real()
    arguments = subject.inputs(case.device)
    if is_compiled(case.form):
        wrap = partial(compiled, form=case.form)
        return Call(case, module, arguments, case.device, wrap=wrap)
    return Call(case, module, arguments, case.device)
