"""The stack of running modules, kept by forward hooks."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial

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
    Hooks are removed on exit. A forward that raises leaves its names on the list.
    """
    stack: list[str] = []

    def push(path: str, *_: object) -> None:
        stack.append(path)
        if on_change is not None:
            on_change(path)

    def pop(path: str, _module: object, _inputs: object, output: object) -> None:
        stack.pop()
        if on_change is not None:
            on_change(stack[-1] if stack else "")
        if on_return is not None:
            on_return(path, output)

    handles = []
    for path, child in module.named_modules():
        handles.append(child.register_forward_pre_hook(partial(push, path)))
        handles.append(child.register_forward_hook(partial(pop, path)))
    try:
        yield stack
    finally:
        for handle in handles:
            handle.remove()
