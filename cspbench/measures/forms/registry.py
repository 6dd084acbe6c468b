"""The runtimes by form; a runtime, and what it runs on, is loaded when it is asked for."""

import importlib.util
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from ...choices import Form
from ...text import listing
from .base import Runtime

_PACKAGE = __name__.rpartition(".")[0]

RUNTIMES: Mapping[Form, tuple[str, str]] = MappingProxyType(
    {
        "aoti": ("aoti", "RUNTIME"),
        "onnxruntime": ("onnxruntime", "RUNTIME"),
        "onnxruntime:int8": ("onnxruntime", "INT8_RUNTIME"),
        "openvino": ("openvino", "RUNTIME"),
        "openvino:int8": ("openvino", "INT8_RUNTIME"),
    }
)
"""The module of this folder, and the name in it, of the runtime of each form that has one."""


def runtime(form: Form) -> Runtime:
    """The runtime of ``form``, one of `RUNTIMES`."""
    module, name = RUNTIMES[form]
    described: Runtime = getattr(import_module(f"{_PACKAGE}.{module}"), name)
    return described


def missing_packages(form: Form) -> str | None:
    """What must be installed for ``form``, in one line; None if nothing is missing."""
    if form not in RUNTIMES:
        return None
    needed = runtime(form)
    missing = [name for name in needed.packages if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    verb = "is" if len(missing) == 1 else "are"
    return (
        f"the form {form} needs {listing(missing)}, which {verb} not installed "
        f"(pip install 'cspbench[{needed.extra}]')"
    )
