"""Try the wheel and the sdist in dist/ as a user gets them: in an environment outside the clone.

    python bench/dist_check.py          # borrows this environment's libraries: half a minute
    python bench/dist_check.py --full   # installs every dependency anew, torch included

Exits 1 and says why if a file is missing or too many, or if a command fails.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOR_CLONES = (".ci/", ".gitignore", ".pre-commit-config.yaml")
"""What git tracks and the sdist leaves out, because only a clone needs it."""

_GENERATED = ("PKG-INFO", "setup.cfg", "cspbench.egg-info/")
_API = """
import cspbench
print(cspbench.__file__)
print(cspbench.profile("csp_fusion_last", (1, 64, 28, 28)))
"""


class DistError(Exception):
    """What is wrong with a distribution."""


def single(folder: Path, pattern: str) -> Path:
    """The one file of ``folder`` that matches; raises `DistError` if there is none, or several."""
    paths = sorted(folder.glob(pattern))
    if len(paths) != 1:
        names = ", ".join(path.name for path in paths) or "none"
        raise DistError(f"{folder} should hold one {pattern}, and holds {names}: make dist")
    return paths[0]


def wheel_files(wheel: Path) -> set[str]:
    """The files of a wheel, without its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    return {name for name in names if not name.partition("/")[0].endswith(".dist-info")}


def sdist_files(sdist: Path) -> set[str]:
    """The files of an sdist, relative to its one folder, without those that the build adds."""
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    return {name for name in names if not name.startswith(_GENERATED)}


def repository_files() -> set[str]:
    """The files of the clone that git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


def complaints(in_wheel: set[str], in_sdist: set[str], in_repository: set[str]) -> list[str]:
    """What is missing from a distribution, or should not be there; empty if all is well."""
    package = {name for name in in_repository if name.startswith("cspbench/")}
    source = {name for name in in_repository if not name.startswith(FOR_CLONES)}
    return [
        *_differences("the wheel", in_wheel, package),
        *_differences("the sdist", in_sdist, source),
    ]


def _differences(what: str, actual: set[str], expected: set[str]) -> Iterable[str]:
    for name in sorted(expected - actual):
        yield f"{what} lacks {name}"
    for name in sorted(actual - expected):
        yield f"{what} holds {name}, which git does not track"


def install(wheel: Path, folder: Path, *, is_full: bool) -> Path:
    """The Python of a new environment in ``folder`` that has the wheel.

    Its other libraries are those of this environment unless ``is_full``.
    """
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    chosen = ["--constraint", str(ROOT / "constraints.txt")] if is_full else ["--no-deps"]
    # From the new folder: a cspbench that lies in the clone would be taken for the one installed.
    subprocess.run([*pip, *chosen, str(wheel)], check=True, cwd=folder, env=_clean_environment())
    if not is_full:
        # A path file adds the folder alone, and not what its own path files name, like the clone.
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def try_out(python: Path, folder: Path) -> None:
    """Run the first commands of a user in ``folder``; raises `DistError` for one that fails."""
    run = folder / "run"
    cspbench = [str(python), "-m", "cspbench"]
    checks = (
        ([*cspbench, "--version"], f"cspbench {version()} "),
        ([str(python.with_name("cspbench")), "--version"], f"cspbench {version()} "),
        ([*cspbench, "list"], "csp_fusion_last"),
        ([*cspbench, "show", "csp_fusion_last"], "1,042,055,168"),
        ([*cspbench, "run", "smoke", "--launches", "1", "--turns", "2", "--out", "run"], "dense"),
        ([*cspbench, "report", "run"], "dense (reference)"),
        ([*cspbench, "compare", "run", "run"], "same"),
        ([str(python), "-c", _API], f"{python.parent.parent}{os.sep}"),
    )
    for command, expected in checks:
        _check(command, expected, folder)
    for name in ("report.txt", "report.md", "report.csv", "report.html", "plots/latency.png"):
        if not (run / name).is_file():
            raise DistError(f"run smoke wrote no {name}")


def _check(command: list[str], expected: str, folder: Path) -> None:
    environment = {**_clean_environment(), "XDG_STATE_HOME": str(folder / "state")}
    shown = " ".join(" ".join([Path(command[0]).name, *command[1:]]).split())
    begin = time.monotonic()
    completed = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if completed.returncode or expected not in completed.stdout:
        said = (completed.stdout + completed.stderr).strip()[-2000:]
        raise DistError(
            f"{shown}: exit code {completed.returncode}, expected {expected!r} in:\n{said}"
        )
    print(f"{time.monotonic() - begin:6.1f} s  {shown}")


def _clean_environment() -> dict[str, str]:
    """The environment's variables, without those that lead Python to other folders."""
    unset = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in unset}


def version() -> str:
    """The version of the package in the clone, without importing it."""
    text = (ROOT / "cspbench" / "__init__.py").read_text(encoding="utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def check(dist: Path, *, is_full: bool) -> None:
    """Check both distributions in ``dist``; raises `DistError` for what is wrong."""
    wheel = single(dist, f"cspbench-{version()}-*.whl")
    sdist = single(dist, f"cspbench-{version()}.tar.gz")
    if wrong := complaints(wheel_files(wheel), sdist_files(sdist), repository_files()):
        raise DistError("\n".join(wrong))
    print(f"{wheel.name}, {sdist.name}: the files that git tracks")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        begin = time.monotonic()
        python = install(wheel, folder / "environment", is_full=is_full)
        print(f"{time.monotonic() - begin:6.1f} s  pip install {wheel.name}")
        (folder / "empty").mkdir()
        try_out(python, folder / "empty")


def main() -> int:
    """Check what is in dist/; 0 if all is well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="install all dependencies anew")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="default: dist/")
    arguments = parser.parse_args()
    try:
        check(arguments.dist, is_full=arguments.full)
    except DistError as error:
        print(f"dist_check: {error}", file=sys.stderr)
        return 1
    print("the wheel works outside the clone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
