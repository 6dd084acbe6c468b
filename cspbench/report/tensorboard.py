"""What TensorBoard shows of each case, as plain values, which `api.event_files` writes.

Names are those of the columns, values are in base units.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..catalogue.entry import Value
from ..plan.case import Case, batch_of, input_text
from ..plan.labels import plain
from ..records.base import Failure, Samples
from ..records.measurements import EXACT
from ..records.trainings import Training
from ..verdicts.stats import Estimate
from .readings import TRAINED, Reading
from .results import Results
from .rows import Row

LATENCY_BY_LAUNCH = "latency_by_launch"
SAMPLES = "latency_samples"

_UNSAFE = re.compile(r"[^\w.,=+@ -]")
_MAX_FOLDER = 60  # characters of at most 4 bytes each, where file systems take 255 bytes

HyperParameters = Mapping[str, float | str]
Series = tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseLog:
    """What is logged of one case, as a run of TensorBoard's named ``folder``.

    ``scalars`` are its readings, by column. ``series`` are values by launch, or by step of a
    training. ``samples`` are the seconds per iteration of each launch that counts, by its number.
    ``texts`` are readings that are words, all digits of exact figures, and why others are missing.
    """

    case: Case
    folder: str
    hyperparameters: HyperParameters
    scalars: Mapping[str, float]
    series: Mapping[str, Series]
    samples: Mapping[int, Samples]
    texts: Mapping[str, str]


def case_logs(results: Results) -> tuple[CaseLog, ...]:
    """What is logged of each case, in suite order."""
    rows = results.rows
    return tuple(
        CaseLog(
            case=row.record.case,
            folder=folder,
            hyperparameters=hyperparameters,
            scalars=_scalars(row),
            series=_series(row),
            samples=row.samples,
            texts=_texts(row),
        )
        for row, folder, hyperparameters in zip(
            rows,
            _folders(rows),
            _in_one_type([_hyperparameters(row.record.case) for row in rows]),
            strict=True,
        )
    )


def _folders(rows: Iterable[Row]) -> list[str]:
    """The name and mode of each row as the name of a folder, numbered where they repeat."""
    folders: dict[str, str] = {}
    for row in rows:
        name = _UNSAFE.sub("_", row.name).lstrip(". ")[:_MAX_FOLDER]
        stem = folder = f"{name} {row.mode}"
        number = 1
        while folder.casefold() in folders:  # some file systems do not tell cases apart
            number += 1
            folder = f"{stem} #{number}"
        folders[folder.casefold()] = folder
    return list(folders.values())


def _hyperparameters(case: Case) -> HyperParameters:
    """What sets a case apart: its entry with its arguments, and how it was measured."""
    batch = batch_of(case)
    own: dict[str, float | str] = {
        "entry": plain(case.entry),
        "mode": case.mode,
        **({"batch": batch} if batch is not None else {}),
        "input": plain(input_text(case)),
        "device": plain(case.device),
        "precision": case.precision,
        "memory_format": "channels_last" if case.channels_last else "contiguous",
        "form": case.form,
        **({"side": plain(case.side)} if case.side else {}),
    }
    arguments = {
        name if name not in own else f"{name} (argument)": _number_or_text(value)
        for name, value in ((plain(name), value) for name, value in case.arguments.items())
    }
    return own | arguments


def _number_or_text(value: Value) -> float | str:
    if isinstance(value, bool):
        return str(value).lower()
    return plain(value) if isinstance(value, str) else float(value)


def _in_one_type(cases: Sequence[HyperParameters]) -> list[HyperParameters]:
    """The hyperparameters of all cases, as text where some cases have text and others a number."""
    texts = {name for case in cases for name, value in case.items() if isinstance(value, str)}
    return [
        {
            name: f"{value:g}" if name in texts and isinstance(value, float) else value
            for name, value in case.items()
        }
        for case in cases
    ]


def _scalars(row: Row) -> dict[str, float]:
    """The readings that are numbers, in the order of columns."""
    numbers = {key: _number(reading) for key, reading in row.readings.items()}
    return {key: number for key, number in numbers.items() if number is not None}


def _number(reading: Reading) -> float | None:
    if isinstance(reading, Estimate):
        return reading.value
    return reading if isinstance(reading, int | float) else None


def _series(row: Row) -> dict[str, Series]:
    series: dict[str, Series] = {}
    for name, latencies in (
        (LATENCY_BY_LAUNCH, row.latencies),
        (f"{LATENCY_BY_LAUNCH}/left_out", row.left_out),
    ):
        if latencies:
            series[name] = tuple((line.launch, median(line.samples_s)) for line in latencies)
    for training in row.record.trainings:
        series |= _training_series(training)
    return series


def _training_series(training: Training) -> dict[str, Series]:
    """The loss and the figures of the columns, by the step of one training."""
    figures = {name: value for name, (place, value) in TRAINED.items() if place == -1}
    series: dict[str, Series] = {
        f"loss_by_step/seed {training.seed}": tuple(
            (reading.step, reading.loss) for reading in training.readings
        )
    }
    for name, value in figures.items():
        values = [(reading.step, value(reading)) for reading in training.readings]
        if known := tuple((step, number) for step, number in values if number is not None):
            series[f"{name}_by_step/seed {training.seed}"] = known
    return series


def _texts(row: Row) -> dict[str, str]:
    texts = {key: plain(text) for key, text in row.readings.items() if isinstance(text, str)}
    exact = [  # scalars are in single precision: TensorBoard's fast loader drops all others
        f"{key}: {row.readings[key]:,}" for key in EXACT if isinstance(row.readings[key], int)
    ]
    texts |= {"exact": "\n".join(exact)} if exact else {}
    missing = [
        f"{key}: {plain(reading.reason)}"
        for key, reading in row.readings.items()
        if isinstance(reading, Failure)
    ]
    failures = [
        f"{failure.stage} {failure.cause}: {plain(failure.reason)}"
        for failure in row.record.failures
    ]
    texts |= {"missing": "\n".join(missing)} if missing else {}
    return texts | ({"failures": "\n".join(failures)} if failures else {})
