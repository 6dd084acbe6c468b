"""cspbench: what a CNN building block costs before it is trained.

    cspbench.profile("csp_fusion_first", (1, 64, 56, 56))   # or any nn.Module
    cspbench.read("results/after")                          # a run folder
    cspbench.compare("results/before", "results/after")     # two of them

The names below load what they need on first use; importing this package loads nothing heavy.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import compare as compare
    from .api import profile as profile
    from .api import read as read
    from .catalogue.entry import Entry as Entry
    from .catalogue.entry import Parameter as Parameter
    from .errors import CspbenchError as CspbenchError

__version__ = "0.2.0"
__all__ = ["CspbenchError", "Entry", "Parameter", "__version__", "compare", "profile", "read"]

_HOMES = {
    "CspbenchError": ".errors",
    "Entry": ".catalogue.entry",
    "Parameter": ".catalogue.entry",
    "compare": ".api",
    "profile": ".api",
    "read": ".api",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
