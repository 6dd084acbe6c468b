"""Loading of builders by reference, each from the codebase that its module belongs to."""

import contextlib
import importlib
import importlib.util
import inspect
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import AbsentError, CspbenchError, unknown
from . import graphs
from .entries import find
from .entry import Value, is_own
from .graph_networks import network
from .sources import Source, locate


def resolve(reference: str, checkout: Path | None = None) -> Callable[..., Any]:
    """The callable that ``reference`` names, after importing its module.

    ``reference`` is ``.blocks.csp:CSP``, ``package.module:callable``, ``path/to/file.py:callable``
    or ``path/to/graph.toml:scale``, in the revision in ``checkout`` if that is given. Raises
    `CspbenchError` if there is no such module or name (`AbsentError` of a revision), if the module
    cannot be imported, or if the name cannot be called.
    """
    absent = CspbenchError if checkout is None else AbsentError
    source = locate(reference, checkout)
    if source.is_graph:
        assert source.file is not None
        return partial(_graph_network, graphs.read(source.file), source.attribute)
    with contextlib.nullcontext() if source.codebase is None else source.codebase.building():
        module = _loaded(source, reference, absent)
    if checkout is not None and source.codebase and not source.is_owned(module):
        raise AbsentError(f"{source.name} is not in this revision")
    try:
        builder: Callable[..., Any] = operator.attrgetter(source.attribute)(module)
    except AttributeError as error:
        missing = unknown("callable", source.attribute, _callables(module), owner=source.name)
        raise absent(str(missing)) from error
    if not callable(builder):
        raise CspbenchError(
            f"{reference} is {builder!r}, which cannot be called; name a class or a function"
        )
    return builder


def check_arguments(reference: str, names: Iterable[str]) -> None:
    """Raise `CspbenchError` unless the builder ``reference`` can be called with these arguments."""
    try:
        signature = inspect.signature(resolve(reference))
    except (TypeError, ValueError):  # a callable written in C has none
        return
    given = dict.fromkeys(names)
    named = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    known = [name for name, parameter in signature.parameters.items() if parameter.kind in named]
    try:
        signature.bind(**given)
    except TypeError as error:
        strange = [name for name in given if name not in known]
        reason = f"unexpected argument {strange[0]!r}" if strange else str(error)
        hint = f"--set, and set in a suite, take {', '.join(known)}" if known else "it takes none"
        raise CspbenchError(f"{reference}: {reason} ({hint})") from error


def build(
    entry: str, reference: str, arguments: Mapping[str, Value], checkout: Path | None = None
) -> Any:
    """What the builder ``reference`` of ``entry`` returns, called with ``arguments``.

    With a ``checkout``, the builder is that revision's. An entry of the catalogue is built by the
    checkout's own catalogue, with its own defaults; only arguments that differ from the defaults of
    this catalogue are passed. Raises `AbsentError` if the checkout lacks the entry or the builder.
    """
    source = locate(reference, checkout)
    with contextlib.nullcontext() if source.codebase is None else source.codebase.building():
        if checkout is None:
            return resolve(reference)(**arguments)
        if is_own(reference):
            return _build_entry(checkout, entry, arguments)
        builder = resolve(reference, None if source.is_of_library(entry) else checkout)
        return builder(**(_changed(entry, arguments) if source.is_graph else arguments))


def _graph_network(graph: graphs.Graph, scale: str, **arguments: Value) -> Any:
    known = {parameter.name: parameter for parameter in graphs.parameters(graph)}
    for name, value in arguments.items():
        if name not in known:
            raise unknown("parameter", name, known, owner="the graph")
        known[name].check(value, owner="the graph")
    return network(graph, scale, arguments, resolve)


def _loaded(source: Source, reference: str, absent: type[CspbenchError]) -> ModuleType:
    try:
        if source.file is None:
            return importlib.import_module(source.module, __package__.rpartition(".")[0])
        return _module_of_file(source.module, source.file)
    except CspbenchError:
        raise
    except (ImportError, ValueError) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{source.module}.".startswith(f"{missing}."):
            raise absent(
                f"no module {missing!r}, which {reference} names; run in the folder that holds it, "
                f"or name its file: path/to/file.py:{source.attribute}"
            ) from error
        raise CspbenchError(f"cannot import {source.name!r}: {error}") from error
    except Exception as error:
        raise CspbenchError(
            f"cannot import {source.name!r}: {type(error).__name__}: {error}"
        ) from error


def _callables(module: ModuleType) -> list[str]:
    """The names of the public callables that ``module``, or a module in its package, defines."""
    name_within = f"{module.__name__}."
    return [
        name
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and f"{getattr(value, '__module__', None)}.".startswith(name_within)
    ]


def _module_of_file(name: str, path: Path) -> ModuleType:
    """The module in a file that is in no package, loaded once under the name ``name``."""
    if (loaded := sys.modules.get(name)) and getattr(loaded, "__file__", None) == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _changed(name: str, arguments: Mapping[str, Value]) -> dict[str, Value]:
    """Those of ``arguments`` that differ from the defaults of the entry ``name``."""
    defaults = find(name).arguments()
    return {
        argument: value
        for argument, value in arguments.items()
        if argument in defaults and value != defaults[argument]
    }


def _build_entry(checkout: Path, name: str, arguments: Mapping[str, Value]) -> Any:
    changed = _changed(name, arguments)
    try:
        catalogue = importlib.import_module("cspbench.catalogue")
    except ModuleNotFoundError as error:
        if error.name not in {"cspbench", "cspbench.catalogue"}:
            raise
        raise AbsentError(f"this revision has no catalogue: {error}") from error
    if not Path(str(catalogue.__file__)).is_relative_to(checkout):
        raise AbsentError(
            "this repository has no catalogue; name its models as package.module:callable"
        )
    if name not in catalogue.ENTRIES:
        raise AbsentError(f"this revision has no entry {name!r}")
    entry = catalogue.find(name)
    module, _, attribute = entry.build.rpartition(":")
    builder = operator.attrgetter(attribute)(importlib.import_module(module, "cspbench"))
    return builder(**dict(entry.fixed), **entry.arguments(changed))
