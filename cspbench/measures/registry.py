"""All measures by their stage, from the files of this folder; importing it loads no torch."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules, walk_packages
from types import MappingProxyType

from ..plan.case import Case
from ..records.lines import Stage
from ..records.run import Settings
from .base import PLACES, Command, Measure, any_case, registered

_PACKAGE = __name__.rpartition(".")[0]
_FOLDER = [str(Path(__file__).parent)]


def _discovered() -> Mapping[Stage, Measure]:
    """Import the files of this folder; their measures, ordered by place and stage."""
    for module in iter_modules(_FOLDER):
        if not module.ispkg:
            import_module(f"{_PACKAGE}.{module.name}")
    measures = sorted(registered().values(), key=_order)
    return MappingProxyType({measure.stage: measure for measure in measures})


def _order(measure: Measure) -> tuple[int, str]:
    return PLACES.index(measure.place), measure.stage


MEASURES: Mapping[Stage, Measure] = _discovered()
"""All measures by stage, in the order in which a case is measured."""


def stages(command: Command, settings: Settings, cases: Sequence[Case] = ()) -> tuple[Stage, ...]:
    """The stages that ``command`` measures with ``settings``, in the order of `MEASURES`.

    A measure that does not cover every case is left out unless it covers one of ``cases``.
    """
    return tuple(
        measure.stage
        for measure in MEASURES.values()
        if command in measure.commands
        and measure.applies(settings)
        and (measure.covers is any_case or any(map(measure.covers, cases)))
    )


def preload() -> None:
    """Import all modules that measures import late, so that forked processes have them."""
    for module in walk_packages(_FOLDER, f"{_PACKAGE}."):
        import_module(module.name)
