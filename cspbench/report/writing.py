"""The report of a run as text, or as files in its folder."""

import json
from collections.abc import Sequence
from pathlib import Path

from ..choices import PRINTED_FORMATS
from ..errors import CspbenchError
from ..files import replace_file
from ..plan.case import batch_of
from ..records.run import Run
from .columns import Column, choose, for_cases
from .layout import FILE, Layout
from .results import Results, derive

FORMATS = PRINTED_FORMATS
"""The formats of `render`."""


def text(derived: Results, columns: Sequence[str] | None = None, layout: Layout = FILE) -> str:
    """The report as plain text.

    ``columns`` are keys of `COLUMNS`; raises `CspbenchError` for any other.
    """
    return render(derived, "table", columns, layout=layout)


def conclusion(derived: Results, layout: Layout = FILE) -> str:
    """The sentences that conclude the report, as plain text."""
    from . import pages

    return pages.conclusion(derived, layout)


def render(
    derived: Results,
    form: str,
    columns: Sequence[str] | None = None,
    *,
    layout: Layout = FILE,
    has_plots: bool = False,
) -> str:
    """The report in one of `FORMATS`; ``table`` is plain text.

    Markdown that ``has_plots`` shows those of the run, which lie in the folder ``plots`` beside it.
    """
    from . import pages
    from .exporters import EXPORTERS

    if form in EXPORTERS:
        return json.dumps(EXPORTERS[form](derived), indent=1, allow_nan=False)
    if form == "csv":
        return pages.csv(derived)
    chosen = chosen_columns(derived.run, columns)
    if form == "markdown":
        return pages.markdown(derived, chosen, has_plots=has_plots)
    if form == "html":
        from . import html

        return html.page(derived, chosen)
    return pages.text(derived, chosen, layout)


def write(derived: Results, folder: Path, columns: Sequence[str] | None = None) -> list[Path]:
    """Write all report files into the folder of a run and return their paths.

    Files are replaced atomically; equal records give equal bytes. Plots without data are left out,
    and older files of them removed. A run of two revisions also gets a comparison, through the gate
    that it was made with. Raises `CspbenchError` for an unknown column, a file that cannot be
    written, and a ``plots`` that is a link, as what lies elsewhere is not to be replaced.
    """
    contents = {
        folder / "report.txt": render(derived, "table", columns),
        folder / "report.md": render(derived, "markdown", columns, has_plots=True),
        folder / "report.csv": render(derived, "csv"),
        folder / "report.html": render(derived, "html", columns),
        **_comparison(derived.run, folder),
    }
    if (folder / "plots").is_symlink():
        raise CspbenchError(
            f"{folder / 'plots'} is a link, and nothing is written to where it leads: remove it, "
            "then draw the report with python -m cspbench report RUN"
        )
    for path, content in contents.items():
        _write(path, content.encode())
    return [*contents, *_write_plots(derived, folder / "plots")]


def _write_plots(derived: Results, folder: Path) -> list[Path]:
    """Write the plots that a run has data for, and remove older files of the others."""
    from . import plots

    made, paths = plots.plots_of(derived), []
    for name in plots.PLOTS:
        figure = made[name].draw() if name in made else None  # one at a time is in memory
        for suffix in plots.FORMATS:
            path = folder / f"{name}.{suffix}"
            if figure is not None:
                _write(path, plots.encode(figure, suffix, made[name].alt))
                paths.append(path)
            elif path.exists():
                path.unlink()
    return paths


def write_history(
    runs: Sequence[Run],
    measure: str,
    folder: Path,
    layout: Layout = FILE,
    *,
    left_out: int = 0,
) -> tuple[str, list[Path]]:
    """Write the history of one measure over ``runs``; return its text and the paths of the files.

    The files are ``history-MEASURE.csv``, ``.png`` and ``.svg`` in ``folder``. ``left_out`` is the
    number of older runs that are not among ``runs``. Raises `CspbenchError` for an unknown measure.
    """
    from . import history, plots
    from .frame import history_csv

    measured = history.history([derive(run) for run in runs], measure, left_out=left_out)
    plot = plots.history(measured)
    figure = plot.draw()
    contents = {folder / f"history-{measure}.csv": history_csv(measured).encode()}
    for suffix in plots.FORMATS:
        contents[folder / f"history-{measure}.{suffix}"] = plots.encode(figure, suffix, plot.alt)
    for path, content in contents.items():
        _write(path, content)
    return history.text(measured, layout), list(contents)


def write_history_page(
    runs: Sequence[Run], first: str, folder: Path, *, left_out: int = 0, command: str
) -> Path:
    """Write ``history.html``, the page of all measures over ``runs``, and return its path.

    ``first`` is the measure that is shown first, '' for a ratio of latencies; ``command`` repeats
    the page. Raises `CspbenchError` for an unknown measure, and for one that no run has.
    """
    from . import history, html

    derived = [derive(run) for run in runs]
    if first:
        history.history(derived, first)
    histories = history.histories(derived, left_out=left_out)
    path = folder / "history.html"
    _write(path, html.history_page(histories, first, command).encode())
    return path


def chosen_columns(run: Run, columns: Sequence[str] | None = None) -> tuple[Column, ...]:
    """The columns of a run's tables: those of ``columns``, or by what was measured.

    Raises `CspbenchError` for an unknown key.
    """
    kinds = ["gradients" if "gradient_terms" in run.info.stages else "costs"]
    if any((batch_of(case) or 1) > 1 for case in run.info.cases):
        kinds.append("batches")
    return for_cases(choose(columns, kinds), run.info.cases)


def _comparison(run: Run, folder: Path) -> dict[Path, str]:
    """The files that compare the two revisions of a run; empty if it has none."""
    if not run.info.revisions:
        return {}
    from ..comparison.in_turns import in_turns
    from ..comparison.sides import excerpts
    from . import comparison, html

    revisions = in_turns(run)
    return {
        folder / "comparison.txt": f"{comparison.text(revisions)}\n",
        folder / "comparison.md": comparison.markdown(revisions, excerpts(run)),
        folder / "comparison.html": html.comparison_page(revisions, run.info.command),
    }


def _write(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content)
    except OSError as error:
        raise CspbenchError(
            f"cannot write {path}: {error.strerror}; the records are whole: draw them again with "
            "python -m cspbench report RUN"
        ) from error
