"""Networks of the graphs that ship with the package."""

from typing import Any

from .detectors import shipped
from .entry import Value
from .graph_networks import network
from .loading import resolve


def detector(*, graph: str, scale: str, **arguments: Value) -> Any:
    """The module of a shipped graph in one of its scales (`graph_networks.network`)."""
    return network(shipped(graph), scale, arguments, resolve)
