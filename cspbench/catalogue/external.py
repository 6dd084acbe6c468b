"""Entries for models outside the catalogue: a library's, a callable, a file's callable, a graph.

Their code is not imported here, but where the module is built; timm is asked for sizes of inputs.
"""

import contextlib
import importlib.util
import io
import re
import warnings
from functools import cache
from pathlib import Path

from ..errors import CspbenchError
from . import graphs
from .entry import GRAPH_SUFFIX, Entry, Shape, Value
from .graph_networks import planned

FORMS = (
    "timm:NAME, torchvision:NAME, package.module:callable, path/to/file.py:callable, "
    "path/to/graph.toml:scale"
)

_IMAGE: Shape = (1, 3, 224, 224)
_LIBRARIES = {
    "timm": ("timm:create_model", "model_name"),
    "torchvision": ("torchvision.models:get_model", "name"),
}
_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def entry(name: str) -> Entry:
    """An entry for the model that ``name`` (one of `FORMS`) refers to.

    The entry takes any argument. A model of timm has the input of its pretrained weights as its
    default, one of torchvision 224 x 224 images, a graph that of its file; any other model needs an
    input to be given. A graph's arguments are known. Raises `CspbenchError` if there is no such
    library, if ``name`` has none of the forms, or for a graph that cannot be read.
    """
    source, _, attribute = name.rpartition(":")
    if name.endswith(GRAPH_SUFFIX):
        return _graph_entry(name, name, "")
    if source.endswith(GRAPH_SUFFIX):
        return _graph_entry(name, source, attribute)
    if source in _LIBRARIES and attribute:
        return _library_entry(name, source, attribute)
    is_file = source.endswith(".py") and attribute
    if not is_file and not _CALLABLE.fullmatch(name):
        raise CspbenchError(f"no model {name!r}; models are named as {FORMS}")
    return Entry(
        name=name,
        build=name,
        description="your own model",
        source=source,
        input_shape=(),
        is_open=True,
        input_gradient=False,
    )


def _graph_entry(name: str, path: str, scale: str) -> Entry:
    graph = graphs.read(Path(path))
    try:
        list(planned(graph, scale, {}))
    except CspbenchError as error:
        raise CspbenchError(f"graph {path}: {error}") from error
    return Entry(
        name=name,
        build=f"{path}:{scale}",
        description=graph.description,
        source=graph.source,
        input_shape=graph.input,
        parameters=graphs.parameters(graph),
        multiple=max(graphs.strides(graph).values()),
        input_gradient=False,
    )


def _library_entry(name: str, library: str, model: str) -> Entry:
    if importlib.util.find_spec(library) is None:
        raise CspbenchError(f"{name} needs the package {library}")
    build, argument = _LIBRARIES[library]
    fixed: tuple[tuple[str, Value], ...] = ((argument, model),)
    return Entry(
        name=name,
        build=build,
        description=f"a model of {library}",
        source=library,
        input_shape=_pretrained_shape(model) if library == "timm" else _IMAGE,
        fixed=fixed,
        channels="in_chans" if library == "timm" else "",
        is_open=True,
        input_gradient=False,
    )


@cache
def _pretrained_shape(model: str) -> Shape:
    """The input that timm's weights of ``model`` were trained for, with its default channels.

    224 x 224 images for an unknown model, and if timm cannot be imported: the reason is given where
    the model is built.
    """
    output = io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        warnings.catch_warnings(action="ignore"),
        contextlib.suppress(Exception),
    ):
        models = importlib.import_module("timm.models")
        config = models.get_pretrained_cfg(model, allow_unregistered=True)
        channels, height, width = map(int, config.input_size)
        return 1, channels, height, width
    return _IMAGE
