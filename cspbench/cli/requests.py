"""What a command line asks for: one frozen request a command.

Those that measure come from `engine.request`; these need no engine.
"""

from dataclasses import dataclass, field

from ..catalogue.entry import Shape
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
    """``show``: the static profile of an entry."""

    entry: str
    overrides: tuple[str, ...] = ()
    input_shape: Shape | None = None
    as_json: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyRequest:
    """``verify``: published figures beside ours."""

    as_json: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareRequest:
    """``compare``: two runs, by their folders or files."""

    baseline: str
    candidate: str
    judging: Judging = field(default_factory=Judging)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRequest:
    """``report``: tables and plots of runs anew. ``history`` is a measure to follow over them."""

    runs: tuple[str, ...]
    format: str = "table"
    columns: tuple[str, ...] | None = None
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
"""By the verb that asks for each."""
