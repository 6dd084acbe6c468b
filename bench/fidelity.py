"""How far the verdicts can be trusted on this machine, beside other tools, in one run.

    python bench/fidelity.py               at most 30 minutes
    python bench/fidelity.py --full        all repetitions
    python bench/fidelity.py --read DIR    the page of trials that were made before

What is measured is kept in the folder line by line, and the page is made from there.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from trust.page import page
from trust.trials import FULL_TRIALS, TRIALS, measure, read


def main() -> None:
    """Measure and print, or print what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all repetitions")
    parser.add_argument("--trials", type=int, help="so many trials in place of the usual number")
    parser.add_argument("--out", type=Path, help="the folder (results/fidelity-cpu-TIME)")
    parser.add_argument("--read", type=Path, metavar="DIR", help="only the table of what is there")
    options = parser.parse_args()
    folder = options.read or options.out
    if folder is None:
        folder = Path("results") / f"fidelity-cpu-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if options.read is None:
        trials = options.trials or (FULL_TRIALS if options.full else TRIALS)
        measure(folder, max(2, trials), processes=10)
    text = page(read(folder))
    (folder / "fidelity.txt").write_text(text, encoding="utf-8")
    print(text)
    print(f"Written: {folder / 'fidelity.txt'}")


if __name__ == "__main__":
    main()
