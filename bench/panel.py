"""The panel at ``run``: whether every model has counts, a tensor peak and a latency.

    make panel ARGS="--only NAME,NAME --out DIR"

75 models of timm and 8 of torchvision, two launches of two turns each. Exits with 1, naming the
models and reasons, if anything is missing.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import panel_models

from cspbench.records.folder import read
from cspbench.records.run import Record

PANEL = Path(panel_models.__file__)
STAGES = ("counts", "tensor_peak")


def main() -> int:
    """Run the panel, print what is missing, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", help="so many models, by name, separated by commas")
    parser.add_argument("--out", type=Path, help="the run folder (one that is removed)")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else None
    with tempfile.TemporaryDirectory() as scratch:
        suite = Path(scratch) / "panel.toml"
        suite.write_text("\n".join(_suite(names)), encoding="utf-8")
        folder = options.out or Path(scratch) / "run"
        command = [sys.executable, "-m", "cspbench", "run", str(suite), "--out", str(folder)]
        sampling = ["--mode", "infer", "--launches", "2", "--turns", "2"]
        subprocess.run([*command, *sampling], check=False)
        records = read(folder).records
        missing = list(_missing(records))
    print("\n".join([*missing, f"{len(records)} models, {len(missing)} figures missing"]))
    return 1 if missing else 0


def _suite(names: Sequence[str] | None) -> Iterator[str]:
    """The lines of a suite of the models of those names, or of all."""
    yield 'description = "The panel"'
    sizes = {("timm_model", model.name): model.size for model in panel_models.panel()}
    sizes |= {("torchvision_model", name): 224 for name in panel_models.CLASSIFIERS}
    for (build, name), size in sizes.items():
        if names is None or name in names:
            yield "[[case]]"
            yield f'entry = "{PANEL}:{build}"'
            yield f'set = {{ name = "{name}" }}'
            yield f"input = [1, 3, {size}, {size}]"


def _missing(records: Sequence[Record]) -> Iterator[str]:
    """A line for each figure that a record lacks, with the reason if there is one."""
    for record in records:
        reasons = {failure.stage: failure.reason for failure in record.failures}
        lacking = [stage for stage in STAGES if stage not in record.measurements]
        if not record.latencies:
            lacking.append("latency")
        for stage in lacking:
            yield f"{record.case.key}: no {stage}: {reasons.get(stage, reasons)}"


if __name__ == "__main__":
    sys.exit(main())
