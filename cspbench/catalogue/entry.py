"""Catalogue entries: a name, a reference to a builder, and its parameters as data.

Nothing here imports torch, so that entries are listed and arguments checked without loading it.
"""

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import CspbenchError, unknown
from .inputs import Inputs, of_shapes
from .values import MAX_ELEMENTS, Shape, Value

__all__ = ["Entry", "Parameter", "Shape", "Value", "is_own"]

Design = Literal["", "b", "c"]
"""The design of CSPNet's Figure 3 in which two paths are joined; '' where there are no such two."""
GRAPH_SUFFIX = ".toml"
_MAX_NUMBER = 1e300  # any integer up to it still converts to a float


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One argument of an entry's builder: its default and its allowed values.

    The type is that of ``default``. ``minimum`` and ``maximum`` are inclusive bounds, ``above`` and
    ``below`` exclusive ones; ``choices`` are the allowed values of a text parameter.
    """

    name: str
    default: Value
    help: str
    minimum: int | None = None
    maximum: int | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, value: Value, *, owner: str) -> Value:
        """``value`` in this parameter's type; raises `CspbenchError` if it is not allowed."""
        name = f"{owner}: {self.name}"
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise CspbenchError(f"{name} must be true or false, got {value!r}")
            return value
        if isinstance(self.default, str):
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                raise unknown(self.name, value, self.choices, owner=owner)
            return value
        is_whole = isinstance(self.default, int)
        if (
            isinstance(value, bool | str)
            or (is_whole and isinstance(value, float))
            or not self._is_in_range(value)
        ):
            kind = "an integer" if is_whole else "a number"
            raise CspbenchError(f"{name} must be {kind}{self._range()}, got {value!r}")
        return value if is_whole else float(value)

    def parse(self, text: str, *, owner: str) -> Value:
        """The value of ``name=text`` on a command line; raises `CspbenchError` like `check`."""
        value: Value = text
        if isinstance(self.default, bool):
            value = {"true": True, "false": False}.get(text.lower(), text)
        elif not isinstance(self.default, str):
            if re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII):
                value = int(text)
            elif isinstance(self.default, float) and text.isascii() and "_" not in text:
                with contextlib.suppress(ValueError):
                    value = float(text)
        return self.check(value, owner=owner)

    def _is_in_range(self, number: float) -> bool:
        return (
            abs(number) <= _MAX_NUMBER
            and (self.minimum is None or number >= self.minimum)
            and (self.maximum is None or number <= self.maximum)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def _range(self) -> str:
        if self.above is not None and self.below is not None:
            return f" in ({self.above:g}, {self.below:g})"
        if self.above is not None:
            return f" above {self.above:g}"
        if self.minimum is not None and self.maximum is not None:
            return f" from {self.minimum} to {self.maximum}"
        if self.minimum is not None:
            return f" of at least {self.minimum}"
        return " that is finite"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that can be measured.

    ``build`` names a callable that returns an ``nn.Module``: ``.blocks.csp:CSP`` inside this
    package, ``package.module:callable`` outside it. It is resolved on first use. Users can set
    ``parameters``, but not the ``fixed`` arguments. ``input_shape`` is the default shape of one
    input, usually (N, C, H, W); if it is empty, an input must be given. ``channels`` names the
    parameter that C must equal, ``halves`` the parameter that halves H and W unless it is ``none``.
    ``levels``: it takes a pyramid, one input for each, from the finest, of half the H and W of the
    one before; each names the parameter that C of its input must equal, and ``input_shape`` is the
    first input's.
    ``input_gradient``: a training step also computes the gradient of the input, as for a block
    inside a network.
    ``is_open``: the parameters are not known, and any argument is passed to the builder.
    ``multiple``: what H and W of its input must be multiples of.
    ``design`` and ``bypass`` say of a CSP module how it joins its paths, and where the channels
    come from that bypass its blocks.
    """

    name: str
    build: str
    description: str
    source: str
    input_shape: Shape
    parameters: tuple[Parameter, ...] = ()
    fixed: tuple[tuple[str, Value], ...] = ()
    channels: str = ""
    halves: str = ""
    levels: tuple[str, ...] = ()
    input_gradient: bool = True
    is_open: bool = False
    multiple: int = 1
    design: Design = ""
    bypass: str = ""

    @property
    def knows_inputs(self) -> bool:
        """Whether the inputs that it takes are known, as of all entries of the catalogue."""
        is_described = is_own(self.build) or is_graph(self.build)
        return is_described or bool(self.channels or self.halves or self.levels)

    def arguments(self, overrides: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """All settable arguments: the defaults, replaced by the checked ``overrides``.

        Raises `CspbenchError` for a name that is not a parameter and for a value out of range.
        """
        if self.is_open:
            for name, value in (overrides or {}).items():
                self._check_storable(name, value)
            return dict(overrides or {})
        result = {parameter.name: parameter.default for parameter in self.parameters}
        for name, value in (overrides or {}).items():
            result[name] = self._parameter(name).check(value, owner=self.name)
        return result

    def parse(self, text: str) -> tuple[str, Value]:
        """Name and value of a command line's ``name=value``."""
        name, equals, value = text.partition("=")
        if not equals:
            raise CspbenchError(f"--set: expected KEY=VALUE, got {text!r}")
        if self.is_open:
            return name, _guessed(value)
        return name, self._parameter(name).parse(value, owner=self.name)

    def default_inputs(self, arguments: Mapping[str, Value]) -> Inputs | None:
        """The inputs for ``arguments`` if no others are given; None if it has no default.

        C is the value of the parameter that ``channels`` or a level names.
        """
        if not self.input_shape:
            return None
        if self.levels:
            return of_shapes(*self._pyramid(arguments, self.input_shape))
        batch, *rest = self.input_shape
        if self.channels in arguments:
            rest[0] = int(arguments[self.channels])
        return of_shapes((batch, *rest))

    def inputs(self, arguments: Mapping[str, Value], given: Inputs | None = None) -> Inputs:
        """The checked inputs for ``arguments``: those ``given``, or the default.

        Raises `CspbenchError` for inputs that the entry cannot take.
        """
        if given is None:
            default = self.default_inputs(arguments)
            if default is None:
                raise CspbenchError(
                    f"{self.name} has no default input; give one for each argument of its forward: "
                    "--input N,C,H,W (in a suite: input = [N, C, H, W])"
                )
            return default
        if self.levels:
            self._check_pyramid(arguments, given)
        elif given.only_shape is not None:
            self._check_shape(arguments, given.only_shape)
        elif self.knows_inputs:
            raise CspbenchError(f"{self.name}: expected one input N,C,H,W, got {given.text}")
        return given

    def _check_shape(self, arguments: Mapping[str, Value], shape: Shape) -> None:
        """Raise `CspbenchError` for the shape of an only input that the entry cannot take."""
        self._check_elements(shape)
        text = ",".join(map(str, shape))
        if self.knows_inputs and (len(shape) != 4 or min(shape) < 1):
            raise CspbenchError(
                f"{self.name}: expected an input N,C,H,W of four positive numbers, got {text}"
            )
        if min(shape, default=1) < 1:
            raise CspbenchError(f"{self.name}: sizes of an input must be positive, got {text}")
        expected = int(arguments[self.channels]) if self.channels in arguments else None
        if expected is not None and shape[1] != expected:
            raise CspbenchError(
                f"{self.name} with {self.channels}={expected} takes an input N,{expected},H,W, "
                f"got {text}; set {self.channels}={shape[1]} or change the shape"
            )
        if any(size % self.multiple for size in shape[2:]):
            raise CspbenchError(
                f"{self.name}: H and W must be multiples of {self.multiple}, got {text}"
            )
        if self.halves and arguments[self.halves] != "none" and min(shape[2:]) < 2:
            raise CspbenchError(
                f"{self.name} with {self.halves}={arguments[self.halves]} halves H and W: "
                f"each must be at least 2, got {text}"
            )

    def _check_pyramid(self, arguments: Mapping[str, Value], given: Inputs) -> None:
        """Raise `CspbenchError` unless ``given`` are the levels of a pyramid, the finest first."""
        shapes = given.only_shapes
        number = len(self.levels)
        if len(shapes) != number or any(len(shape) != 4 or min(shape) < 1 for shape in shapes):
            raise CspbenchError(
                f"{self.name}: expected {number} inputs N,C,H,W of positive numbers, whose C are "
                f"{', '.join(self.levels)}, got {given.text}"
            )
        for place, (name, shape) in enumerate(zip(self.levels, shapes, strict=True), start=1):
            self._check_elements(shape)
            if shape[1] != arguments[name]:
                raise CspbenchError(
                    f"{self.name} with {name}={arguments[name]} takes N,{arguments[name]},H,W as "
                    f"input {place} of {number}, got {','.join(map(str, shape))}; set "
                    f"{name}={shape[1]} or change the shape"
                )
        whole = 2 ** (number - 1)
        if any(size % whole for size in shapes[0][2:]):
            raise CspbenchError(
                f"{self.name} halves H and W from input to input: those of the first must be "
                f"multiples of {whole}, got {','.join(map(str, shapes[0]))}"
            )
        expected = self._pyramid(arguments, shapes[0])
        if shapes != expected:
            raise CspbenchError(
                f"{self.name} takes inputs of one N, each of half the H and W of the one before: "
                f"{of_shapes(*expected).text}, got {given.text}"
            )

    def _pyramid(self, arguments: Mapping[str, Value], finest: Shape) -> tuple[Shape, ...]:
        """The shapes of all levels, if the first is as high and as wide as ``finest``."""
        batch, _, height, width = finest
        return tuple(
            (batch, int(arguments[name]), height >> level, width >> level)
            for level, name in enumerate(self.levels)
        )

    def _check_elements(self, shape: Shape) -> None:
        """Raise `CspbenchError` for a shape of more elements than torch can hold."""
        if math.prod(shape) > MAX_ELEMENTS:
            raise CspbenchError(
                f"{self.name}: an input has more elements than a torch tensor can hold "
                f"({MAX_ELEMENTS:.3g}), got {','.join(map(str, shape))}"
            )

    def _check_storable(self, name: str, value: Value) -> None:
        """Raise `CspbenchError` for a number that no record can hold."""
        is_storable = math.isfinite(value) if isinstance(value, float) else True
        if isinstance(value, int):
            is_storable = -(2**63) <= value < 2**63
        if not is_storable:
            raise CspbenchError(
                f"{self.name}: {name} must be finite and fit in 64 bits, got {value!r}"
            )

    def _parameter(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise unknown("parameter", name, [p.name for p in self.parameters], owner=self.name)


def is_graph(builder: str) -> bool:
    """Whether a builder is a scale of a graph file, ``path/to/graph.toml:scale``."""
    return builder.rpartition(":")[0].endswith(GRAPH_SUFFIX)


def is_own(builder: str) -> bool:
    """Whether a builder is one of this package, unlike that of a file in ``./`` or ``../``."""
    return builder.startswith(".") and not builder.rpartition(":")[0].endswith(".py")


def _guessed(text: str) -> Value:
    """``text`` as a bool or a number where it reads as one, else as it is."""
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?", text, re.ASCII):
        return float(text)
    return text
