"""The event files of a run, which TensorBoard shows: written by `torch.utils.tensorboard`."""

import importlib.util
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..engine import graph_trace, scratch
from ..errors import CspbenchError
from ..report.results import Results
from ..report.tensorboard import SAMPLES, CaseLog, case_logs

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
PLOTS = "plots"
"""The folder of event files in a run folder, and in it that of the plots."""

_UNFINISHED = ".tensorboard.tmp"
_REPLACED = ".tensorboard.old"
_EVENTS = "events.out.tfevents."  # what the name of each file begins with


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFiles:
    """What was written: the folder for TensorBoard, numbers of cases and graphs, and remarks."""

    folder: Path
    cases: int
    graphs: int
    notes: tuple[str, ...]


def check_installed() -> None:
    """Raise `CspbenchError` if TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise CspbenchError(
            "--format tensorboard needs TensorBoard, which is not installed "
            "(pip install 'cspbench[tensorboard]')"
        )


def write(
    results: Results, run_folder: Path, plots: Iterable[Path], named: Collection[str] = ()
) -> EventFiles:
    """Write the event files of a run into ``tensorboard/`` of its folder, replacing earlier ones.

    Each case is a run of TensorBoard's: readings as scalars, latencies by launch, samples as
    histograms, and arguments as hyperparameters with the readings as metrics. ``plots`` are PNG
    files, which make up one more. Graphs of models outside the catalogue are traced only where
    their code is ``named``. The folder appears when it is whole. Raises `CspbenchError` if it
    cannot be written, is a link, or holds what is no event file.
    """
    target = run_folder / FOLDER
    _check_replaceable(target)
    unfinished = run_folder / _UNFINISHED
    try:
        for leftover in (unfinished, run_folder / _REPLACED):  # of a call that was killed
            _remove(leftover)
        unfinished.mkdir()
        with TemporaryDirectory(prefix="graphs-", dir=scratch.folder()) as folder:
            graphs = graph_trace.traced(results.run.info, Path(folder), named)
            _write_all(case_logs(results), plots, graphs.files, unfinished, _walltime(results))
        _replace(target, unfinished, run_folder / _REPLACED)
    except OSError as error:
        raise CspbenchError(
            f"cannot write {target}: {error.strerror or error}; the records are whole: draw them "
            "again with python -m cspbench report RUN"
        ) from error
    finally:
        with suppress(OSError):
            _remove(unfinished)
    return EventFiles(
        folder=target,
        cases=len(results.rows),
        graphs=len(graphs.files),
        notes=graphs.notes,
    )


def _check_replaceable(folder: Path) -> None:
    """Raise `CspbenchError` unless ``folder`` is absent or holds nothing but event files."""
    if folder.is_symlink():
        raise CspbenchError(
            f"{folder} is a link, and nothing is written to where it leads: remove it"
        )
    if folder.exists() and not folder.is_dir():
        raise CspbenchError(f"{folder} is no folder: move it, as one of that name is written")
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.name.startswith(_EVENTS)):
            raise CspbenchError(
                f"{folder} holds {path.relative_to(folder)}, which is no event file: move it, as "
                "the folder is replaced"
            )


def _replace(target: Path, new: Path, old: Path) -> None:
    """Put ``new`` in the place of ``target``; at no moment does a part of a folder stand there."""
    if target.exists():
        target.rename(old)
    new.rename(target)
    _remove(old)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _walltime(results: Results) -> float | None:
    """The start of the run in seconds, which all events are given; None if it is not known."""
    try:
        return datetime.fromisoformat(results.run.info.started).timestamp()
    except (ValueError, OverflowError):
        return None


def _write_all(
    logs: Sequence[CaseLog],
    plots: Iterable[Path],
    graphs: Mapping[str, Path],
    folder: Path,
    walltime: float | None,
) -> None:
    from torch.utils.tensorboard import SummaryWriter
    from torch.utils.tensorboard.summary import hparams

    # TensorBoard takes the names of all cases from one of them; each has values of its own.
    announcement, *_ = hparams(
        {name: value for log in logs for name, value in log.hyperparameters.items()},
        {name: value for log in logs for name, value in log.scalars.items()},
    )
    for log in logs:
        with SummaryWriter(str(folder / log.folder)) as writer:
            _, start, end = hparams(dict(log.hyperparameters), dict(log.scalars))
            events: Any = writer.file_writer
            for summary in (announcement, start, end):
                events.add_summary(summary, walltime=walltime)
            _write_case(writer, log, walltime)
        if log.case.key in graphs:
            shutil.move(graphs[log.case.key], folder / log.folder)
    images = [path for path in plots if path.suffix == ".png"]
    if images:
        with SummaryWriter(str(folder / PLOTS)) as writer:
            for path in images:
                _write_image(writer, path, walltime)


def _write_case(writer: "SummaryWriter", log: CaseLog, walltime: float | None) -> None:
    import numpy as np

    for name, value in log.scalars.items():
        writer.add_scalar(name, value, walltime=walltime)
    for name, series in log.series.items():
        for step, value in series:
            writer.add_scalar(name, value, step, walltime)
    for launch, samples in log.samples.items():
        # Scott's bins follow the spread, and their number is bounded by that of the samples.
        writer.add_histogram(SAMPLES, np.array(samples), launch, bins="scott", walltime=walltime)
    for name, text in log.texts.items():
        writer.add_text(name, _verbatim(text), walltime=walltime)


def _write_image(writer: "SummaryWriter", path: Path, walltime: float | None) -> None:
    import numpy as np
    from matplotlib.image import imread

    shares = imread(path)[..., :3]  # from 0 to 1, without transparency
    pixels = np.rint(shares * 255).astype(np.uint8)
    writer.add_image(path.stem, pixels, walltime=walltime, dataformats="HWC")


def _verbatim(text: str) -> str:
    """Text that TensorBoard, which reads Markdown, shows as it is."""
    return "\n".join(f"    {line}" for line in text.splitlines())
