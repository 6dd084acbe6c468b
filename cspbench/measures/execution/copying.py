"""Copies of modules and other objects with replaced tensors, for example on another device."""

import copy
import enum
import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._ops import OperatorBase, OpOverloadPacket
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.nn.parameter import is_lazy

Value = TypeVar("Value")

_SHARED = (
    *(type(None), bool, int, float, complex, str, bytes, range, type, enum.Enum),
    *(ModuleType, BuiltinFunctionType, torch.dtype, torch.device, torch.memory_format),
    *(OperatorBase, OpOverloadPacket),  # torch's operators, through which all others are reached
)
"""Types of values that copies share with the original."""

_HOOKS = frozenset(name for name in vars(nn.Module()) if name.endswith(("hooks", "with_kwargs")))
"""Attributes of modules that hold their hooks."""

_PROTOCOL = (
    *("__new__", "__slots__", "__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__"),
    *("__getstate__", "__setstate__"),
)
"""What a class defines if its objects are more than their attributes."""


def copy_with(root: Value, convert: Callable[[Tensor], Tensor]) -> Value:
    """A deep copy of a module or any other object with each tensor replaced by ``convert(tensor)``.

    Tensors are found in attributes, containers and closures, hooks included. What the original
    shares, the copy shares, and no data is copied except by ``convert``. Objects that cannot be
    copied, such as locks and open files, are those of the original.
    """
    copied: Value = _Copier(convert).copy(root)
    return copied


class _Copier:
    """Copies objects; each once, so that the copies refer to each other as the originals do."""

    def __init__(self, convert: Callable[[Tensor], Tensor]) -> None:
        self._convert = convert
        self._copies: dict[int, Any] = {}
        self._originals: list[object] = []  # kept, so that no identity is used twice

    def copy(self, value: Any) -> Any:
        if isinstance(value, _SHARED):
            return value
        if id(value) not in self._copies:
            copied = self._copy_new(value)
            self._remember(value, copied)
        return self._copies[id(value)]

    def _remember(self, value: object, copied: object) -> None:
        self._originals.append(value)
        self._copies.setdefault(id(value), copied)

    def _copy_new(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._copy_tensor(value)
        if isinstance(value, torch.jit.ScriptModule):
            return self._copy_script(value)
        if isinstance(value, torch.fx.GraphModule):  # which pickles by being traced again
            return self._copy_attributes(value)
        kind: Any = type(value)
        if kind in _COPIERS:
            return _COPIERS[kind](self, value)
        if issubclass(kind, nn.Module) and _is_its_attributes(kind):
            return self._copy_module(value)
        return self._copy_object(value)

    def _copy_tensor(self, tensor: Tensor) -> Tensor:
        if is_lazy(tensor):
            empty = self._convert(torch.empty(0, dtype=tensor.dtype, device=tensor.device))
            with unset_fake_temporarily():
                kind: Callable[..., Tensor] = type(tensor)
                return kind(
                    requires_grad=tensor.requires_grad, device=empty.device, dtype=empty.dtype
                )
        converted = self._convert(tensor)
        if isinstance(tensor, nn.Parameter):
            converted = nn.Parameter(converted.detach(), requires_grad=tensor.requires_grad)
            if type(tensor) is not nn.Parameter:
                converted.__class__ = type(tensor)
        elif tensor.requires_grad and tensor.is_leaf and not converted.requires_grad:
            converted = converted.detach().requires_grad_()
        self._remember(tensor, converted)
        if type(tensor).__torch_dispatch__ is Tensor.__torch_dispatch__:  # not state of a wrapper
            for name, attribute in vars(tensor).items():
                converted.__dict__[name] = self.copy(attribute)
        return converted

    def _copy_script(self, module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
        """A copy of a TorchScript module, which holds its tensors beyond Python's reach."""
        with unset_fake_temporarily():
            copied: torch.jit.ScriptModule = copy.deepcopy(module)
        pairs = zip(module.modules(), copied.modules(), strict=True)
        for original, child in pairs:
            for named in (original.named_parameters, original.named_buffers):
                for name, tensor in named(recurse=False):
                    setattr(child, name, self.copy(tensor))
        return copied

    def _copy_list(self, values: list[Any]) -> list[Any]:
        copied: list[Any] = []
        self._remember(values, copied)
        copied += map(self.copy, values)
        return copied

    def _copy_dict(self, values: dict[Any, Any]) -> dict[Any, Any]:
        copied: dict[Any, Any] = {}
        self._remember(values, copied)
        copied.update((self.copy(key), self.copy(value)) for key, value in values.items())
        return copied

    def _copy_ordered(self, values: OrderedDict[Any, Any]) -> OrderedDict[Any, Any]:
        if vars(values):
            ordered: OrderedDict[Any, Any] = self._copy_object(values)
            return ordered
        copied: OrderedDict[Any, Any] = OrderedDict()
        self._remember(values, copied)
        copied.update((self.copy(key), self.copy(value)) for key, value in values.items())
        return copied

    def _copy_set(self, values: set[Any]) -> set[Any]:
        copied: set[Any] = set()
        self._remember(values, copied)
        copied.update(map(self.copy, values))
        return copied

    def _copy_tuple(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        copied = tuple(map(self.copy, values))
        if id(values) in self._copies:  # it contains itself, through something else
            return self._copies[id(values)]  # type: ignore[no-any-return]
        is_same = all(new is old for new, old in zip(copied, values, strict=True))
        return values if is_same else copied

    def _copy_function(self, function: FunctionType) -> FunctionType:
        """``function`` itself, or one with copies of the objects that it refers to."""
        cells = function.__closure__ or ()
        state = (function.__defaults__, function.__kwdefaults__, function.__dict__)
        if not cells and not any(state):
            return function
        copied = FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            closure=tuple(map(self.copy, cells)) or None,
        )
        copied.__qualname__, copied.__module__ = function.__qualname__, function.__module__
        copied.__doc__, copied.__annotations__ = function.__doc__, function.__annotations__
        self._remember(function, copied)
        defaults, keyword_defaults, attributes = map(self.copy, state)
        copied.__defaults__, copied.__kwdefaults__ = defaults, keyword_defaults
        copied.__dict__.update(attributes)
        return copied

    def _copy_cell(self, cell: CellType) -> CellType:
        copied = CellType()
        self._remember(cell, copied)
        try:
            contents = cell.cell_contents
        except ValueError:  # a variable that was never assigned
            return copied
        copied.cell_contents = self.copy(contents)
        return copied

    def _copy_method(self, method: MethodType) -> MethodType:
        return MethodType(self.copy(method.__func__), self.copy(method.__self__))

    def _copy_partial(self, value: functools.partial[Any]) -> functools.partial[Any]:
        keywords = self._copy_dict(value.keywords)
        return functools.partial(self.copy(value.func), *map(self.copy, value.args), **keywords)

    def _copy_weak_reference(self, reference: weakref.ref[Any]) -> weakref.ref[Any]:
        target = reference()
        copied = self.copy(target)
        return reference if copied is target else weakref.ref(copied)

    def _copy_generator(self, generator: torch.Generator) -> torch.Generator:
        return generator.clone_state()

    def _copy_object(self, value: Any) -> Any:
        """A copy by the pickle protocol, or attribute by attribute; at worst ``value`` itself."""
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 -- an object that refuses may raise anything
            reduced = None
        if isinstance(reduced, tuple):
            return self._rebuilt(value, *reduced)
        if reduced is not None:  # the name of a global
            return value
        return self._copy_attributes(value)

    def _copy_attributes(self, value: Any) -> Any:
        try:
            copied = object.__new__(type(value))
        except TypeError:  # made by C, and bound to this process
            return value
        self._remember(value, copied)
        copied.__dict__.update(self._copy_dict(vars(value)))
        return copied

    def _copy_module(self, module: nn.Module) -> nn.Module:
        """A copy of a module by its attributes alone, which takes a fifth of the time."""
        kind = type(module)
        copied: nn.Module = kind.__new__(kind)
        self._remember(module, copied)
        attributes = copied.__dict__
        for name, value in module.__getstate__().items():
            is_free = name in _HOOKS and not value  # the most of all attributes
            attributes[name] = type(value)() if is_free else self.copy(value)
        return copied

    def _rebuilt(  # noqa: PLR0917 -- the parts that the pickle protocol gives
        self,
        value: Any,
        make: Callable[..., Any],
        arguments: tuple[Any, ...],
        state: Any = None,
        items: Any = None,
        pairs: Any = None,
        *_: object,
    ) -> Any:
        copied = make(*map(self.copy, arguments))
        self._remember(value, copied)
        if state is not None:
            self._set_state(copied, self.copy(state))
        for item in items or ():
            copied.append(self.copy(item))
        for key, item in pairs or ():
            copied[self.copy(key)] = self.copy(item)
        return copied

    @staticmethod
    def _set_state(copied: Any, state: Any) -> None:
        if hasattr(copied, "__setstate__"):
            copied.__setstate__(state)
            return
        attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, {})
        if attributes:
            copied.__dict__.update(attributes)
        for name, attribute in (slots or {}).items():
            setattr(copied, name, attribute)


@functools.cache
def _is_its_attributes(kind: type) -> bool:
    """Whether a module of that type is what its attributes are, for all that pickle knows."""
    # Those of torch define __setstate__ for modules that older versions pickled.
    bases = [base for base in kind.__mro__ if not base.__module__.startswith("torch.nn.modules.")]
    return getattr(kind, "__getstate__", None) is nn.Module.__getstate__ and not any(
        name in vars(base) for base in bases if base is not object for name in _PROTOCOL
    )


_COPIERS: Mapping[type, Callable[[_Copier, Any], Any]] = {
    list: _Copier._copy_list,  # noqa: SLF001 -- of this file
    dict: _Copier._copy_dict,  # noqa: SLF001
    OrderedDict: _Copier._copy_ordered,  # noqa: SLF001
    set: _Copier._copy_set,  # noqa: SLF001
    tuple: _Copier._copy_tuple,  # noqa: SLF001
    FunctionType: _Copier._copy_function,  # noqa: SLF001
    CellType: _Copier._copy_cell,  # noqa: SLF001
    MethodType: _Copier._copy_method,  # noqa: SLF001
    functools.partial: _Copier._copy_partial,  # noqa: SLF001
    weakref.ReferenceType: _Copier._copy_weak_reference,  # noqa: SLF001
    torch.Generator: _Copier._copy_generator,  # noqa: SLF001
}
