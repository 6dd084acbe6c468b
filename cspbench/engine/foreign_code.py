"""The code that a run executes and that is not the catalogue's."""

from collections.abc import Iterable

from ..catalogue import ENTRIES
from ..catalogue.entry import is_graph
from ..errors import CspbenchError
from ..plan.case import Case
from ..records.run import RunInfo
from .request import GradientsRequest, RunRequest
from .settings import DEFAULT_TRAINING
from .suites import suite_of

_MAX_NAMES = 5  # in a message


def foreign_code(info: RunInfo) -> tuple[str, ...]:
    """The callables outside the catalogue that a run calls: builders, makers of inputs, data."""
    training = info.settings.training
    return code_of(info.cases, training.data if training else None)


def check_named(info: RunInfo, request: RunRequest | GradientsRequest) -> None:
    """Raise `CspbenchError` unless ``request`` names or trusts all foreign code of a resumed run.

    A run folder may be a stranger's, whose ``run.json`` can name any callable.
    """
    code = foreign_code(info)
    if not code or request.trust:
        return
    named: set[str] = set()
    if request.suite is not None:
        data = request.training.data if isinstance(request, GradientsRequest) else None
        named = set(code_of(suite_of(request, info.settings.device).cases, data))
    if unnamed := [name for name in code if name not in named]:
        more = f" and {len(unnamed) - _MAX_NAMES} more" if len(unnamed) > _MAX_NAMES else ""
        raise CspbenchError(
            f"cannot resume {request.resume}: it would run code that this command does not name: "
            f"{', '.join(unnamed[:_MAX_NAMES])}{more} (name its suite or entries again, as in "
            f"{request.verb} ENTRY,… --resume DIR, or add --trust if you trust the folder)"
        )


def code_of(cases: Iterable[Case], data: str | None = None) -> tuple[str, ...]:
    """The callables outside the catalogue that build ``cases``, make their inputs, or ``data``.

    The file of a graph names none.
    """
    names: dict[str, None] = {}
    for case in cases:
        entry = ENTRIES.get(case.entry)
        is_known = entry is not None and entry.build == case.build
        if not is_known and not is_graph(case.build):
            names[case.build] = None
        if case.inputs is not None and case.inputs.maker:
            names[case.inputs.maker] = None
    if data not in {None, DEFAULT_TRAINING.data}:
        names[str(data)] = None
    return tuple(names)
