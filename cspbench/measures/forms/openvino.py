"""OpenVINO on the CPU, in the model's precision and with whole numbers of 8 bits.

The threads of a session are not pinned to cores: several sessions, and torch, take turns on the
same cores.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ...records.deployment import RuntimeOperator
from ..execution.call import Call
from ..execution.inputs import Arguments
from .base import Runtime
from .onnx_export import Port, arrays, bind, export, load_exporter, output_places
from .quiet import quiet, without_module

_DEVICE = "CPU"
_TELEMETRY = "openvino_telemetry"
_TYPES = {
    "f64": torch.float64,
    "f32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "i64": torch.int64,
    "i32": torch.int32,
    "i16": torch.int16,
    "i8": torch.int8,
    "u8": torch.uint8,
    "boolean": torch.bool,
}
_CONVERSIONS = frozenset({"Reorder", "Convert", "FakeQuantize"})


@cache
def _library() -> Any:
    """The package, loaded without its telemetry.

    That would keep files in the user's home directory and send what it notes to Google. Where its
    package is absent, a stub takes its place.
    """
    with quiet(), without_module(_TELEMETRY):
        import openvino
    return openvino


@cache
def _quantizer() -> Any:
    """NNCF, loaded without its telemetry, which is that of OpenVINO."""
    _library()
    with quiet(), without_module(_TELEMETRY):
        import nncf
    return nncf


class _Session:
    """A loaded model; inputs lie in torch's memory, outputs in the request's."""

    def __init__(self, path: Path, arguments: Arguments, threads: int) -> None:
        self._compiled = compiled_model(path, threads)
        self.settings = _settings_of(self._compiled)
        self._request, self._inputs = bound_request(self._compiled, arguments)
        names = [_name(port, "output") for port in self._compiled.outputs]
        self._places = output_places(names)
        self._infer = self._request.infer

    def __call__(self) -> object:
        return self._infer(share_outputs=True)

    def outputs(self) -> list[Tensor]:
        return [_copied(self._request.get_output_tensor(place)) for place in self._places]


def compiled_model(path: Path, threads: int, **options: object) -> Any:
    """The model for one call at a time, in its own precision also on processors with AMX."""
    ov = _library()
    properties = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
        **options,
    }
    with quiet():
        return ov.Core().compile_model(str(path), _DEVICE, properties)


def _settings_of(compiled: Any) -> dict[str, str]:
    """What the compiled model says of itself."""
    return {
        "execution devices": ", ".join(compiled.get_property("EXECUTION_DEVICES")),
        "performance hint": str(compiled.get_property("PERFORMANCE_HINT")).rpartition(".")[2],
        "precision hint": compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name(),
        "streams": str(compiled.get_property("NUM_STREAMS")),
        "threads": str(compiled.get_property("INFERENCE_NUM_THREADS")),
        "pinning": "on" if compiled.get_property("ENABLE_CPU_PINNING") else "off",
    }


def bound_request(compiled: Any, arguments: Arguments) -> tuple[Any, dict[str, Tensor]]:
    """A request of ``compiled`` with the arguments bound, and the tensors that they lie in."""
    bound = bind(arguments, _ports(compiled))
    request = compiled.create_infer_request()
    for port in compiled.inputs:
        request.set_tensor(port, _shared(bound[_name(port, "input")], port))
    return request, bound


def _ports(model: Any) -> dict[str, Port]:
    return {
        _name(port, "input"): Port(tuple(port.shape), _TYPES.get(port.element_type.get_type_name()))
        for port in model.inputs
    }


def _name(port: Any, kind: str) -> str:
    """The name that the exporter gave ``port``, among others that OpenVINO may add."""
    return next((name for name in port.names if name.startswith(f"{kind}_")), "")


def _shared(tensor: Tensor, port: Any) -> Any:
    """OpenVINO's view of the memory of ``tensor``."""
    words = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
    return _library().Tensor(words.numpy(), port.shape, port.element_type)


def _copied(value: Any) -> Tensor:
    dtype = _TYPES[value.element_type.get_type_name()]
    if dtype == torch.bfloat16:
        return torch.frombuffer(bytearray(value.data.tobytes()), dtype=dtype).view(*value.shape)
    return torch.from_numpy(value.data.copy())


def _prepare(call: Call, path: Path, calibration: Sequence[Arguments]) -> dict[str, float]:  # noqa: ARG001 -- numbers stay as they are
    load_exporter()
    _library()
    with TemporaryDirectory(dir=path.parent) as folder:
        model, steps = _converted(call, Path(folder, "exported.onnx"))
        started = perf_counter()
        _save(model, path)
        steps["convert"] += perf_counter() - started
    return steps


def _prepare_int8(call: Call, path: Path, calibration: Sequence[Arguments]) -> dict[str, float]:
    load_exporter()
    nncf = _quantizer()
    with TemporaryDirectory(dir=path.parent) as folder:
        model, steps = _converted(call, Path(folder, "exported.onnx"))
        started = perf_counter()
        ports = _ports(model)
        samples = [arrays(arguments, ports) for arguments in calibration]
        with quiet(path.parent):
            model = nncf.quantize(model, nncf.Dataset(samples), subset_size=len(samples))
        _save(model, path)
        steps["quantize"] = perf_counter() - started
    return steps


def _converted(call: Call, path: Path) -> tuple[Any, dict[str, float]]:
    """OpenVINO's model of a call by way of the ONNX file at ``path``, and the seconds of steps."""
    started = perf_counter()
    export(call, path)
    exported = perf_counter()
    with quiet():
        model = _library().Core().read_model(str(path))
    return model, {"export": exported - started, "convert": perf_counter() - exported}


def _save(model: Any, path: Path) -> None:
    with quiet():
        _library().save_model(model, str(path), compress_to_fp16=False)


def _operators(path: Path, arguments: Arguments, threads: int) -> tuple[RuntimeOperator, ...]:
    """The nodes of one profiled call that were run, and not merged into another."""
    request, _tensors = bound_request(compiled_model(path, threads, PERF_COUNT=True), arguments)
    request.infer()
    ran = _library().ProfilingInfo.Status.EXECUTED
    kinds = Counter(_kind(node) for node in request.profiling_info if node.status == ran)
    return tuple(
        RuntimeOperator(name=name, provider=_DEVICE, nodes=nodes, is_int8=is_int8)
        for (name, is_int8), nodes in sorted(kinds.items())
    )


def _kind(node: Any) -> tuple[str, bool]:
    """The operator's name, and whether it computes on whole numbers of 8 bits."""
    is_int8 = node.exec_type.upper().endswith(("_I8", "_U8")) and node.node_type not in _CONVERSIONS
    return node.node_type, is_int8


RUNTIME = Runtime(
    extra="openvino",
    packages=("openvino", "onnx", "onnxscript"),
    suffix=".xml",
    prepare=_prepare,
    load=_Session,
    operators=_operators,
)
INT8_RUNTIME = replace(
    RUNTIME,
    packages=(*RUNTIME.packages, "nncf"),
    prepare=_prepare_int8,
)
