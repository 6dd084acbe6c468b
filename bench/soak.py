"""Random kills, signals and full disks on ``run``, ``ab`` and ``report``, and what they left.

    python bench/soak.py --minutes 30           until the time is over
    python bench/soak.py --seed 7 --only 12     one attempt again

An attempt harms a command at a random moment, then reads its folder, goes on with it, and looks for
lost launches, processes and files. The folder of an attempt that failed stays.
"""

import argparse
import functools
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from soaking.attempts import Attempt, Verb, attempt, usual_seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Make attempts until the time is over; 1 if anything was lost or left, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--attempts", type=int, default=10_000, help="at most so many")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the time now")
    parser.add_argument("--only", type=int, metavar="K", help="the attempt K of the seed alone")
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes
    root = Path(tempfile.mkdtemp(prefix="cspbench-soak-"))
    print(f"seed {options.seed}, in {root}", flush=True)

    @functools.cache
    def usual_s(verb: Verb) -> float:
        return usual_seconds(verb, root / f"usual-{verb}", functools.partial(print, flush=True))

    numbers = range(options.attempts) if options.only is None else [options.only]
    attempts: list[Attempt] = []
    for number in numbers:
        if attempts and time.monotonic() > end:
            break
        attempts.append(attempt(number, options.seed, root / f"attempt-{number}", usual_s))
        print(_line(attempts[-1]), flush=True)
    print(table(attempts))
    if any(made.faults for made in attempts):
        return 1
    shutil.rmtree(root)
    return 0


def _line(made: Attempt) -> str:
    """An attempt with its faults."""
    end = f"{made.number:4}  {made.verb:6}  {made.harm.kind:12}  at {made.harm.at:4.0%}"
    return "\n      ".join([f"{end}  exit code {made.code:4}", *made.faults])


def table(attempts: Sequence[Attempt]) -> str:
    """Counts by verb and harm, and a sentence."""
    kinds = Counter((made.verb, made.harm.kind) for made in attempts)
    missed = Counter((made.verb, made.harm.kind) for made in attempts if not made.has_hit)
    faulty = Counter((made.verb, made.harm.kind) for made in attempts if made.faults)
    lines = [f"{'verb':8}{'harm':16}{'attempts':>9}{'too late':>9}{'faulty':>9}"]
    lines += [
        f"{verb:8}{kind:16}{count:9}{missed[verb, kind]:9}{faulty[verb, kind]:9}"
        for (verb, kind), count in sorted(kinds.items())
    ]
    launches = sum(made.launches for made in attempts)
    wrong = sum(bool(made.faults) for made in attempts)
    lines.append(
        f"{len(attempts)} attempts with {launches} finished launches; in {wrong} of them something "
        "was lost, left behind, or answered wrongly."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
