"""How well the ceilings of this machine repeat, and how near their triad comes to STREAM's.

    python bench/ceilings.py [--times N] [--threads N] [--precision fp32]

Measures the ceilings several times, as `doctor` does but in one precision, on an idle machine. The
spread of each is the distance of its lowest from its highest value; 5% is the aim. torch's triad
from memory is compared with STREAM's on the same arrays (`stream.py`); within 15% is the aim.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from statistics import median

import msgspec
from stream import in_processes

from cspbench.choices import PRECISIONS, Precision
from cspbench.engine.ceilings import ceilings_in
from cspbench.engine.settings import default_settings
from cspbench.machine import environment
from cspbench.records.ceilings import Ceilings
from cspbench.report.tables import Strip, draw


def rates(ceilings: Ceilings) -> Iterator[tuple[str, float]]:
    """Each ceiling by its name, in billions a second."""
    for precision, peak in ceilings.peaks.items():
        yield f"{precision}: matrix product ({peak.product})", max(peak.product_flops) / 1e9
        yield f"{precision}: convolution ({peak.convolution})", max(peak.convolution_flops) / 1e9
    for level in ceilings.bandwidths:
        yield f"{level.level}: copy", max(level.copy_bytes) / 1e9
        yield f"{level.level}: triad", max(level.triad_bytes) / 1e9
        yield f"{level.level}: sum", max(level.sum_bytes) / 1e9


def main() -> None:
    """Measure, and print a table of all ceilings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--threads", type=int, default=environment.physical_cores())
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0])
    options = parser.parse_args()
    precision: Precision = options.precision
    settings = msgspec.structs.replace(default_settings(), threads=options.threads)
    current = environment.describe()
    measured: dict[str, list[float]] = {}
    triads: list[tuple[float, float]] = []
    array_bytes = 0
    for number in range(1, options.times + 1):
        began = time.monotonic()
        ceilings = ceilings_in((precision,), settings, current, lambda _: None)
        seconds = time.monotonic() - began
        for name, rate in rates(ceilings):
            measured.setdefault(name.partition(" (")[0], []).append(rate)
        array_bytes = ceilings.bandwidths[-1].array_bytes
        triads += in_processes(options.threads, array_bytes, 1)
        print(f"{number} of {options.times}: {seconds:.1f} s", file=sys.stderr)
    print(
        draw(
            [
                Strip(header="ceiling", cells=tuple(measured), left=True),
                *(
                    Strip(
                        header=title, cells=tuple(f"{of(many):.4g}" for many in measured.values())
                    )
                    for title, of in (("lowest", min), ("median", median), ("highest", max))
                ),
                Strip(
                    header="spread",
                    cells=tuple(f"{1 - min(many) / max(many):.1%}" for many in measured.values()),
                ),
            ]
        )
    )
    ratio = median(ours / stream for ours, stream in triads)
    print(
        f"Billions of FLOPs or bytes a second, {options.threads} threads. torch's triad is "
        f"{ratio - 1:+.1%} beside STREAM's, arrays of {array_bytes >> 20:,} MiB."
    )


if __name__ == "__main__":
    main()
