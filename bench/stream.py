"""STREAM's triad, compiled here: the bandwidth of memory without torch.

    python bench/stream.py [--threads N] [--mebibytes N]

Our own few lines of C, after the definition of McCalpin's STREAM: a[i] = b[i] + s * c[i] on
numbers of 8 bytes. 24 bytes count for each element; what the processor reads of ``a`` before it
writes there (write-allocate) does not count, although it takes time. Stores are what the compiler
makes of them (gcc: no non-temporal ones), as are torch's.
"""

import argparse
import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = r"""
#include <omp.h>
#include <stdlib.h>

double triad(long n, int threads, int times) {
    double *a = malloc(n * sizeof(double));
    double *b = malloc(n * sizeof(double));
    double *c = malloc(n * sizeof(double));
    if (!a || !b || !c) return -1;
    omp_set_num_threads(threads);
    #pragma omp parallel for
    for (long i = 0; i < n; i++) { a[i] = 1.0; b[i] = 2.0; c[i] = 0.5; }
    double shortest = 1e9;
    for (int k = 0; k < times; k++) {
        double began = omp_get_wtime();
        #pragma omp parallel for
        for (long i = 0; i < n; i++) a[i] = b[i] + 3.0 * c[i];
        double seconds = omp_get_wtime() - began;
        if (seconds < shortest) shortest = seconds;
    }
    double check = a[n / 2];
    free(a); free(b); free(c);
    return check == 3.5 ? shortest : -1;
}
"""
_ITEM, _ARRAYS = 8, 3


def triad_bytes_per_s(threads: int, array_bytes: int, *, times: int = 10) -> float:
    """Bytes a second of the fastest of ``times`` triads with arrays of ``array_bytes``.

    Raises RuntimeError if there is no C compiler with OpenMP, or not enough memory.
    """
    count = array_bytes // _ITEM
    with tempfile.TemporaryDirectory() as folder:
        seconds = _compiled(Path(folder)).triad(count, threads, times)
    if seconds <= 0:
        raise RuntimeError(f"the triad of {_ARRAYS} arrays of {array_bytes:,} bytes failed")
    return _ARRAYS * _ITEM * count / float(seconds)


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
    loaded.triad.restype = ctypes.c_double
    loaded.triad.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_int)
    return loaded


def main() -> None:
    """Print the bandwidth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mebibytes", type=int, default=1200, help="of each of the three arrays")
    options = parser.parse_args()
    rate = triad_bytes_per_s(options.threads, options.mebibytes << 20)
    print(f"{rate / 1e9:.2f} GB/s with {options.threads} threads")


if __name__ == "__main__":
    main()
