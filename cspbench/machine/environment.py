"""The environment of a run: machine, package versions, measured commit."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import psutil

from ..records.base import Failure
from ..records.machine import RUNTIME_PACKAGES, Environment, Git, GpuDescription

_PACKAGE = Path(__file__).parents[1]
_PACKAGES = ("torch", "numpy", "scipy", "thop")
_ABSENT = "not installed"
_INT8 = {
    "AMX": {"amx_int8"},
    "VNNI": {"avx512_vnni", "avx_vnni"},
    "dot product": {"asimddp"},
    "i8mm": {"i8mm"},
}
"""Instructions for 8-bit products, and the flags of processors that have them."""


def physical_cores() -> int:
    """The number of physical cores that this process may use, which is the default of threads."""
    return max(1, min(psutil.cpu_count(logical=False) or 1, usable_cores()))


def usable_cores() -> int:
    """The number of logical cores that this process may use."""
    return len(_affinity())


def memory_budget_bytes(free_on_gpus: Sequence[int] = ()) -> int:
    """The bytes that a group of cases may use: 60% of the available memory.

    With GPUs, 60% of the free memory of the GPU that has the least. The rest is for workspaces
    inside operators and for the system.
    """
    return int(0.6 * min(free_on_gpus, default=psutil.virtual_memory().available))


def source() -> str:
    """The first 16 digits of the SHA-256 of the package's Python and TOML files."""
    root = _PACKAGE
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".toml"}:
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def describe(gpus: Sequence[GpuDescription] = ()) -> Environment:
    """The environment of a run on ``gpus``, or on the CPU if there are none."""
    return Environment(
        device=", ".join(dict.fromkeys(gpu.name for gpu in gpus)) or _processor(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        packages={name: _version(name) for name in _PACKAGES},
        thop_distribution=", ".join(
            sorted(set(metadata.packages_distributions().get("thop", ["none"])))
        ),
        physical_cores=psutil.cpu_count(logical=False) or 0,
        logical_cores=psutil.cpu_count() or 0,
        affinity=_affinity(),
        memory_bytes=int(psutil.virtual_memory().total),
        governor=_governor(),
        hypervisor="hypervisor" in _cpuinfo("flags").split(),
        gpus=tuple(gpus),
        runtimes=_runtimes(),
        int8=_int8(),
    )


def machine(environment: Environment) -> str:
    """A hash of host name, device and number of cores that identifies a machine anonymously."""
    text = f"{platform.node()}\0{environment.device}\0{environment.logical_cores}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def git() -> Git | None:
    """The commit of the checkout that contains this package; None outside a checkout."""
    if _git(_PACKAGE, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(_PACKAGE, "rev-parse", "HEAD")
    status = _git(_PACKAGE, "status", "--porcelain")
    return None if commit is None else Git(commit=commit, dirty=bool(status))


def repository(root: Path) -> Git | None:
    """The commit of the git repository ``root``; None if it is none, or cspbench's own.

    Files that Python keeps of compiled modules are no changes.
    """
    if not (root / ".git").exists() or _PACKAGE.is_relative_to(root):
        return None
    commit = _git(root, "rev-parse", "HEAD")
    compiled = ":(exclude,glob)**/__pycache__/**"
    status = _git(root, "status", "--porcelain", "--", ".", compiled)
    return None if commit is None else Git(commit=commit, dirty=bool(status))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        process = subprocess.run(  # noqa: S603 -- fixed arguments, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 -- the user's own git
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip() if process.returncode == 0 else None


def _affinity() -> tuple[int, ...]:
    return tuple(sorted(os.sched_getaffinity(0)))


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def _int8() -> str | Failure:
    """The processor's instructions for 8-bit products, or ``none``."""
    flags = set((_cpuinfo("flags") or _cpuinfo("Features")).split())  # on x86, on Arm
    if not flags:
        return Failure(reason="/proc/cpuinfo lists no flags")
    return ", ".join(name for name, marks in _INT8.items() if marks & flags) or "none"


def _runtimes() -> dict[str, str]:
    """The versions of the packages of runtimes that are installed."""
    names = sorted({name for packages in RUNTIME_PACKAGES.values() for name in packages})
    versions = {name: _version(name) for name in names}
    return {name: version for name, version in versions.items() if version != _ABSENT}


def _governor() -> str | Failure:
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        return Failure(reason=f"not readable: {error.strerror}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return _ABSENT
