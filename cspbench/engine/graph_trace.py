"""Graphs of a run's models, traced in workers, as event files that TensorBoard reads.

A run folder may be a stranger's: code that only its ``run.json`` names does not run.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import CspbenchError, unknown
from ..machine import environment
from ..plan.case import FORMS, MODES, PRECISIONS, Case
from ..plan.labels import plain
from ..records.run import RunInfo
from ..text import listing
from . import attempts, preflight
from .foreign_code import code_of
from .settings import default_settings

_TIME_LIMIT_S = 120.0  # of one model: to load, build, call and trace it


@dataclass(frozen=True, kw_only=True, slots=True)
class Graphs:
    """The event files of graphs by the key of a case, and sentences on those there are not."""

    files: dict[str, Path]
    notes: tuple[str, ...]


def traced(info: RunInfo, folder: Path, named: Collection[str] = ()) -> Graphs:
    """Trace the graph of each model of a run, and write it into an event file below ``folder``.

    A model stands for all cases that differ only in how they are measured: the graph is that of the
    first of them, at inference on the CPU, in single precision. ``named`` are the callables outside
    the catalogue whose code may run. What a model prints, changes or breaks stays in its worker.
    """
    if info.revisions:
        return Graphs(files={}, notes=("No graphs: the checkouts of the two revisions are gone.",))
    files: dict[str, Path] = {}
    reasons: dict[str, str] = {}
    notes = []
    for key, case in _models(info.cases):
        try:
            _check_code(info, case, named)
            files[key] = _trace(case, Path(tempfile.mkdtemp(prefix="graph-", dir=folder)))
        except CspbenchError as error:
            reasons[plain(case.entry)] = str(error)
    if files and info.source != environment.source():
        notes.append(
            f"Graphs are those of the models as they are in this version of cspbench; the run is "
            f"of version {plain(info.version)}."
        )
    notes += [f"No graph of {listing(names)}: {reason}." for reason, names in _grouped(reasons)]
    return Graphs(files=files, notes=tuple(notes))


def check_named(infos: Iterable[RunInfo], named: Collection[str]) -> None:
    """Raise `CspbenchError` for the first of ``named`` that none of the runs has."""
    known: dict[str, None] = {}
    for info in infos:
        known |= dict.fromkeys((*code_of(info.cases), *(case.entry for case in info.cases)))
    for name in named:
        if name not in known:
            raise unknown("model", name, known, owner="run.json")


def number_of_models(info: RunInfo, named: Collection[str] = ()) -> int:
    """The number of models whose graphs `traced` will try to trace."""
    if info.revisions:
        return 0
    return sum(not _unnamed(case, named) for _, case in _models(info.cases))


def _models(cases: Sequence[Case]) -> Iterator[tuple[str, Case]]:
    """The key of the first case of each model, and what is traced for it."""
    seen: set[bytes] = set()
    for case in cases:
        model = msgspec.structs.replace(
            case,
            key="",
            label="",
            reference=None,
            accuracy=None,
            device="cpu",
            precision=PRECISIONS[0],
            channels_last=False,
            mode=MODES[0],
            form=FORMS[0],
        )
        identity = msgspec.json.encode(model)
        if identity not in seen:
            seen.add(identity)
            yield case.key, msgspec.structs.replace(model, key=case.key, label=case.label)


def _unnamed(case: Case, named: Collection[str]) -> list[str]:
    """The code outside the catalogue that ``case`` runs and that is not ``named``."""
    return [name for name in code_of([case]) if name not in named]


def _check_code(info: RunInfo, case: Case, named: Collection[str]) -> None:
    """Raise `CspbenchError` unless the code of ``case`` may run, and is that of the run."""
    if unnamed := _unnamed(case, named):
        names = ",".join(map(plain, unnamed))
        raise CspbenchError(
            f"only run.json names its code (if you trust that, add --trace {names})"
        )
    hashes = preflight.load([case], default_settings())
    for name, digest in hashes.items():
        if info.models.get(name, digest) != digest:
            raise CspbenchError(f"{plain(name)} has changed since the run")


def _trace(case: Case, folder: Path) -> Path:
    """The event file of the graph of ``case``; raises `CspbenchError` if it cannot be traced."""
    answers: list[str | None] = []
    worker_exit = attempts.run(
        "cspbench.engine.worker:trace",
        case,
        str(folder),
        default_settings(),
        time_limit_s=_TIME_LIMIT_S,
        receive=answers.append,
    )
    why = worker_exit.reason if worker_exit else answers[0]
    if why is not None:
        raise CspbenchError(f"it cannot be traced: {plain(why)}")
    return next(folder.glob("events.*"))


def _grouped(reasons: dict[str, str]) -> list[tuple[str, list[str]]]:
    """The names that share a reason, by it."""
    groups: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        groups.setdefault(reason, []).append(name)
    return list(groups.items())
