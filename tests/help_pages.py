"""The help pages at 80 columns, of all verbs and of each.

``python tests/help_pages.py`` makes ``tests/golden/help/`` anew: read each change as a user would.
"""

import os
import sys
from pathlib import Path

from cspbench.cli.verbs import make_parser

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "help"


def pages() -> dict[str, str]:
    """The help page of each verb, in the width of ``COLUMNS``; under '' that of all verbs."""
    parser = make_parser()
    return {"": parser.format_help()} | {
        verb: verb_parser.format_help() for verb, verb_parser in parser.verbs.items()
    }


def golden_file(verb: str) -> Path:
    """The file of a golden page."""
    return GOLDEN / f"{verb or 'cspbench'}.txt"


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    for name, page in pages().items():
        golden_file(name).write_text(page, encoding="utf-8")
    sys.stdout.write(f"{GOLDEN} is made anew\n")
