"""How far the verdicts can be trusted on this machine, at the defaults and beside other tools.

    python bench/fidelity.py                  at most 30 minutes
    python bench/fidelity.py --full           all repetitions
    python bench/fidelity.py --minutes M      as many trials as fit
    python bench/fidelity.py --resume DIR     go on with what is missing in DIR
    python bench/fidelity.py --only identical,run --idle    false alarms alone, the fastest
    python bench/fidelity.py --read DIR       the page of what was measured before

What is measured is kept in the folder line by line, and the page is made from there.
"""

import argparse
import math
from datetime import UTC, datetime
from pathlib import Path

from trust.lines import read
from trust.measuring import measure
from trust.page import page
from trust.schedule import PURPOSES, cells

_MINUTES = 30.0


def main() -> None:
    """Measure and print, or print what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all repetitions, without a limit")
    parser.add_argument("--minutes", type=float, help=f"begin no trial after that ({_MINUTES:g})")
    parser.add_argument(
        "--only",
        type=_purposes,
        default=PURPOSES,
        metavar="PURPOSES",
        help=f"trials: {','.join(PURPOSES)}",
    )
    parser.add_argument("--idle", action="store_true", help="none beside a busy process")
    folder_options = parser.add_mutually_exclusive_group()
    folder_options.add_argument("--out", type=Path, help="the folder (results/fidelity-cpu-TIME)")
    folder_options.add_argument("--resume", type=Path, metavar="DIR", help="go on in this folder")
    folder_options.add_argument("--read", type=Path, metavar="DIR", help="only make the page")
    options = parser.parse_args()
    folder: Path | None = options.read or options.resume or options.out
    if folder is None:
        folder = Path("results") / f"fidelity-cpu-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if options.resume is None and options.read is None and folder.exists():
        parser.error(f"{folder} exists: --resume {folder} goes on with it")
    if options.read is None:
        minutes = options.minutes or (math.inf if options.full else _MINUTES)
        wanted = (
            cell
            for cell in cells()
            if cell.purpose in options.only and not (options.idle and cell.busy)
        )
        measure(folder, wanted, 60 * minutes)
    text = page(read(folder))
    (folder / "fidelity.txt").write_text(text, encoding="utf-8")
    print(text)
    print(f"Written: {folder / 'fidelity.txt'}")


def _purposes(text: str) -> tuple[str, ...]:
    purposes = tuple(text.split(","))
    if unknown := set(purposes) - set(PURPOSES):
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))}: not in {', '.join(PURPOSES)}"
        )
    return purposes


if __name__ == "__main__":
    main()
