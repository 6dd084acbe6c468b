"""The record of a case's form: what it took to make, what runs, and how far off its outputs are."""

from typing import Annotated, ClassVar

import msgspec

from .base import MAX_REASON, Frozen, Name, Reason, Seconds, Whole, bound_texts
from .measurement import Measurement

Decibels = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]


class Fusion(Frozen, frozen=True, kw_only=True):
    """What was merged of a module, and what was not.

    ``methods`` are the model's own that merge its branches (``RepVGGBlock.switch_to_deploy``).
    ``folded`` counts the batch normalisations that went into a convolution or a fully connected
    layer, ``left`` those that still run, by the reason.
    """

    methods: tuple[Name, ...] = ()
    folded: Whole = 0
    left: dict[Reason, Whole] = {}  # noqa: RUF012 -- msgspec copies it


class RuntimeOperator(Frozen, frozen=True, kw_only=True):
    """``nodes`` nodes of a runtime's graph that one kind of operator of ``provider`` ran.

    ``is_int8`` says whether it computes on whole numbers of 8 bits, by the runtime's own profile;
    operators that only convert from or to them do not.
    """

    name: Name
    provider: Name
    nodes: Whole
    is_int8: bool = False


class Deployment(Measurement, frozen=True, kw_only=True, tag="deployment", tag_field="kind"):
    """A form other than eager: the steps that made it, its size, and its outputs beside eager's.

    ``steps_s`` are in order, such as export, quantise, compile and load. ``form_bytes`` is the size
    of its files; of a module that of its weights. ``settings`` are those of the runtime that it was
    loaded with, ``operators`` what runs, by the runtime's profile of one call.

    ``error`` is the largest difference of an output element from eager's, over the largest
    magnitude in its tensor; ``sqnr_db`` the ratio of eager's power to that of the difference; both
    None if outputs could not be compared, ``sqnr_db`` also if they are the same. ``is_equal``: the
    error is at most ``tolerance``. ``reason`` says why outputs could not be compared.
    """

    exact: ClassVar = ()

    steps_s: dict[Name, Seconds]
    form_bytes: Whole
    is_equal: bool
    error: Annotated[float, msgspec.Meta(ge=0)] | None
    tolerance: Annotated[float, msgspec.Meta(ge=0)]
    sqnr_db: Decibels | None = None
    reason: Reason = ""
    fusion: Fusion | None = None
    settings: dict[Name, Name] = {}  # noqa: RUF012 -- msgspec copies it
    operators: tuple[RuntimeOperator, ...] = ()

    def __post_init__(self) -> None:
        """Bound the reason."""
        bound_texts(self, reason=MAX_REASON)

    @property
    def prepare_s(self) -> float | None:
        """The seconds of all steps; None if there are none, as of what is compiled when called."""
        return sum(self.steps_s.values()) or None
