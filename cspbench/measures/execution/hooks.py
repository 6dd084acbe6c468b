"""Which modules are running, by hooks on a copy."""

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
    """The dotted names of the modules whose forward is running, outermost ('') first.

    ``on_return`` is called with the name of each module that returns, and its output;
    ``on_change`` with the innermost module that runs from then on ('' if none). ``module`` must be
    a copy: a forward that raises leaves the stack as it was then. Hooks are removed on exit.
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
