"""The runtimes as forms: latency beside bare loops, and the outputs of the whole catalogue.

    python bench/runtimes.py latency      a session's call, bare loops and benchmark_app
    python bench/runtimes.py catalogue    outputs, int8 and seconds of every entry
    python bench/runtimes.py aoti         the same of AOTInductor, for a few entries

Timed calls take turns, call by call in random order, in one process.
"""

import argparse
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from prettytable import PrettyTable
from torch import nn

from cspbench.catalogue import find
from cspbench.catalogue.entries import ENTRIES
from cspbench.choices import RUNTIME_FORMS, Form
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.inputs import Arguments
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.execution.trees import tensors
from cspbench.measures.forms import onnxruntime, openvino
from cspbench.measures.forms.registry import runtime
from cspbench.plan.case import inputs_of, make_case

_TIMED = ("dense", "csp_fusion_first", "c2f")
_MAX_SIDE = 128
_FILES: tuple[Form, ...] = ("onnxruntime", "openvino")


def main() -> None:
    """Print the table that was asked for."""
    tables = {"latency": _latency, "catalogue": _catalogue, "aoti": _aoti}
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", choices=tables)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--entries", default=",".join(ENTRIES), help="those of the catalogue's")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tables[options.table](options)


def _latency(options: argparse.Namespace) -> None:
    """The median of each call, and of its ratio to the session's call of the same turn."""
    samples, threads = options.samples, options.threads
    table = PrettyTable(["entry", "call", "median ms", "least ms", "/ session"], align="r")
    for name in _TIMED:
        call = _call(name)
        for form in _FILES:
            with _prepared(form, call) as path:
                session = runtime(form).load(path, call.arguments, threads)
                calls: dict[str, Callable[[], object]] = {form: session}
                calls |= _bare(form, path, call.arguments, threads)
                times = _in_turns(calls, samples)
                for each, seconds in times.items():
                    pairs = zip(seconds, times[form], strict=True)
                    ratio = statistics.median(other / ours for other, ours in pairs)
                    table.add_row(_timed(name, each, seconds, f"{ratio:.3f}"))
                if form == "openvino":
                    tool = _beside_benchmark_app(session, path, threads)
                    table.add_row([name, *tool])
    print(table)


def _timed(name: str, call: str, seconds: Sequence[float], ratio: str) -> list[str]:
    return [
        *(name, call),
        *(f"{1e3 * statistics.median(seconds):.2f}", f"{1e3 * min(seconds):.2f}", ratio),
    ]


def _bare(
    form: Form, path: Path, arguments: Arguments, threads: int
) -> dict[str, Callable[[], object]]:
    """Loops over the API of a runtime as its documentation writes them, on sessions of their own.

    They have the settings of ours.
    """
    feeds = {f"input_{place}": each.numpy() for place, each in enumerate(arguments.tensors)}
    if form == "onnxruntime":
        session = onnxruntime.inference_session(path, onnxruntime.session_options(threads))
        return {"onnxruntime: session.run": lambda: session.run(None, feeds)}
    compiled = openvino.compiled_model(path, threads)
    request, held = openvino.bound_request(openvino.compiled_model(path, threads), arguments)

    def asynchronous(_held: object = held) -> None:
        request.start_async()
        request.wait()

    return {
        "openvino: compiled_model(inputs)": lambda: compiled(feeds),
        "openvino: start_async, wait": asynchronous,
    }


def _beside_benchmark_app(
    session: Callable[[], object], path: Path, threads: int, blocks: int = 5
) -> tuple[str, str, str, str]:
    """The row of OpenVINO's own tool, which runs in a process of its own, in turns with ours.

    The ratio is of the least times, which others on the machine do not lengthen.
    """
    ours: list[float] = []
    tools: list[tuple[float, float]] = []
    for _ in range(blocks):
        ours += [1e3 * _seconds(session) for _ in range(100)]
        tools.append(_benchmark_app(path, threads))
    median_ms = statistics.median(median for median, _ in tools)
    least_ms = min(least for _, least in tools)
    medians = f"{median_ms:.2f} (session {statistics.median(ours):.2f})"
    leasts = f"{least_ms:.2f} (session {min(ours):.2f})"
    return "benchmark_app", medians, leasts, f"{least_ms / min(ours):.3f}"


def _benchmark_app(path: Path, threads: int, seconds: int = 3) -> tuple[float, float]:
    """The median and the least latency in ms."""
    command = shutil.which("benchmark_app", path=str(Path(sys.executable).parent))
    assert command is not None
    words = f"-d CPU -api sync -hint none -nstreams 1 -nthreads {threads} -t {seconds}"
    done = subprocess.run(
        [command, "-m", str(path), *words.split(), *["-infer_precision", "f32", "-pin", "NO"]],
        capture_output=True,
        text=True,
        check=False,
    )
    matches = [re.search(rf"{word}:\s+([\d.]+) ms", done.stdout) for word in ("Median", "Min")]
    if None in matches:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    median_ms, least_ms = (float(match[1]) for match in matches if match)
    return median_ms, least_ms


def _catalogue(options: argparse.Namespace) -> None:
    """Every entry in each form: error, SQNR, nodes in 8 bits of those that compute, seconds."""
    _made(options.entries.split(","), RUNTIME_FORMS[1:], options.threads)


def _aoti(options: argparse.Namespace) -> None:
    """Some entries by AOTInductor."""
    _made(_TIMED, ("aoti",), options.threads)


def _made(names: Sequence[str], forms: Sequence[Form], threads: int) -> None:
    started = time.perf_counter()
    totals = dict.fromkeys(forms, 0.0)
    for name in names:
        call = _call(name, max_side=_MAX_SIDE)
        for form in forms:
            begin = time.perf_counter()
            try:
                text = _made_as(form, call, threads)
            except Exception as error:  # noqa: BLE001 -- shown
                text = f"FAILED {type(error).__name__}: {str(error).splitlines()[0]}"
            totals[form] += time.perf_counter() - begin
            print(f"{name:24} {call.case.input_shape} {form:17} {text}", flush=True)
    shares = ", ".join(f"{form} {seconds:.0f} s" for form, seconds in totals.items())
    print(f"{len(names)} entries: {time.perf_counter() - started:.0f} s; {shares}")


def _made_as(form: Form, call: Call, threads: int) -> str:
    calibration = [
        call.arguments.converted(lambda tensor: torch.randn(tensor.shape)) for _ in range(8)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"model{runtime(form).suffix}")
        steps = runtime(form).prepare(call, path, calibration)
        begin = time.perf_counter()
        session = runtime(form).load(path, call.arguments, threads)
        steps["load"] = time.perf_counter() - begin
        session()
        with torch.no_grad():
            error, sqnr = _distance(tensors(call.forward()), session.outputs())
        operators = runtime(form).operators(path, call.arguments, threads)
    nodes = sum(each.nodes for each in operators)
    in_8_bits = sum(each.nodes for each in operators if each.is_int8)
    seconds = ", ".join(f"{step} {value:.2f}" for step, value in steps.items())
    return f"error {error:.1e}, {sqnr:5.1f} dB, {in_8_bits:3d}/{nodes:3d} in int8; s: {seconds}"


def _distance(expected: list[torch.Tensor], actual: list[torch.Tensor]) -> tuple[float, float]:
    """The largest error over the largest magnitude of its tensor, and the SQNR in dB."""
    pairs = list(zip(expected, actual, strict=True))
    error = max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)
    power = sum(float(a.double().square().sum()) for a, _ in pairs)
    noise = sum(float((a.double() - b.double()).square().sum()) for a, b in pairs)
    ratio = torch.tensor(power / noise if noise else torch.inf)
    return error, float(10 * ratio.log10())


def _call(name: str, max_side: int | None = None) -> Call:
    torch.manual_seed(0)
    entry = find(name)
    case = make_case(entry, {})
    shape = inputs_of(case).shape
    if max_side is not None and shape[-1] > max_side:
        case = make_case(entry, {}, img_size=max_side)
    subject = BuiltSubject(case)
    module = subject.real()
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            _randomise(layer)
    return Call(case, module, subject.inputs("cpu"), "cpu")


def _randomise(layer: nn.BatchNorm2d) -> None:
    """Statistics and parameters near those of a new layer, so that all of them matter."""
    assert layer.running_mean is not None
    assert layer.running_var is not None
    with torch.no_grad():
        layer.running_mean.normal_(0, 0.1)
        layer.running_var.uniform_(0.5, 1.5)
        layer.weight.uniform_(0.5, 1.5)
        layer.bias.normal_(0, 0.1)


@contextmanager
def _prepared(form: Form, call: Call) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"model{runtime(form).suffix}")
        runtime(form).prepare(call, path, ())
        yield path


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _in_turns(calls: dict[str, Callable[[], object]], samples: int) -> dict[str, list[float]]:
    """Seconds of each call, in random order turn by turn; the first ten turns are not kept."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = random.Random(0)
    for turn in range(samples + 10):
        for name in order.sample(list(calls), len(calls)):
            seconds = _seconds(calls[name])
            if turn >= 10:
                times[name].append(seconds)
    return times


if __name__ == "__main__":
    main()
