"""The stack of running modules, kept without hooks."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from torch import nn


@contextlib.contextmanager
def module_stack(
    module: nn.Module,
    on_return: Callable[[str, object], None] | None = None,
    on_change: Callable[[str], None] | None = None,
) -> Iterator[list[str]]:
    """Keep a list of the dotted names of the modules whose forward is running, outermost first.

    ``on_return`` is called with the name and output of each module that returns, ``on_change`` with
    the name of the innermost running module whenever that changes ('' for the whole model or none).

    `nn.Module.__call__` is replaced inside the context. torch's fused encoder layers take another
    path if one of their modules has a hook; this they do not see.
    """
    stack: list[str] = []
    paths = {id(child): path for path, child in module.named_modules()}
    call = nn.Module.__call__

    def call_on_stack(child: nn.Module, /, *args: Any, **kwargs: Any) -> Any:
        path = paths.get(id(child))
        if path is None:
            return call(child, *args, **kwargs)
        stack.append(path)
        if on_change is not None:
            on_change(path)
        try:
            output = call(child, *args, **kwargs)
        finally:
            stack.pop()
            if on_change is not None:
                on_change(stack[-1] if stack else "")
        if on_return is not None:
            on_return(path, output)
        return output

    with mock.patch.object(nn.Module, "__call__", call_on_stack):
        yield stack
