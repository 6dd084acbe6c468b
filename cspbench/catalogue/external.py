"""Anyone's model as an entry: by the name of a library's model, a callable, or a file and callable.

Nothing is imported here: the code runs where the module is built.
"""

import importlib.util
import re
from pathlib import Path

from ..errors import CspbenchError
from .entry import Entry, Shape, Value

FORMS = "timm:NAME, torchvision:NAME, package.module:callable, path/to/file.py:callable"

_IMAGE: Shape = (1, 3, 224, 224)
_LIBRARIES = {
    "timm": ("timm:create_model", "model_name"),
    "torchvision": ("torchvision.models:get_model", "name"),
}
_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def entry(name: str) -> Entry:
    """The entry that a name with a colon means; raises `CspbenchError` where it means none.

    Its arguments are whatever the callable takes. A model of a library takes images of 224 x 224
    unless an input is given; anything else needs one.
    """
    where, _, what = name.rpartition(":")
    if where in _LIBRARIES and what:
        return _of_library(name, where, what)
    if where.endswith(".py"):
        if not Path(where).is_file():
            raise CspbenchError(f"{name}: there is no file {where}")
    elif not _CALLABLE.fullmatch(name):
        raise CspbenchError(f"{name!r} names no model; a model of yours is named as: {FORMS}")
    return Entry(
        name=name,
        build=name,
        description="a model of yours",
        source=where,
        input_shape=(),
        is_open=True,
        input_gradient=False,
    )


def _of_library(name: str, library: str, model: str) -> Entry:
    if importlib.util.find_spec(library) is None:
        raise CspbenchError(f"{name} needs the package {library}: pip install {library}")
    build, argument = _LIBRARIES[library]
    fixed: tuple[tuple[str, Value], ...] = ((argument, model),)
    return Entry(
        name=name,
        build=build,
        description=f"a model of {library}",
        source=library,
        input_shape=_IMAGE,
        fixed=fixed,
        is_open=True,
        input_gradient=False,
    )
