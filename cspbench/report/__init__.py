"""Tables, plots and pages of a run, from its records alone: a view a file, no torch anywhere.

write(run, folder)   report.txt, report.md, report.csv and plots/
text(run)            what report.txt holds
"""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import CspbenchError
from ..records.run import Run
from .columns import COLUMNS, Column, choose

FORMATS = (
    *("table", "markdown", "csv"),
    *("pytest-benchmark", "github-action-benchmark", "bencher", "hyperfine"),
)
"""What `render` can make of a run."""

__all__ = ["COLUMNS", "FORMATS", "Column", "choose", "render", "text", "write", "write_history"]


def text(run: Run, columns: Sequence[str] | None = None) -> str:
    """The report as plain text, tables at most 100 columns wide.

    ``columns`` are keys of `COLUMNS`; raises `CspbenchError` for any other.
    """
    from . import pages

    return pages.text(run, _chosen(run, columns))


def render(run: Run, form: str, columns: Sequence[str] | None = None) -> str:
    """The report in one of `FORMATS`: ``table`` is what `text` gives."""
    from . import pages
    from .exporters import EXPORTERS

    if form in EXPORTERS:
        return json.dumps(EXPORTERS[form](run), indent=1, allow_nan=False)
    if form == "markdown":
        return pages.markdown(run, _chosen(run, columns))
    return pages.csv(run) if form == "csv" else text(run, columns)


def write(run: Run, folder: Path, columns: Sequence[str] | None = None) -> list[Path]:
    """Writes every report file into a run's folder and returns their paths.

    Each file is replaced as a whole; the same records give the same bytes. A plot that the
    records cannot fill is left out, and an older drawing of it removed. Of two revisions that took
    turns there is a comparison, too, by the default thresholds.
    """
    from . import pages, plots

    chosen = _chosen(run, columns)
    written = {
        folder / "report.txt": pages.text(run, chosen).encode(),
        folder / "report.md": pages.markdown(run, chosen).encode(),
        folder / "report.csv": pages.csv(run).encode(),
    }
    if run.info.revisions:
        from ..comparison.in_turns import in_turns
        from . import comparison

        found = in_turns(run)
        written[folder / "comparison.txt"] = (comparison.text(found) + "\n").encode()
        written[folder / "comparison.md"] = comparison.markdown(found).encode()
    for name, figure in plots.draw(run).items():
        for suffix in plots.FORMATS:
            path = folder / "plots" / f"{name}.{suffix}"
            if figure is not None:
                written[path] = plots.encode(figure, suffix)
            elif path.exists():
                path.unlink()
    for path, content in written.items():
        _replace(path, content)
    return list(written)


def _chosen(run: Run, columns: Sequence[str] | None) -> tuple[Column, ...]:
    kinds = ["gradients" if "gradient_terms" in run.info.stages else "costs"]
    if any(case.input_shape[0] > 1 for case in run.info.cases):
        kinds.append("batches")
    return choose(columns, kinds)


def write_history(runs: Sequence[Run], measure: str, folder: Path) -> tuple[str, list[Path]]:
    """The text of one measure over ``runs``, and the files that were written into ``folder``.

    ``history-MEASURE.csv``, ``.png`` and ``.svg``. Raises `CspbenchError` for an unknown measure.
    """
    from . import history, plots
    from .frame import history_csv

    found = history.history(runs, measure)
    figure = plots.history(found)
    written = {folder / f"history-{measure}.csv": history_csv(found).encode()}
    for suffix in plots.FORMATS:
        written[folder / f"history-{measure}.{suffix}"] = plots.encode(figure, suffix)
    for path, content in written.items():
        _replace(path, content)
    return history.text(found), list(written)


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise CspbenchError(
            f"cannot write {path}: {error.strerror}; the records are whole: draw them again with "
            "python -m cspbench report RUN"
        ) from error
