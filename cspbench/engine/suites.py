"""The suite of a request: its cases on each device, at fitted batches, or on two sides."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ..catalogue import ENTRIES, find
from ..errors import CspbenchError
from ..plan.case import Case, make_case
from ..plan.suite import Selection, Suite, load, share_out
from ..records.machine import AvailableGpu
from ..records.run import SIDES, Settings, Side
from .batch_search import largest_batches
from .request import GradientsRequest, RunRequest, SuiteRequest, suite_name


def suite_of(request: SuiteRequest, device: str) -> Suite:
    """The suite that ``request`` names, on ``device`` or spread over several.

    ``gradients`` also accepts an entry, which becomes a suite of one case. Raises `CspbenchError`
    for unknown names and for options that do not go together.
    """
    name = suite_name(request)
    if isinstance(request, GradientsRequest):
        if ":" in name or name in ENTRIES:
            return _suite_of_entry(name, request)
        if request.overrides or request.input_shape:
            raise CspbenchError(f"--set and --input are of an entry; {name!r} is a suite")
        return load(name, Selection(only=request.only, mode=("train",)), device)
    if request.selection.precision == "tf32" and device == "cpu":
        raise CspbenchError(
            "--precision tf32 is a mode of CUDA devices; on a CPU: fp32, bf16, fp16 or amp"
        )
    return share_out([load(name, request.selection, part) for part in device.split(",")])


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
    without_references = [msgspec.structs.replace(case, reference=None) for case in cases]
    return msgspec.structs.replace(suite, cases=tuple(without_references))


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


def _suite_of_entry(name: str, request: GradientsRequest) -> Suite:
    entry = find(name)
    overrides = dict(map(entry.parse, request.overrides))
    case = make_case(entry, overrides, shape=request.input_shape, mode="train")
    plain = re.sub(r"[^\w.-]+", "-", Path(name).name).strip(".-")
    return Suite(name=plain, description=entry.description, cases=(case,))
