"""Whole detectors of the YOLO line: the graphs in ``graph_files/``, an entry for each scale."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from ..errors import unknown
from .entry import Entry
from .graphs import Graph, parameters, parse, strides

_GRAPHS = ("yolov5", "yolov8", "yolov9", "yolov10", "yolo11", "yolo12", "yolo26")


@cache
def shipped(name: str) -> Graph:
    """The graph ``name`` that ships with the package; raises `CspbenchError` for another name."""
    if name not in _GRAPHS:
        raise unknown("graph", name, _GRAPHS)
    return parse((files(__package__) / "graph_files" / f"{name}.toml").read_text(encoding="utf-8"))


def _entries() -> Iterator[Entry]:
    for name in _GRAPHS:
        graph = shipped(name)
        for scale in graph.scales:
            yield Entry(
                name=f"{name}{scale}",
                build=".catalogue.graph_loading:detector",
                description=graph.description,
                source=graph.source,
                input_shape=graph.input,
                parameters=parameters(graph),
                multiple=max(strides(graph).values()),
                fixed=(("graph", name), ("scale", scale)),
                input_gradient=False,
            )


ENTRIES = tuple(_entries())
