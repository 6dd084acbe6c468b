"""A sweep: lines over the one argument or size that varies, a heat map over two."""

from typing import TYPE_CHECKING, Any

from ...records.run import Run
from ...verdicts.stats import Estimate
from ..prose import MODE_TITLES
from ..rows import rows
from ..sweep import Sweep
from ..sweep import sweep as find
from .style import PALE, caption, theme

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_NOTE = "markers: estimates over launches; bands: their 95% intervals"
_NOTE_MAP = "each cell is the estimate over launches"


def sweep(run: Run) -> "Figure | None":
    """Latency over what the run sweeps, beside the reference's where there is one.

    None where it sweeps nothing, or was not timed.
    """
    found = find([row for row in rows(run) if row.latency])
    if found is None:
        return None
    with theme():
        figure = _lines(found) if len(found.axes) == 1 else _maps(found)
        note = _NOTE if len(found.axes) == 1 else _NOTE_MAP
        caption(figure, run, found.rows, note)
    return figure


def _quantity(found: Sweep) -> str:
    """Its name: a ratio, whose launches cancel, where all have the same reference."""
    references = {row.reference for row in found.rows if row.ratio}
    if len(references) == 1 and all(row.ratio for row in found.rows):
        return f"latency over {_plain(*references)}'s"
    return "latency [ms]"


def _plain(reference: str | None) -> str:
    """A reference's name, safe from mathematical markup."""
    return str(reference).replace("$", r"\$")


def _frame(found: Sweep) -> "pd.DataFrame":
    import pandas as pd

    is_ratio = _quantity(found) != "latency [ms]"
    return pd.DataFrame(
        [
            {
                "entry": row.record.case.entry,
                "mode": row.mode,
                **dict(zip(found.axes, values, strict=True)),
                **_estimate(row.ratio if is_ratio else row.latency, 1 if is_ratio else 1e3),
            }
            for row, values in zip(found.rows, found.values, strict=True)
        ]
    )


def _estimate(estimate: Estimate | None, unit: float) -> dict[str, float]:
    assert estimate is not None
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return {"value": estimate.value * unit, "low": low * unit, "high": high * unit}


def _lines(found: Sweep) -> "Figure":
    import seaborn as sns
    from matplotlib.figure import Figure

    frame, (axis,) = _frame(found), found.axes
    modes = [mode for mode in MODE_TITLES if mode in set(frame["mode"])]
    entries = list(dict.fromkeys(frame["entry"]))
    figure = Figure(figsize=(2.4 + 4.6 * len(modes), 4.4), layout="constrained")
    grid = figure.subplots(1, len(modes), squeeze=False)[0]
    colours = dict(zip(entries, sns.color_palette("colorblind", len(entries)), strict=True))
    for axes, mode in zip(grid, modes, strict=True):
        part = frame[frame["mode"] == mode].sort_values(axis)
        style: dict[str, Any] = {"hue": "entry", "hue_order": entries, "palette": colours}
        sns.lineplot(
            part,
            x=axis,
            y="value",
            **style,
            style="entry",
            style_order=entries,
            markers=True,
            dashes=False,
            estimator=None,
            ax=axes,
            legend="full" if axes is grid[-1] else False,
        )
        for entry, own in part.groupby("entry", sort=False):
            axes.fill_between(own[axis], own["low"], own["high"], color=colours[entry], alpha=0.18)
        if _quantity(found) != "latency [ms]":
            axes.axhline(1.0, color=PALE, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        # A band that few launches left wide must not flatten the lines.
        axes.set_ylim(
            max(part["low"].min(), 0.7 * part["value"].min()),
            min(part["high"].max(), 1.3 * part["value"].max()),
        )
        values = sorted(set(part[axis]))
        if values[0] > 0 and values[-1] / values[0] >= 8:
            axes.set(xscale="log", yscale="log")
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.minorticks_off()
        axes.set_title(MODE_TITLES[mode])
        axes.set_xlabel(axis)
        axes.set_ylabel(_quantity(found) if axes is grid[0] else "")
    sns.move_legend(grid[-1], "upper left", bbox_to_anchor=(1.02, 1), title=None)
    figure.suptitle(f"Latency over {axis}", x=0.01, ha="left")
    return figure


def _maps(found: Sweep) -> "Figure":
    import seaborn as sns
    from matplotlib.figure import Figure

    frame, (across, down) = _frame(found), found.axes
    panels = list(dict.fromkeys(zip(frame["entry"], frame["mode"], strict=True)))
    figure = Figure(figsize=(1.0 + 4.4 * len(panels), 4.4), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (entry, mode) in zip(grid, panels, strict=True):
        part = frame[(frame["entry"] == entry) & (frame["mode"] == mode)]
        table = part.pivot_table(index=down, columns=across, values="value")
        table = table.sort_index(ascending=False)
        sns.heatmap(
            table,
            ax=axes,
            annot=True,
            fmt=".3g",
            cmap="rocket_r",
            linewidths=1,
            cbar_kws={"label": _quantity(found)},
        )
        axes.set_xticklabels([f"{value:g}" for value in table.columns])
        axes.set_yticklabels([f"{value:g}" for value in table.index], rotation=0)
        axes.set_title(f"{entry}, {MODE_TITLES[mode].lower()}")
        axes.set_xlabel(across)
        axes.set_ylabel(down)
    figure.suptitle(f"Latency over {across} and {down}", x=0.01, ha="left")
    return figure
