"""The suite of a request: its cases on each device, at fitted batches, or on two sides."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ..catalogue import ENTRIES
from ..catalogue.entry import GRAPH_SUFFIX
from ..catalogue.graphs import is_graph_file
from ..errors import CspbenchError
from ..plan.case import Case
from ..plan.suite import Selection, Suite, load, of_entries, share_out
from ..records.machine import AvailableGpu
from ..records.run import SIDES, Settings, Side
from .batch_search import largest_batches
from .request import AbRequest, GradientsRequest, RunRequest, SuiteRequest, suite_name


def suite_of(request: SuiteRequest, device: str) -> Suite:
    """The suite or the entries that ``request`` names, on ``device`` or spread over several.

    Several entries are separated by commas. Cases have references where a run takes ratios to them.
    Raises `CspbenchError` for unknown names and for options that do not go together.
    """
    if isinstance(request, GradientsRequest):
        return _on_device(
            request, Selection(only=request.only, mode=("train",), form=("eager",)), device
        )
    if request.selection.precision == "tf32" and device == "cpu":
        raise CspbenchError(
            "--precision tf32 needs a CUDA device, got --device cpu (on a CPU: fp32, bf16, fp16 or "
            "amp)"
        )
    return share_out([_on_device(request, request.selection, part) for part in device.split(",")])


def _on_device(request: SuiteRequest, selection: Selection, device: str) -> Suite:
    name = suite_name(request)
    is_batch_fitted = isinstance(request, RunRequest) and request.is_batch_fitted
    has_references = not (is_batch_fitted or isinstance(request, AbRequest))
    if entries := _entries(name):
        return of_entries(
            entries,
            selection,
            device,
            overrides=request.overrides,
            inputs=request.inputs,
            has_references=has_references,
        )
    if request.overrides or request.inputs:
        raise CspbenchError(
            f"--set and --input need an entry, but {name!r} is a suite; name entries instead"
        )
    return load(name, selection, device, has_references=has_references)


def _entries(name: str) -> tuple[str, ...]:
    """The entries that ``name`` lists, separated by commas; none if it names a suite."""
    is_list = "," in name and not _is_file(name)
    if name.endswith(GRAPH_SUFFIX) and not is_list and not is_graph_file(name):
        return ()
    parts = (name,) if _names_file(name) else tuple(name.split(","))
    is_path = ":" in name or name.endswith((".py", GRAPH_SUFFIX))
    return parts if len(parts) > 1 or is_path or name in ENTRIES else ()


def _names_file(name: str) -> bool:
    """Whether ``name`` is a single entry in a file, whose path may hold a comma."""
    path, _, attribute = name.rpartition(":")
    return _is_file(name) or ("," not in attribute and _is_file(path))


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # longer than a path can be: a list of entries
        return False


def fitted_suite(
    request: RunRequest,
    settings: Settings,
    gpus: Sequence[AvailableGpu],
    say: Callable[[str], None],
) -> Suite:
    """The suite with the largest batch of each case that fits into memory.

    Cases have no references, because ratios of latencies at different batches mean nothing. Each
    batch is reported to ``say``.
    """
    suite = _at_batch(request, 1, settings.device)
    free = dict(zip(settings.device.split(","), (gpu.free_bytes for gpu in gpus), strict=False))
    budgets = [free.get(case.device, settings.memory_budget_bytes) for case in suite.cases]
    batches = largest_batches(suite.cases, budgets, settings, say)
    cases = [
        _at_batch(request, batch, settings.device).cases[index]
        for index, batch in enumerate(batches)
    ]
    return msgspec.structs.replace(suite, cases=tuple(cases))


def both_sides(suite: Suite) -> Suite:
    """Every case of ``suite`` on both sides; the baseline's case is the candidate's reference."""
    cases = tuple(_on_side(case, side) for case in suite.cases for side in SIDES)
    return Suite(name=f"ab-{suite.name}", description=suite.description, cases=cases)


def _on_side(case: Case, side: Side) -> Case:
    return msgspec.structs.replace(
        case,
        key=f"{case.key} @ {side}",
        label=f"{case.label} @ {side}",
        reference=f"{case.key} @ baseline" if side == "candidate" else None,
        side=side,
    )


def _at_batch(request: RunRequest, batch: int, device: str) -> Suite:
    return suite_of(
        replace(request, selection=replace(request.selection, batch_size=(batch,))), device
    )
