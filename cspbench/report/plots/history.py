"""One measure over many runs: a line an entry, a panel a mode."""

from typing import TYPE_CHECKING, Any

from ..history import History, points
from ..prose import MODE_TITLES
from .style import theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SCALES = {"latency": 1e3, "first_call": 1e3, "peak_alloc_bytes": 2**-20, "peak_rss_bytes": 2**-20}
"""From base units to those of the column's header."""


def history(found: History) -> "Figure":
    """A figure of ``found``: 95% intervals stand as bars where there are any."""
    import pandas as pd
    import seaborn as sns
    from matplotlib.figure import Figure

    frame = pd.DataFrame(points(found))
    factor = _SCALES.get(found.column.key, 1)
    frame[["value", "low", "high"]] = frame[["value", "low", "high"]].astype(float) * factor
    positions = {label: index for index, label in enumerate(found.labels)}
    frame["position"] = frame["run"].map(positions)
    names = list(dict.fromkeys(frame["entry"]))
    modes = [mode for mode in MODE_TITLES if mode in set(frame["mode"])]
    with theme():
        width = 3.0 + max(3.0, 1.1 * len(found.labels)) * len(modes)
        figure = Figure(figsize=(width, 3.6 + 0.12 * len(names)), layout="constrained")
        grid = figure.subplots(1, len(modes), squeeze=False)[0]
        for axes, mode in zip(grid, modes, strict=True):
            part = frame[frame["mode"] == mode]
            style: dict[str, Any] = {"hue": "entry", "hue_order": names, "style": "entry"}
            sns.lineplot(
                part,
                x="position",
                y="value",
                **style,
                style_order=names,
                palette="colorblind" if len(names) <= 10 else "husl",
                markers=True,
                dashes=False,
                estimator=None,
                ax=axes,
                legend="full" if axes is grid[-1] else False,
            )
            for row in part.dropna(subset=["low", "high"]).itertuples():
                axes.vlines(row.position, row.low, row.high, color="#9a9a9a", linewidth=1, zorder=1)
            axes.set_title(MODE_TITLES[mode])
            axes.set_xticks(range(len(found.labels)), found.labels, rotation=30, ha="right")
            axes.set_xlim(-0.4, len(found.labels) - 0.6)
            axes.set_xlabel("")
            axes.set_ylabel(" ".join(found.column.header.split()) if axes is grid[0] else "")
        legend = grid[-1].get_legend()
        if legend is not None:
            sns.move_legend(grid[-1], "upper left", bbox_to_anchor=(1.02, 1), title=None)
        title = f"{found.column.key.replace('_', ' ')} over {len(found.runs)} runs"
        figure.suptitle(title, x=0.01, ha="left")
    return figure
