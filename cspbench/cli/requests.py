"""Requests: the options of each command as a frozen dataclass.

Requests that measure are defined in `engine.request`, the others here.
"""

from dataclasses import dataclass, field

from ..choices import Depth
from ..engine.request import AbRequest, DoctorRequest, GradientsRequest, Judging, RunRequest

__all__ = [
    "REQUESTS",
    "AbRequest",
    "CompareRequest",
    "DoctorRequest",
    "GradientsRequest",
    "ListRequest",
    "ReportRequest",
    "Request",
    "RunRequest",
    "ShowRequest",
    "VerifyRequest",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ListRequest:
    """``list``: entries, suites, measures and columns."""

    as_json: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ShowRequest:
    """``show``: the static profile of an entry.

    Also, with ``time`` that of its modules' times, with ``memory`` that of tensors over a call, and
    with ``roofline`` the times and rooflines of its modules.
    """

    entry: str
    overrides: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    time: bool = False
    memory: bool = False
    roofline: bool = False
    depth: Depth | None = None
    as_json: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyRequest:
    """``verify``: published figures beside ours."""

    as_json: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareRequest:
    """``compare``: the changes between two runs, given by their folders or files."""

    baseline: str
    candidate: str
    judging: Judging = field(default_factory=Judging)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRequest:
    """``report``: tables and plots of ``runs``, or the ``history`` of one measure over them.

    ``trace`` names callables outside the catalogue whose graphs TensorBoard is to show.
    """

    runs: tuple[str, ...]
    format: str = "table"
    columns: tuple[str, ...] | None = None
    trace: tuple[str, ...] = ()
    history: str | None = None
    out: str = "results"


Request = (
    RunRequest
    | ListRequest
    | ShowRequest
    | VerifyRequest
    | CompareRequest
    | AbRequest
    | ReportRequest
    | GradientsRequest
    | DoctorRequest
)

REQUESTS: dict[str, type[Request]] = {
    "run": RunRequest,
    "list": ListRequest,
    "show": ShowRequest,
    "verify": VerifyRequest,
    "compare": CompareRequest,
    "ab": AbRequest,
    "report": ReportRequest,
    "gradients": GradientsRequest,
    "doctor": DoctorRequest,
}
"""The request of each verb."""
