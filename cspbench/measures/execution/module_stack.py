"""The calls of a model's modules, intercepted without hooks, and the stack of running modules."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest import mock

from torch import nn

Run = Callable[[str, "partial[Any]"], Any]
"""Runs a call of the module with a dotted name, its arguments in it, and returns what it returns.

The first of its positional arguments is the module.
"""


@contextlib.contextmanager
def calls_through(module: nn.Module, run: Run) -> Iterator[None]:
    """Let ``run`` make every call of ``module`` and of the modules in it, on any thread.

    `nn.Module.__call__` is replaced inside the context. torch's fused encoder layers take another
    path if one of their modules has a hook; this they do not see.
    """
    paths = {id(child): path for path, child in module.named_modules()}
    call = nn.Module.__call__

    def call_through(child: nn.Module, /, *args: Any, **kwargs: Any) -> Any:
        path = paths.get(id(child))
        if path is None:
            return call(child, *args, **kwargs)
        return run(path, partial(call, child, *args, **kwargs))

    with mock.patch.object(nn.Module, "__call__", call_through):
        yield


@contextlib.contextmanager
def module_stack(
    module: nn.Module,
    on_return: Callable[[str, object], None] | None = None,
    on_change: Callable[[str], None] | None = None,
    on_call: Callable[[str, object], None] | None = None,
) -> Iterator[list[str]]:
    """Keep a list of the dotted names of the modules whose forward is running, outermost first.

    ``on_call`` is called with the name and arguments of each module that is called, ``on_return``
    with the name and output of each that returns, both while it is not in the list. ``on_change``
    is called with the name of the innermost running module whenever that changes ('' for the whole
    model or none).
    """
    stack: list[str] = []

    def run(path: str, call: "partial[Any]") -> object:
        if on_call is not None:
            on_call(path, (call.args[1:], call.keywords))
        stack.append(path)
        if on_change is not None:
            on_change(path)
        try:
            output: object = call()
        finally:
            stack.pop()
            if on_change is not None:
                on_change(stack[-1] if stack else "")
        if on_return is not None:
            on_return(path, output)
        return output

    with calls_through(module, run):
        yield stack
