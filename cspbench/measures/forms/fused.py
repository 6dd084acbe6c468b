"""The fused form: a module as it is deployed, with branches merged and normalisations folded."""

import contextlib
import inspect
import itertools
from collections.abc import Callable

import torch
from torch import nn

from ...records.deployment import Fusion
from ..execution.call import switch_to_eval
from ..execution.inputs import Arguments
from ..execution.storages import storage_key
from .folding import fold

_METHODS = ("fuse", "switch_to_deploy", "reparameterize", "deploy")
"""Names of the methods by which models merge their own branches."""


def fuse(module: nn.Module, arguments_on: Callable[[str], Arguments]) -> tuple[nn.Module, Fusion]:
    """``module`` in eval mode, merged by its own methods, then with its normalisations folded.

    It is changed in place; what is returned is another module if its own method returns one.
    ``arguments_on`` makes the arguments of a call on a device, fake tensors if a fake mode is
    active. What the module's own methods and its forward raise goes through.
    """
    switch_to_eval(module)
    with _made_beside(module):
        module, methods = _merge(module)
    switch_to_eval(module)  # its own methods may leave it in train mode
    folded, left = fold(module, arguments_on)
    return module, Fusion(methods=methods, folded=folded, left=left)


def _made_beside(module: nn.Module) -> contextlib.AbstractContextManager[object]:
    """A context that creates tensors on the device of ``module``, as its own methods may do.

    No context where they are anyway.
    """
    device = next((parameter.device for parameter in module.parameters()), None)
    if device is None or device == torch.get_default_device():
        return contextlib.nullcontext()
    return device


def _merge(root: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """Call the own methods of all modules, outermost first: the root, and the methods' names.

    A module that the method of an outer one has changed is merged already, and not called again.
    """
    names: dict[str, None] = {}
    merged: dict[int, tuple[nn.Module, nn.Module]] = {}  # holds each, so that no identity returns

    def visit(module: nn.Module) -> nn.Module:
        if id(module) in merged:
            return merged[id(module)][1]
        merged[id(module)] = module, module
        method = _own_method(module)
        if method is not None:
            name = f"{type(module).__name__}.{method.__name__}"
            names[name] = None
            inner = [(child, _state(child)) for child in module.modules() if _own_method(child)]
            replacement = _called(method, name)
            if isinstance(replacement, nn.Module) and replacement is not module:
                merged[id(module)] = module, replacement
                return replacement
            changed = (child for child, state in inner if _state(child) != state)
            merged.update({id(child): (child, child) for child in changed})
        for name, child in list(module._modules.items()):  # noqa: SLF001 -- names of shared ones
            if child is not None:
                module._modules[name] = visit(child)  # noqa: SLF001
        return module

    return visit(root), tuple(names)


def _state(module: nn.Module) -> list[object]:
    """What changes when branches are merged: the modules inside, and the data of their tensors."""
    held = itertools.chain(module.parameters(), module.buffers())
    dense = (tensor for tensor in held if tensor.layout == torch.strided)
    tensors = [(id(tensor), storage_key(tensor), tensor._version) for tensor in dense]  # noqa: SLF001
    return [*module.modules(), *tensors]


def _own_method(module: nn.Module) -> Callable[[], object] | None:
    """The method of ``module`` that merges its branches; None if it has none.

    Children and settings of these names are no methods, and neither is one that needs arguments.
    """
    if type(module).__module__.startswith("torch."):
        return None
    for name in _METHODS:
        method = getattr(module, name, None)
        if not inspect.isroutine(method):
            continue
        with contextlib.suppress(TypeError, ValueError):
            inspect.signature(method).bind()
            return method
    return None


def _called(method: Callable[[], object], name: str) -> object:
    """What ``method`` returns; what it raises has a note of its ``name``."""
    try:
        return method()
    except Exception as error:
        error.add_note(f"raised by {name}, which merges the module's branches")
        raise
