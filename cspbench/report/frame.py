"""Results as pandas data frames in base units: runs, single records, comparisons, histories.

Columns have the same types in every frame, whatever is missing, so that frames can be joined.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..comparison.result import CaseComparison, Change, Comparison
from ..plan.case import input_text
from ..plan.labels import label, plain
from ..records.base import Failure
from ..records.gate import LATENCY
from ..records.measurements import EXACT
from ..records.run import Record
from ..verdicts.stats import Estimate
from .history import History, points
from .readings import TRAINED, Reading
from .results import Results
from .rows import AGAINST_REFERENCE, Row, row_alone

if TYPE_CHECKING:
    import pandas as pd


def cases(results: Results) -> "pd.DataFrame":
    """A frame with one row for each case in suite order, of all measured and derived figures.

    A missing figure is NA, and the column ``missing`` says why; integers stay integers.
    """
    return _frame(map(_case, results.rows))


def record(alone: Record) -> "pd.DataFrame":
    """A frame with the columns of `cases` and one row, of a record that belongs to no run."""
    return _frame([_case(row_alone(alone))])


def changes(comparison: Comparison) -> "pd.DataFrame":
    """A frame with one row for each case and measure of a comparison.

    ``baseline`` and ``candidate`` are in ``unit``, that of a latency ``s`` or ``yardstick`` (its
    ratio to the yardstick); counts have none. ``ratio_low`` and ``ratio_high`` are the ends of the
    95% interval of ``ratio``.
    """
    return _frame(
        _change(case, measure, change, in_turns=comparison.in_turns)
        for case in comparison.cases
        for measure, change in case.measures.items()
    )


def unit(measure: str, change: Change, *, in_turns: bool) -> str:
    """The unit of both sides of a change; '' for counts and shares."""
    if measure == LATENCY:
        return "yardstick" if change.is_comparable and not in_turns else "s"
    return "bytes" if measure.endswith("_bytes") else ""


def cases_csv(results: Results) -> str:
    """CSV with one row for each case, in full precision and base units, of columns with values."""
    return _csv(cases(results))


def history_csv(history: History) -> str:
    """CSV with one row for each case and run, in base units and in the order of entries."""
    import pandas as pd

    return _csv(pd.DataFrame(points(history)))


def _csv(frame: "pd.DataFrame") -> str:
    """The frame as CSV whose texts are one printable line each, and no formula of a spreadsheet.

    Columns in which no row has a value are left out.
    """
    frame = frame.loc[:, (frame.notna() & (frame != "")).any()]
    texts = frame.select_dtypes(include=["object", "string"])
    safe = frame.assign(**{str(name): texts[name].map(_text_cell) for name in texts})
    content: str = safe.to_csv(index=False, lineterminator="\n")
    return content


def _text_cell(value: object) -> object:
    """A text behind an apostrophe if it began as a formula does; any other value as it is."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # the wide ones begin formulas in East Asia
_TEXTS = frozenset(
    (
        *("key", "entry", "mode", "input_shape", "device", "precision", "form", "reference"),
        *("top1_source", "cuts", "verdict", "roof", "missing", "failures"),
        *("measure", "unit", "reason"),
    )
)
_FLAGS = frozenset(("channels_last", "is_reference"))
_ANSWERS = frozenset(("outputs_equal",))  # NA where it does not apply
_INTEGERS = frozenset(
    (
        *EXACT,
        *(f"{name}_seeds" for name in TRAINED),
        "launches",
        "more_launches",
        "peak_tensor_real_bytes",
        "peak_alloc_bytes",
        "peak_reserved_bytes",
        "baseline_alloc_bytes",
        "peak_rss_bytes",
        "form_bytes",
        "latency_launches",
        "host_latency_launches",
        "graph_latency_launches",
        "energy_windows",
        "power_energy_windows",
        "launches_left_out",
        "latency_samples",
        "latency_ratio_launches",
        "outliers",
    )
)


def _frame(rows: Iterable[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    return frame.astype({str(name): _dtype(str(name)) for name in frame})


def _dtype(column: str) -> str:
    kinds = {"Int64": _INTEGERS, "string": _TEXTS, "bool": _FLAGS, "boolean": _ANSWERS}
    return next((kind for kind, names in kinds.items() if column in names), "float64")


def _change(
    case: CaseComparison, measure: str, change: Change, *, in_turns: bool
) -> dict[str, Any]:
    low, high = change.interval or (None, None)
    return {
        "key": plain(case.key),
        "entry": label(case.label),
        "mode": case.mode,
        "measure": measure,
        "unit": unit(measure, change, in_turns=in_turns),
        "baseline": change.baseline,
        "candidate": change.candidate,
        "ratio": change.ratio,
        "ratio_low": low,
        "ratio_high": high,
        "verdict": change.verdict,
        "reason": plain(change.reason),
        "launches": change.launches,
        "more_launches": change.more_launches,
        "threshold": change.threshold,
    }


def _case(row: Row) -> dict[str, Any]:
    record, case, readings = row.record, row.record.case, row.readings
    made = record.deployment
    return {
        "key": plain(case.key),
        "entry": row.name,
        "mode": case.mode,
        "input_shape": plain(input_text(case)),
        "device": case.device,
        "precision": case.precision,
        "channels_last": case.channels_last,
        "form": case.form,
        "reference": row.reference,
        "is_reference": row.is_reference,
        **{key: _value(readings[key]) for key in EXACT},
        **{f"{key}_ratio": row.ratios[key] for key in EXACT},
        "intensity": _value(readings["intensity"]),
        "top1_percent": readings["top1"],
        "top1_source": plain(case.accuracy.source) if case.accuracy else None,
        "reuse": _value(readings["reuse"]),
        "cuts": readings["cuts"] if isinstance(readings["cuts"], str) else None,
        **{
            name: value
            for key in TRAINED
            for name, value in _estimate(key, readings[key], noun="seeds").items()
        },
        "peak_tensor_real_bytes": record.allocated.peak_tensor_bytes if record.allocated else None,
        "peak_alloc_bytes": _value(readings["peak_alloc_bytes"]),
        "peak_reserved_bytes": _value(readings["peak_reserved_bytes"]),
        "baseline_alloc_bytes": _value(readings["baseline_alloc_bytes"]),
        "peak_rss_bytes": _value(readings["peak_rss_bytes"]),
        **_estimate("latency", readings["latency"], suffix="_s"),
        "launches_left_out": len(row.left_out),
        "latency_samples": sum(len(line.samples_s) for line in row.latencies),
        **_estimate("latency_ratio", readings["latency_ratio"]),
        "verdict": AGAINST_REFERENCE[row.verdict.answer] if row.verdict else None,
        "p": _value(readings["p"]),
        "permutation_p": _value(readings["permutation_p"]),
        "detectable": _value(readings["detectable"]),
        "flops_per_s": _value(readings["flops_per_s"]),
        "roof_share": _value(readings["roof_share"]),
        "roof": readings["roof"] if isinstance(readings["roof"], str) else None,
        "outliers": _value(readings["outliers"]),
        "images_per_s": _value(readings["images_per_s"]),
        "first_call_s": _value(readings["first_call"]),
        **_estimate("host_latency", readings["host_latency"], suffix="_s"),
        **_estimate("graph_latency", readings["graph_latency"], suffix="_s"),
        "launch_overhead": _value(readings["launch_overhead"]),
        **_estimate("energy", readings["energy"], suffix="_j", noun="windows"),
        **_estimate("power_energy", readings["power_energy"], suffix="_j", noun="windows"),
        "energy_distance": _value(readings["energy_distance"]),
        "power_w": _value(readings["power"]),
        "idle_power_w": _value(readings["idle_power"]),
        "compile_s": _value(readings["compile_s"]),
        "outputs_equal": made.is_equal if made else None,
        "output_error": made.error if made else None,
        "output_sqnr_db": made.sqnr_db if made else None,
        "prepare_s": _value(readings["prepare_s"]),
        "form_bytes": _value(readings["form_bytes"]),
        "missing": "; ".join(
            f"{key}: {plain(reading.reason)}"
            for key, reading in readings.items()
            if isinstance(reading, Failure)
        ),
        "failures": "; ".join(
            f"{failure.stage} {failure.cause}: {plain(failure.reason)}"
            for failure in record.failures
        ),
    }


def _value(reading: Reading) -> float | int | None:
    if isinstance(reading, Estimate):
        return reading.value
    return None if isinstance(reading, Failure | str) else reading


def _estimate(
    name: str, reading: Reading, *, suffix: str = "", noun: str = "launches"
) -> dict[str, float | int | None]:
    estimate = reading if isinstance(reading, Estimate) else None
    return {
        f"{name}{suffix}": _value(reading),
        f"{name}_low{suffix}": estimate.low if estimate else None,
        f"{name}_high{suffix}": estimate.high if estimate else None,
        f"{name}_{noun}": estimate.launches if estimate else None,
    }
