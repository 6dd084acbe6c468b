"""Run the tutorial notebook in a folder of its own, then store it without what the run left in it.

    python bench/tutorial.py

A test holds that the committed notebook is as `stripped` leaves it.
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "notebooks" / "tutorial.ipynb"
CELL_LIMIT_S = 300

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def read(path: Path = NOTEBOOK) -> nbformat.NotebookNode:
    """The notebook, in the format of its file."""
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    return notebook


def executed(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of its cells, run in ``folder`` by this Python.

    Raises `nbclient.exceptions.CellExecutionError` for a cell that raises.
    """
    with tempfile.TemporaryDirectory() as sockets:  # a socket's path has to be short
        connection = {"transport": "ipc", "connection_file": f"{sockets}/kernel.json"}
        client = NotebookClient(
            notebook,
            timeout=CELL_LIMIT_S,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            config=Config({"KernelManager": connection}),
        )
        return client.execute()


def stripped(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without outputs, execution counts and what a machine or an editor adds."""
    bare: nbformat.NotebookNode = nbformat.from_dict({**notebook, "metadata": _METADATA})
    for cell in bare.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    return bare


def main() -> int:
    """Run and store the notebook; 0 if every cell ran."""
    with tempfile.TemporaryDirectory() as folder:
        executed(read(), Path(folder))
    nbformat.write(stripped(read()), NOTEBOOK)
    print(f"{NOTEBOOK.relative_to(ROOT)}: every cell ran; stored without outputs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
