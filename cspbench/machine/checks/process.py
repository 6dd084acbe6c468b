"""Checks of a process's environment variables and its allocator."""

import platform
import re

from ...records.diagnosis import Finding
from ..system import Machine

_CHANGING = re.compile(
    r"GOMP_|KMP_|MALLOC_|ONEDNN_|DNNL_|MKL_|TORCH_|PYTORCH_|OMP_(?!NUM_THREADS)"
    r"|GLIBC_TUNABLES|CUDA_LAUNCH_BLOCKING|NVIDIA_TF32_OVERRIDE"
)


def variables(machine: Machine) -> Finding:
    names = sorted(name for name in machine.variables if _CHANGING.match(name))
    if not names:
        return Finding(
            name="environment", level="good", text="no variables that change what is measured"
        )
    return Finding(
        name="environment",
        level="fair",
        text=f"{', '.join(names)} may change what is measured",
        remedy=f"unset {' '.join(names)}, unless this is what you want to measure",
    )


def allocator(machine: Machine) -> Finding:
    preloaded = machine.variables.get("LD_PRELOAD", "")
    replacement = re.search(r"jemalloc|tcmalloc|mimalloc", preloaded)
    library = platform.libc_ver()[0] or "another C library"
    if replacement is None and library == "glibc":
        return Finding(name="allocator", level="good", text="glibc, which can be pinned")
    return Finding(
        name="allocator",
        level="poor" if replacement else "fair",
        text=f"{replacement.group() if replacement else library}, which cannot be pinned",
        remedy="unset LD_PRELOAD"
        if replacement
        else "measure on a system with glibc, or compare no allocated bytes",
    )
