"""Processes that this process has started."""

from pathlib import Path

_TASKS = Path("/proc/self/task")


def running_children() -> frozenset[int]:
    """The ids of the processes that this one's threads have started and that have not ended.

    Empty where the system does not tell them (other than Linux).
    """
    files = [folder / "children" for folder in _TASKS.glob("*")]
    children = {int(child) for file in files for child in _text(file).split()}
    return frozenset(child for child in children if _is_running(child))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:  # it has ended since
        return ""


def _is_running(process: int) -> bool:
    _, _, fields = _text(Path(f"/proc/{process}/stat")).rpartition(")")
    return fields.split()[:1] not in ([], ["Z"])
