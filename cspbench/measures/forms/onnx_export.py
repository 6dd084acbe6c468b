"""The ONNX file of a call, by torch's exporter, and the arguments that its inputs take."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ...machine import temporary
from ..execution.call import Call
from ..execution.inputs import Arguments
from .flat import Flat, exported, reason_of
from .quiet import quiet


class Port(NamedTuple):
    """What a file says of one of its inputs or outputs; ``dtype`` None for a type torch lacks."""

    shape: tuple[int, ...]
    dtype: torch.dtype | None


def export(call: Call, path: Path) -> None:
    """Write the ONNX file of a call, its weights beside it where one file cannot hold them.

    Inputs are the tensors of the arguments in order, ``input_0`` and on; outputs those of the
    module's output, ``output_0`` and on. Raises ValueError with the reason in its first line if
    the module cannot be exported.
    """
    _write(exported(Flat(call.module, call.arguments)), path)


@cache
def load_exporter() -> None:
    """Export a trivial module, so that the exporter is loaded, which takes seconds once a process.

    Raises ImportError if it lacks a package.
    """
    trivial = Flat(nn.ReLU(), Arguments((torch.zeros(1),), {}))
    with TemporaryDirectory(dir=temporary.folder()) as folder:
        _write(exported(trivial), Path(folder, "trivial.onnx"))


def _write(program: torch.export.ExportedProgram, path: Path) -> None:
    signature = program.graph_signature
    try:
        with torch.no_grad(), quiet(path.parent):
            converted = torch.onnx.export(
                program,
                dynamo=True,
                verbose=False,
                input_names=list(_names("input", len(signature.user_inputs))),
                output_names=list(_names("output", len(signature.user_outputs))),
            )
            assert converted is not None
            converted.save(path)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"torch.onnx: {reason_of(error)}") from error


def bind(arguments: Arguments, inputs: Mapping[str, Port]) -> dict[str, Tensor]:
    """The tensors that the ``inputs`` of a file take, by name: those of the arguments, contiguous.

    Raises ValueError if the inputs are not those that `export` writes for such arguments.
    """
    tensors = arguments.tensors
    names = _names("input", len(tensors))
    if set(names) != set(inputs):
        raise ValueError(f"the file takes {_listed(inputs)}, the arguments are {_listed(names)}")
    given = dict(zip(names, tensors, strict=True))
    for name, port in inputs.items():
        _check(name, port, Port(tuple(given[name].shape), given[name].dtype))
    return {name: tensor.detach().contiguous() for name, tensor in given.items()}


def arrays(arguments: Arguments, inputs: Mapping[str, Port]) -> dict[str, np.ndarray[Any, Any]]:
    """The NumPy arrays that the ``inputs`` of a file take, by name; see `bind`."""
    return {name: tensor.numpy() for name, tensor in bind(arguments, inputs).items()}


def output_places(names: Iterable[str]) -> list[int]:
    """The places of the outputs of a file, called ``names``, in the order of the module's tensors.

    Raises ValueError if they are not those that `export` writes.
    """
    given = list(names)
    expected = _names("output", len(given))
    if set(expected) != set(given):
        raise ValueError(f"the file has the outputs {_listed(given)}, not {_listed(expected)}")
    return [given.index(name) for name in expected]


def _names(kind: str, number: int) -> tuple[str, ...]:
    return tuple(f"{kind}_{place}" for place in range(number))


def _check(name: str, expected: Port, given: Port) -> None:
    if expected != given:
        raise ValueError(f"{name} of the file is {_text(expected)}, that given is {_text(given)}")


def _text(port: Port) -> str:
    dtype = "of another type" if port.dtype is None else str(port.dtype).replace("torch.", "")
    return f"{'x'.join(map(str, port.shape)) or 'a number'} {dtype}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
