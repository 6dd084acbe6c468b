"""The folder for temporary files of the measures, which is removed whatever ends their process.

Those of models lie where they are without cspbench.
"""

from pathlib import Path

_folders: list[Path] = []


def set_folder(path: Path) -> None:
    """Set the folder of this process."""
    _folders[:] = [path]


def folder() -> Path | None:
    """The folder of this process; None for the system's."""
    return _folders[0] if _folders else None
