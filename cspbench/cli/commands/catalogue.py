"""``list``, ``show`` and ``verify``: the catalogue and its exact figures."""

import json
from collections.abc import Sequence

from ...catalogue import ENTRIES, find
from ...errors import CspbenchError
from ...measures.registry import MEASURES
from ...plan.suite import built_in
from ...records.run import Record
from ...report.columns import COLUMNS
from .. import output
from ..exit_codes import ExitCode
from ..requests import ListRequest, ShowRequest, VerifyRequest


def list_all(request: ListRequest) -> ExitCode:
    """Print entries, suites, measures and columns."""
    if request.as_json:
        print(json.dumps(_listed(), indent=1))
        return ExitCode.OK
    width = max(map(len, [*ENTRIES, *MEASURES]))
    print("Entries (python -m cspbench show ENTRY)")
    for entry in ENTRIES.values():
        print(f"  {entry.name:{width}}  {entry.description}")
        arguments = " ".join(f"{name}={value}" for name, value in entry.arguments().items())
        print(f"  {'':{width}}  --set {arguments}")
    print("\nSuites (python -m cspbench run SUITE)")
    for name, description in built_in().items():
        print(f"  {name:{width}}  {description}")
    print("\nMeasures")
    for stage, measure in MEASURES.items():
        print(f"  {stage:{width}}  {measure.help}")
    print("\nColumns of a report (--columns NAME,…)")
    for column in COLUMNS:
        print(f"  {column.key:{width}}  {column.help}")
    return ExitCode.OK


def _listed() -> dict[str, object]:
    return {
        "entries": [
            {
                "name": entry.name,
                "description": entry.description,
                "source": entry.source,
                "input_shape": entry.input_shape,
                "parameters": entry.arguments(),
            }
            for entry in ENTRIES.values()
        ],
        "suites": built_in(),
        "measures": {stage: measure.help for stage, measure in MEASURES.items()},
        "columns": {column.key: column.help for column in COLUMNS},
    }


def show(request: ShowRequest) -> ExitCode:
    """Print the counts and tensor peaks of an entry, at inference and in training."""
    entry = find(request.entry)
    overrides = dict(entry.parse(text) for text in request.overrides)
    entry.shape(entry.arguments(overrides), request.input_shape)  # fail before torch is loaded

    from ...api import profile
    from ...report import summary

    try:
        records = [
            profile(entry, request.input_shape, mode=mode, arguments=overrides)
            for mode in ("infer", "train")
        ]
    except (ValueError, TypeError, OverflowError, RuntimeError, MemoryError) as error:
        raise CspbenchError(f"{entry.name} cannot be built or run so: {error}") from error
    if request.as_json:
        print(json.dumps(_profile(entry.name, records), indent=1))
        return ExitCode.OK
    print(summary.text(records))
    peaks = [record.tensor_peak for record in records]
    print("\n" + _fits([peak.peak_tensor_bytes for peak in peaks if peak is not None]))
    return ExitCode.OK


def _profile(name: str, records: Sequence[Record]) -> dict[str, object]:
    inference, training = (record.to_dict() for record in records)
    counts = inference["counts"]
    counts.pop("case"), counts.pop("kind")
    return {
        "entry": name,
        "arguments": inference["case"]["arguments"],
        "input_shape": inference["case"]["input_shape"],
        **counts,
        "backward_flops": training["counts"]["backward_flops"],
        "tensor_peak": {"infer": inference["tensor_peak"], "train": training["tensor_peak"]},
    }


def _fits(peaks: Sequence[int]) -> str:
    from ...machine.environment import memory_budget_bytes
    from ...units import bytes_text

    budget = memory_budget_bytes()
    inference, training = ("fits" if peak < budget else "does not fit" for peak in peaks)
    return output.filled(
        f"In the {bytes_text(budget)} that a case may use here (60% of the available memory) "
        f"an inference {inference} and a training step {training}."
    )


def verify(request: VerifyRequest) -> ExitCode:
    """Print published figures beside ours; a regression if one differs for no known reason."""
    from ...engine import verify as verification
    from ...report import verification as view

    checks = list(verification.verify())
    if request.as_json:
        print(json.dumps({"figures": [check.to_dict() for check in checks]}, indent=1))
    else:
        print(view.text(checks))
    has_unknown = any(check.answer == "differs" for check in checks)
    return ExitCode.REGRESSION if has_unknown else ExitCode.OK
