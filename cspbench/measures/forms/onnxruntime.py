"""ONNX Runtime on the CPU, in single precision and with whole numbers of 8 bits.

Of a model in whole numbers, activations and weights are quantised: the convolutions' weights per
output channel, as one scale for all of them costs accuracy in networks whose batch normalisation is
folded into the convolutions. The types are those that ONNX Runtime recommends for the processor.
"""

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ...machine.variables import variables
from ...records.deployment import RuntimeOperator
from ..execution.call import Call
from ..execution.inputs import Arguments
from .base import Runtime
from .onnx_export import Port, arrays, bind, export, load_exporter, output_places
from .quiet import quiet

_PROVIDER = "CPUExecutionProvider"
_TYPES = {
    "tensor(float)": (torch.float32, 1),
    "tensor(uint8)": (torch.uint8, 2),
    "tensor(int8)": (torch.int8, 3),
    "tensor(int16)": (torch.int16, 5),
    "tensor(int32)": (torch.int32, 6),
    "tensor(int64)": (torch.int64, 7),
    "tensor(bool)": (torch.bool, 9),
    "tensor(float16)": (torch.float16, 10),
    "tensor(double)": (torch.float64, 11),
    "tensor(bfloat16)": (torch.bfloat16, 16),
}
"""torch's type, and the number that the ONNX format gives it."""

_CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear"})
_MAX_FILE = 1_500_000_000  # bytes of a model in one file; the format allows 2 GiB
_FATAL = 4  # the severity of log lines that are shown; errors are raised, too


@cache
def _library() -> Any:
    """The package, loaded without its telemetry.

    That would keep files in the user's home directory and send what it notes to Microsoft. It is
    decided when the package is loaded.
    """
    with quiet(), variables(ORT_DISABLE_TELEMETRY="1"):
        import onnxruntime
    onnxruntime.set_default_logger_severity(_FATAL)
    return onnxruntime


class _Session:
    """A loaded model; inputs lie in torch's memory, and so do outputs whose shapes are known."""

    def __init__(self, path: Path, arguments: Arguments, threads: int) -> None:
        self._session = inference_session(path, session_options(threads))
        self.settings = {
            "execution provider": ", ".join(self._session.get_providers()),
            "graph optimization": "all",
            "execution mode": "sequential",
            "threads": str(threads),
            "spinning": "off",
        }
        self._binding = self._session.io_binding()
        self._inputs = self._bind_inputs(arguments)
        self._outputs = self._bind_outputs()
        self._run = self._session.run_with_iobinding

    def __call__(self) -> object:
        return self._run(self._binding)

    def outputs(self) -> list[Tensor]:
        values = self._binding.get_outputs()
        return [
            torch.from_numpy(values[place].numpy().copy()) if tensor is None else tensor.clone()
            for place, tensor in self._outputs
        ]

    def _bind_inputs(self, arguments: Arguments) -> dict[str, Tensor]:
        bound = bind(arguments, _ports(self._session))
        for node in self._session.get_inputs():
            tensor = bound[node.name]
            self._binding.bind_input(
                node.name, "cpu", 0, _TYPES[node.type][1], list(tensor.shape), tensor.data_ptr()
            )
        return bound

    def _bind_outputs(self) -> list[tuple[int, Tensor | None]]:
        """The place of each output, and the tensor that it is written to, in the module's order."""
        nodes = self._session.get_outputs()
        tensors = [self._bind_output(node) for node in nodes]
        return [(place, tensors[place]) for place in output_places(node.name for node in nodes)]

    def _bind_output(self, node: Any) -> Tensor | None:
        if node.type not in _TYPES or not all(isinstance(size, int) for size in node.shape):
            self._binding.bind_output(node.name, "cpu")
            return None
        dtype, number = _TYPES[node.type]
        tensor = torch.empty(node.shape, dtype=dtype)
        self._binding.bind_output(node.name, "cpu", 0, number, node.shape, tensor.data_ptr())
        return tensor


def _ports(session: Any) -> dict[str, Port]:
    return {
        node.name: Port(tuple(node.shape), _TYPES.get(node.type, (None, 0))[0])
        for node in session.get_inputs()
    }


def session_options(threads: int) -> Any:
    """Settings of a session; its threads sleep between calls, as others take turns with it."""
    ort = _library()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def inference_session(path: Path, options: Any) -> Any:
    return _library().InferenceSession(str(path), options, providers=[_PROVIDER])


def _prepare(call: Call, path: Path, calibration: Sequence[Arguments]) -> dict[str, float]:  # noqa: ARG001 -- numbers stay as they are
    load_exporter()
    started = perf_counter()
    export(call, path)
    return {"export": perf_counter() - started}


def _prepare_int8(call: Call, path: Path, calibration: Sequence[Arguments]) -> dict[str, float]:
    load_exporter()
    _library()
    with quiet():
        import onnxruntime.quantization.preprocess  # noqa: F401 -- before the clock starts
    with TemporaryDirectory(dir=path.parent) as folder:
        exact = Path(folder, "exact.onnx")
        started = perf_counter()
        export(call, exact)
        exported = perf_counter()
        _quantize(exact, path, calibration)
        return {"export": exported - started, "quantize": perf_counter() - exported}


def _quantize(exact: Path, path: Path, calibration: Sequence[Arguments]) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.preprocess import quant_pre_process

    prepared = exact.with_name("prepared.onnx")
    is_large = sum(file.stat().st_size for file in exact.parent.iterdir()) > _MAX_FILE
    ports = _ports(inference_session(exact, session_options(1)))
    with quiet(exact.parent):
        # Shapes are fixed, and the exporter has written them: there is no symbol to infer.
        quant_pre_process(
            str(exact), str(prepared), skip_symbolic_shape=True, save_as_external_data=is_large
        )
        quantize_static(
            str(prepared),
            str(path),
            _Calibration(calibration, ports),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=_saturates(),
            activation_type=QuantType.QInt8 if _is_arm() else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            use_external_data_format=is_large,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=_grouped_transposed_convolutions(prepared),
        )


def _grouped_transposed_convolutions(path: Path) -> list[str]:
    """The names of nodes whose weights `quantize_static` cannot scale per output channel.

    It takes the second dimension of a transposed convolution's weight for all of its output
    channels, which are those of a group.
    """
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "ConvTranspose"
        and any(attribute.name == "group" and attribute.i > 1 for attribute in node.attribute)
    ]


class _Calibration:
    """The arrays of each of several arguments by name, as `quantize_static` reads them."""

    def __init__(self, calibration: Sequence[Arguments], ports: Mapping[str, Port]) -> None:
        self._arrays = iter([arrays(arguments, ports) for arguments in calibration])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._arrays, None)


def _is_arm() -> bool:
    return platform.machine().lower() in {"aarch64", "arm64"}


def _saturates() -> bool:
    """Whether sums of products of 8 bits may saturate: on x86 without VNNI, unless 7 are used."""
    features = torch.cpu.get_capabilities()
    return not (_is_arm() or features.get("avx512_vnni") or features.get("avx_vnni"))


def _operators(path: Path, arguments: Arguments, threads: int) -> tuple[RuntimeOperator, ...]:
    """The nodes of one profiled call; the profile lies beside the file until it is read."""
    options = session_options(threads)
    options.enable_profiling = True
    options.profile_file_prefix = str(path.with_suffix(".profile"))
    session = inference_session(path, options)
    session.run(None, arrays(arguments, _ports(session)))
    profile = Path(session.end_profiling())
    try:
        events = json.loads(profile.read_bytes())
    finally:
        profile.unlink()
    kinds = Counter(_kind(event["args"]) for event in events if _is_node(event))
    return tuple(
        RuntimeOperator(name=name, provider=provider, nodes=nodes, is_int8=is_int8)
        for (name, provider, is_int8), nodes in sorted(kinds.items())
    )


def _is_node(event: Mapping[str, Any]) -> bool:
    return event.get("cat") == "Node" and event["name"].endswith("_kernel_time")


def _kind(args: Mapping[str, Any]) -> tuple[str, str, bool]:
    """The operator's name, its provider, and whether it computes on whole numbers of 8 bits."""
    name = args["op_name"]
    types = {dtype for shape in args.get("input_type_shape", ()) for dtype in shape}
    is_int8 = name not in _CONVERSIONS and not types.isdisjoint({"int8", "uint8"})
    return name, args["provider"], is_int8


RUNTIME = Runtime(
    extra="onnxruntime",
    packages=("onnxruntime", "onnx", "onnxscript"),
    suffix=".onnx",
    prepare=_prepare,
    load=_Session,
    operators=_operators,
)
INT8_RUNTIME = replace(RUNTIME, prepare=_prepare_int8)
