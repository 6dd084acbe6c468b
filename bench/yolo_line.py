"""Write docs/yolo-line.md from the committed run of the suite ``yolo_line``.

    python bench/yolo_line.py

A test holds that the page is what the records and the catalogue say.
"""

import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import cspbench
from cspbench.api.reading import Run
from cspbench.blocks.yolo.frames import Taps
from cspbench.catalogue import find
from cspbench.catalogue.entry import Entry
from cspbench.catalogue.loading import resolve

ROOT = Path(__file__).parent.parent
RUN = ROOT / "results" / "reference" / "yolo_line"
PAGE = ROOT / "docs" / "yolo-line.md"

GENERATIONS = (
    *("scaled YOLOv4", "YOLOv5", "YOLOv6", "YOLOv7", "YOLOv8", "YOLOv9"),
    *("YOLOv10", "YOLO11", "YOLOv12", "YOLOv13", "YOLO26"),
)
"""Whose module each case of the suite is, in order."""

_PAGE = """\
# The YOLO line: what CSPNet's idea became

<!-- bench/yolo_line.py writes this page from results/reference/yolo_line -->

One module of each generation of YOLO detectors stands here at equal input and width. The input is
{input}, each returns 128 channels, and those that let the number of inner blocks be chosen have
two, whatever a block is. The figures are from [a run of the suite
`yolo_line`](../results/reference/yolo_line/report.txt) on {threads} threads of an {device}, with
torch {torch}. `{command}` repeats it.

## Where the bypass went

CSPNet sends part of the channels around the blocks. In its design (b) each side passes a
transition before the concat, so that neither side's update holds the other's gradient terms. In
design (c), *fusion first*, the one transition stands after the concat, and its update holds both.

{designs}

- **The transition before the concat went first.** Of {count} modules {of_b} of design (b):
  {named_b}. {of_c} of design (c), with one fusing 1x1 after the concat. Gradient terms kept
  apart, which the paper names as the point, are in none of these.
- **The split became a convolution, and then a split again.** With {own}, the bypass sees all
  channels. With {half}, it is CSPNet's cut, behind a 1x1 that chooses what each half holds.
- **Dense connections came back, but for the last layer alone.** {taps} join the outputs of
  several blocks in one concat. A dense block joins them before every layer, so that its cost
  grows with the square of their number.
- **No bypass:** {none}.

## What each step cost and saved

These figures are exact: they are counted in one call at inference. The second line of a cell is
the change to the module above.

{exact}

Latencies have 95% intervals over {launches} launches. *Fused* is what is deployed: normalisation
folded into convolutions, and branches merged (`--form fused`).

{timed}

![Latency against MACs]({plots}/latency_by_macs.png)

![Latency of the fused form over eager's]({plots}/forms.png)

- **Fewest MACs:** {least_macs}. **Fastest:** {fastest} eager, {fastest_fused} fused.
- **MACs do not say how long a module takes.** {slower}.
- **Products of attention** are left out of the published FLOPs of these detectors. {attention}.
- **Merged branches pay once deployed.** Fused takes {most_gained} of eager's time at best, and
  {least_gained} at worst.

A module's place decides what it costs in a detector. `python -m cspbench show yolo11n --depth 1`
has the costs by part, and `--set backbone.c3k2=c2f` exchanges a module there.
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Module:
    """A generation's module: its case in both forms."""

    generation: str
    entry: Entry
    eager: Row
    fused: Row

    @property
    def name(self) -> str:
        """The entry with what differs from its defaults, as code."""
        return f"`{self.eager['entry']}`"

    @property
    def products(self) -> float:
        """The share of attention's products in all MACs."""
        return float(self.eager["matmul_macs"] / (self.eager["matmul_macs"] + self.eager["macs"]))


def modules(run: Run) -> list[Module]:
    """The modules of the line, in order."""
    table = run.to_frame()
    by_form = [table[table["form"] == form].to_dict("records") for form in ("eager", "fused")]
    entries = {case.key: case.entry for case in run.info.cases}
    return [
        Module(generation, find(entries[eager["key"]]), eager, fused)
        for generation, eager, fused in zip(GENERATIONS, *by_form, strict=True)
    ]


def page() -> str:
    """The page, from the committed run."""
    run = cspbench.read(RUN)
    line = modules(run)
    info, first = run.info, line[0]
    fastest = min(line, key=lambda module: float(module.eager["latency_ratio"]))
    level = [m for m in line if m.eager["latency_ratio_low"] <= fastest.eager["latency_ratio_high"]]
    fastest_fused = min(line, key=lambda module: float(module.fused["latency_s"]))
    gains = sorted(line, key=lambda module: float(module.fused["latency_ratio"]))
    least = min(line, key=lambda module: float(module.eager["macs"]))
    of_b = [module for module in line if module.entry.design == "b"]
    of_c = [module for module in line if module.entry.design == "c"]
    slower = [m for m in line if m.eager["macs_ratio"] < 1 and m.eager["latency_ratio_low"] > 1]
    text = _PAGE.format(
        input=first.eager["input_shape"],
        threads=info.settings.threads,
        device=info.environment.device.replace("(R)", ""),
        torch=info.environment.packages["torch"].partition("+")[0],
        command=info.command,
        count=len(line),
        of_b=f"{len(of_b)} is" if len(of_b) == 1 else f"{len(of_b)} are",
        of_c=f"{len(of_c)} are",
        named_b=_listed(of_b),
        own=_of_bypass(line, "a 1x1 of its own"),
        half=_of_bypass(line, "half of one 1x1"),
        none=_of_bypass(line, "none"),
        taps=_listed([m for m in line if issubclass(cast("type", resolve(m.entry.build)), Taps)]),
        designs=_table(
            ("generation", "module", "design", "what bypasses the blocks"),
            [
                (m.generation, m.name, f"({m.entry.design})".replace("()", "none"), m.entry.bypass)
                for m in line
            ],
        ),
        exact=_exact(line),
        timed=_timed(line),
        launches=int(min(module.eager["latency_launches"] for module in line)),
        plots="../results/reference/yolo_line/plots",
        least_macs=f"{least.name}, {least.eager['macs_ratio']:.2f} of the first module's",
        fastest=_joined([module.name for module in level])
        + (" (whose intervals overlap)" if len(level) > 1 else ""),
        fastest_fused=fastest_fused.name,
        slower="; ".join(
            f"{m.name} has {m.eager['macs_ratio']:.2f} of the first module's MACs and takes "
            f"{m.eager['latency_ratio']:.2f} of its time, with {m.eager['activations_ratio']:.2f} "
            "times its activations"
            for m in slower
        ),
        attention="; ".join(
            f"{m.name} has {m.products:.0%} of all its MACs in them, and takes "
            f"{m.eager['latency_ratio']:.2f} times as long as the first module and "
            f"{m.eager['peak_tensor_bytes_ratio']:.2f} times its peak memory"
            for m in line
            if m.products
        ),
        most_gained=f"{gains[0].fused['latency_ratio']:.2f} ({gains[0].name})",
        least_gained=f"{gains[-1].fused['latency_ratio']:.2f} ({gains[-1].name})",
    )
    return "\n\n".join(map(_wrapped, text.split("\n\n")))


def _wrapped(block: str) -> str:
    """A paragraph or list in lines of at most 120 characters; tables and comments as they are."""
    if block.startswith(("|", "!", "<", "#")):
        return block
    items = [" ".join(item.split()) for item in re.split(r"\n(?=- )", block)]
    wrap = partial(textwrap.fill, width=120, break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrap(item, subsequent_indent="  " * item.startswith("- ")) for item in items)


def _exact(line: Sequence[Module]) -> str:
    figures: Sequence[tuple[str, str, Callable[[float], str]]] = (
        ("parameters", "params", "{:,.0f}".format),
        ("MACs", "macs", lambda value: f"{value / 1e6:.1f} M"),
        ("other products", "matmul_macs", lambda value: f"{value / 1e6:.1f} M" if value else "0"),
        ("activations", "activations", lambda value: f"{value / 1e6:.2f} M"),
        ("peak memory", "peak_tensor_bytes", lambda value: f"{value / 2**20:.2f} MiB"),
    )
    rows = []
    for before, module in pairwise([None, *line]):
        assert module is not None
        cells = [module.generation, module.name]
        for _, key, text in figures:
            old = before.eager[key] if before else 0
            step = module.eager[key] / old - 1 if old else None
            is_seen = step is not None and abs(step) >= 0.005
            cells.append(text(module.eager[key]) + (f"<br>{step:+.0%}" if is_seen else ""))
        rows.append(cells)
    return _table(("generation", "module", *(header for header, _, _ in figures)), rows)


def _timed(line: Sequence[Module]) -> str:
    return _table(
        ("generation", "module", "eager", "over the first", "fused", "over its eager"),
        [
            (module.generation, module.name, *_latency(module.eager), *_latency(module.fused))
            for module in line
        ],
    )


def _latency(row: Row) -> Iterator[str]:
    yield f"{row['latency_s'] * 1e3:.2f} ms"
    low, high = row["latency_ratio_low"], row["latency_ratio_high"]
    yield "1" if row["is_reference"] else f"{row['latency_ratio']:.3f} ({low:.3f}–{high:.3f})"


def _of_bypass(line: Sequence[Module], bypass: str) -> str:
    chosen = [module for module in line if module.entry.bypass == bypass]
    return f"{bypass} ({_listed(chosen)})" if bypass != "none" else _listed(chosen)


def _listed(chosen: Sequence[Module]) -> str:
    return _joined(list(dict.fromkeys(f"`{module.entry.name}`" for module in chosen)))


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
