"""STREAM's triad, compiled here, and torch's on the same arrays: is the ceiling of memory right?

    python bench/stream.py [--threads N] [--mebibytes N] [--processes N]

Our own few lines of C, after the definition of McCalpin's STREAM: a[i] = b[i] + s * c[i]. The bytes
of three elements count for each; what the processor reads of ``a`` before it writes there
(write-allocate) does not, although it takes time. Stores are what the compiler makes of them (gcc:
no non-temporal ones), as are torch's. Both take turns in each of several processes, since the same
triad differs by a fifth from process to process.
"""

import argparse
import ctypes
import multiprocessing
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

SOURCE = r"""
#include <omp.h>

void triad(float *a, const float *b, const float *c, long n, int threads) {
    omp_set_num_threads(threads);
    #pragma omp parallel for
    for (long i = 0; i < n; i++) a[i] = b[i] + 3.0f * c[i];
}
"""
_ARRAYS, _ROUNDS = 3, 12


def triads_bytes_per_s(threads: int, array_bytes: int) -> tuple[float, float]:
    """Bytes a second of torch's triad and of STREAM's, each the fastest of several in turns.

    Raises RuntimeError if there is no C compiler with OpenMP.
    """
    torch.set_num_threads(threads)
    arrays = [torch.ones(array_bytes // 4) for _ in range(_ARRAYS)]
    output, left, right = arrays
    pointers = [array.data_ptr() for array in arrays]
    shortest_s = {"torch": float("inf"), "STREAM": float("inf")}
    with tempfile.TemporaryDirectory() as folder:
        library = _compiled(Path(folder))
        for _ in range(_ROUNDS):
            for name, so_far_s in shortest_s.items():
                output.zero_()
                began = perf_counter()
                if name == "torch":
                    torch.add(left, right, alpha=3.0, out=output)
                else:
                    library.triad(*pointers, output.numel(), threads)
                shortest_s[name] = min(so_far_s, perf_counter() - began)
                if output[-1] != 4.0:
                    raise RuntimeError(f"{name}'s triad is wrong")
    ours_s, stream_s = shortest_s.values()
    return _ARRAYS * array_bytes / ours_s, _ARRAYS * array_bytes / stream_s


def in_processes(threads: int, array_bytes: int, processes: int) -> list[tuple[float, float]]:
    """`triads_bytes_per_s` in as many fresh processes."""
    context = multiprocessing.get_context("spawn")
    rates = []
    for _ in range(processes):
        with context.Pool(1) as pool:
            rates.append(pool.apply(triads_bytes_per_s, (threads, array_bytes)))
    return rates


def _compiled(folder: Path) -> ctypes.CDLL:
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler: cc is not installed")
    source, library = folder / "triad.c", folder / "triad.so"
    source.write_text(SOURCE, encoding="ascii")
    words = [compiler, "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"]
    made = subprocess.run(
        [*words, "-o", str(library), str(source)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise RuntimeError(f"cc: {made.stderr.strip()}")
    loaded = ctypes.CDLL(str(library))
    loaded.triad.restype = None
    loaded.triad.argtypes = (*((ctypes.c_void_p,) * 3), ctypes.c_long, ctypes.c_int)
    return loaded


def main() -> None:
    """Print both bandwidths in each process, and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mebibytes", type=int, default=1200, help="of each of the three arrays")
    parser.add_argument("--processes", type=int, default=5)
    options = parser.parse_args()
    rates = in_processes(options.threads, options.mebibytes << 20, options.processes)
    for ours, stream in rates:
        print(f"torch {ours / 1e9:.2f} GB/s, STREAM {stream / 1e9:.2f} GB/s")
    ratio = median(ours / stream for ours, stream in rates)
    print(f"torch's triad is {ratio - 1:+.1%} beside STREAM's, {options.threads} threads")


if __name__ == "__main__":
    main()
