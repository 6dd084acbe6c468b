"""What a model's code changes in its process: put back, said, and in force during its own calls."""

import builtins
import contextlib
import gc
import locale
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import BaseTorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

import cspbench
from cspbench.catalogue import find
from cspbench.catalogue.input_text import parse_words
from cspbench.machine import patches
from cspbench.machine.setting import Setting
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.execution.surroundings import Outside, Surroundings, put_back
from cspbench.measures.timing.benchmark import Benchmark
from cspbench.plan.case import make_case

ORIGINAL_RELU, ORIGINAL_TIME, ORIGINAL_FORWARD = functional.relu, time.time, nn.ReLU.forward


def _hook(*_: Any) -> None:
    """Does nothing."""


def _file_limit() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


DENORMAL = 1e-310
KEPT: list[Any] = []
"""Guards that would undo what they do if they were collected."""


CHANGES: dict[str, tuple[Callable[[], object], Callable[[], object], str]] = {
    "dtype": (
        lambda: torch.set_default_dtype(torch.float64),
        torch.get_default_dtype,
        "sets torch's default dtype to float64",
    ),
    "tensor type": (
        lambda: torch.set_default_dtype(torch.float16),
        lambda: torch.empty(1).dtype,
        "sets torch's default dtype to float16",
    ),
    "device": (
        lambda: torch.set_default_device("meta"),
        lambda: torch.empty(1).device.type,
        "sets torch's default device to meta",
    ),
    "threads": (
        lambda: torch.set_num_threads(torch.get_num_threads() + 1),
        torch.get_num_threads,
        "sets the number of torch's threads to ",
    ),
    "gradients": (
        lambda: torch.set_grad_enabled(False),
        torch.is_grad_enabled,
        "turns gradients off",
    ),
    "determinism": (
        lambda: torch.use_deterministic_algorithms(True),
        torch.are_deterministic_algorithms_enabled,
        "turns deterministic algorithms on",
    ),
    "anomalies": (
        lambda: torch.autograd.set_detect_anomaly(True),
        torch.is_anomaly_enabled,
        "turns anomaly detection on",
    ),
    "precision": (
        lambda: torch.set_float32_matmul_precision("medium"),
        torch.get_float32_matmul_precision,
        "changes the precision of float32 products",
    ),
    "search": (
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
        lambda: torch.backends.cudnn.benchmark,
        "turns cuDNN's search on",
    ),
    "fast path": (
        lambda: torch.backends.mha.set_fastpath_enabled(False),
        torch.backends.mha.get_fastpath_enabled,
        "turns the fast path of attention off",
    ),
    "autocast": (
        lambda: torch.set_autocast_enabled("cpu", True),
        lambda: torch.is_autocast_enabled("cpu"),
        "turns autocast on cpu on",
    ),
    "hooks": (
        lambda: nn.modules.module.register_module_forward_hook(_hook),
        lambda: len(nn.modules.module._global_forward_hooks),
        "hooks all modules",
    ),
    "folder": (lambda: os.chdir("/"), Path.cwd, "changes the working directory"),
    "environment": (
        lambda: os.environ.update(CSPBENCH_TEST="1"),
        lambda: os.environ.get("CSPBENCH_TEST"),
        "changes the environment",
    ),
    "removed variable": (
        lambda: os.environ.pop("PATH"),
        lambda: os.environ.get("PATH"),
        "changes the environment",
    ),
    "warnings": (
        lambda: warnings.simplefilter("ignore"),
        lambda: list(warnings.filters),
        "changes the filters of warnings",
    ),
    "numpy": (
        lambda: np.seterr(over="raise"),
        np.geterr,
        "changes how NumPy handles errors",
    ),
    "path": (lambda: sys.path.append("/nowhere"), lambda: list(sys.path), "search path"),
    "recursion": (
        lambda: sys.setrecursionlimit(12345),
        sys.getrecursionlimit,
        "sets the recursion limit to 12345",
    ),
    "streams": (
        lambda: setattr(sys, "stdout", sys.__stderr__),
        lambda: sys.stdout,
        "replaces the standard streams",
    ),
    "builtin": (
        lambda: setattr(builtins, "print", len),
        lambda: builtins.print,
        "replaces builtins.print",
    ),
    "harness": (
        lambda: setattr(Benchmark, "sample", len),
        lambda: Benchmark.sample,
        "replaces cspbench.measures.timing.benchmark.Benchmark.sample: put back",
    ),
    "operator": (
        lambda: setattr(torch.Tensor, "__add__", len),
        lambda: vars(torch.Tensor).get("__add__"),
        "replaces torch.Tensor.__add__",
    ),
    "removed function": (
        lambda: delattr(torch.cuda, "Event"),
        lambda: vars(torch.cuda).get("Event"),
        "removes torch.cuda.Event",
    ),
    "removed module": (
        lambda: sys.modules.pop("statistics"),
        lambda: sys.modules.get("statistics"),
        "takes statistics out of the import table: put back",
    ),
    "affinity": (
        lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        lambda: os.sched_getaffinity(0),
        "binds itself to 1 core",
    ),
    "mask": (lambda: os.umask(0o777), _umask, "sets the mask of new files to 777"),
    "limit": (
        lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (600, _file_limit()[1])),
        _file_limit,
        "changes limits on the resources of its process",
    ),
    "timer": (
        lambda: signal.setitimer(signal.ITIMER_REAL, 1e6),
        lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        "sets a timer: put back",
    ),
    "blocked signals": (
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2}),
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "blocks signals",
    ),
    "profile": (
        lambda: threading.setprofile(_hook),
        threading.getprofile,
        "traces or profiles Python's calls",
    ),
    "switches": (
        lambda: sys.setswitchinterval(0.125),
        sys.getswitchinterval,
        "lets Python's threads switch every 0.125 s",
    ),
    "collections": (
        lambda: gc.callbacks.append(_hook),
        lambda: [*gc.callbacks],
        "is called by garbage collection",
    ),
    "log": (
        lambda: logging.disable(logging.CRITICAL),
        lambda: logging.root.manager.disable,
        "configures logging",
    ),
    "denormals": (
        lambda: torch.set_flush_denormal(True),
        lambda: DENORMAL * 0.5,
        "turns flushing of denormal numbers on",
    ),
    "dispatch": (
        lambda: TorchDispatchMode().__enter__(),
        lambda: len(_get_current_dispatch_mode_stack()),
        "leaves the mode TorchDispatchMode on",
    ),
    "functions": (
        lambda: BaseTorchFunctionMode().__enter__(),
        torch._C._len_torch_function_stack,
        "leaves the mode BaseTorchFunctionMode on",
    ),
    "saved tensors": (
        lambda: torch.autograd.graph.saved_tensors_hooks(torch.neg, torch.neg).__enter__(),
        lambda: torch._C._autograd._top_saved_tensors_default_hooks(True),
        "hooks all saved tensors",
    ),
    "inference": (
        lambda: KEPT.append(torch._C._InferenceMode(True)),
        torch.is_inference_mode_enabled,
        "turns inference mode on: put back",
    ),
    "dtype of autocast": (
        lambda: torch.set_autocast_dtype("cpu", torch.float16),
        lambda: torch.get_autocast_dtype("cpu"),
        "sets the dtype of autocast to float16",
    ),
    "oneDNN's precision": (
        lambda: torch._C._set_fp32_precision_setter("mkldnn", "conv", "bf16"),
        lambda: torch._C._get_fp32_precision_getter("mkldnn", "conv"),
        "changes the precision of oneDNN's products",
    ),
    "backward": (
        lambda: torch._C._set_multithreading_enabled(False),
        torch._C._is_multithreading_enabled,
        "turns threads of backward off",
    ),
    "collector": (gc.disable, gc.isenabled, "turns garbage collection off"),
    "signals": (
        lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
        lambda: signal.getsignal(signal.SIGUSR1),
        "replaces handlers of signals",
    ),
    "locale": (
        lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
        lambda: locale.setlocale(locale.LC_ALL),
        "sets the locale to C.UTF-8",
    ),
    "patched function": (
        lambda: setattr(functional, "relu", torch.relu),
        lambda: functional.relu,
        "replaces torch.nn.functional.relu",
    ),
    "patched clock": (
        lambda: setattr(time, "time", lambda: 0.0),
        lambda: time.time,
        "replaces time.time",
    ),
    "patched layer": (
        lambda: setattr(nn.ReLU, "forward", lambda self, x: x),
        lambda: nn.ReLU.forward,
        "replaces torch.nn.ReLU.forward",
    ),
    "patched tensor": (
        lambda: setattr(torch.Tensor, "split", lambda self, *_: (self,)),
        lambda: torch.Tensor.split,
        "replaces torch.Tensor.split",
    ),
}


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any, str]]:
    before = locale.setlocale(locale.LC_ALL)
    if request.param == "locale":
        locale.setlocale(locale.LC_ALL, "C")
    yield CHANGES[request.param]
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.usefixtures("every_core")
@pytest.mark.parametrize("raises", [False, True])
def test_a_change_is_put_back_and_in_force_again_for_its_own_case(
    change: tuple[Any, Any, str], *, raises: bool
) -> None:
    """On errors too; another case's calls see nothing of it, quick turns included."""
    make, read, sentence = change
    before = read()
    careless, other = Surroundings(), Surroundings()
    error: type[Exception] = KeyError if raises else ZeroDivisionError
    with contextlib.suppress(error), careless.running():
        make()
        changed = read()
        raise error
    assert changed != before
    assert read() == before
    outside = Outside.take()
    for context in (other.running(), other.turn(outside)):
        with context:
            assert read() == before
    is_own = sentence != "turns gradients off" and not sentence.endswith(": put back")
    for context in (careless.turn(outside), careless.running(), careless.turn(outside)):
        with context:
            assert read() == (changed if is_own else before)
        assert read() == before
    assert not other.alters
    assert any(sentence in text for text in careless.alters)


@pytest.mark.usefixtures("every_core")
def test_a_change_in_a_turn_is_put_back(change: tuple[Any, Any, str]) -> None:
    """In the first one after a quarter of a second at the latest."""
    make, read, sentence = change
    before = read()
    careless = Surroundings()
    with careless.turn(Outside.take()):
        time.sleep(0.26)
    with careless.turn(Outside.take()):
        make()
    assert read() == before
    assert any(sentence in text for text in careless.alters)


def test_what_a_case_left_in_a_quick_turn_is_said_of_all_that_ran_with_it() -> None:
    """Nothing tells whose it was."""
    outside = Outside.take()
    cases = careless, other = Surroundings(), Surroundings()
    original = torch.relu
    with careless.turn(outside):
        torch.relu = torch.sigmoid
    with other.turn(outside):
        pass
    put_back(outside, cases)
    assert torch.relu is original
    for case in cases:
        assert case.alters == ("ran in turns with a case that replaces torch.relu: put back",)


def test_a_setting_that_cannot_be_put_back_is_said() -> None:
    """The case then has launches of its own."""
    surroundings = Surroundings()
    stuck = Setting(lambda: len(KEPT), lambda _: 1 / 0, lambda _: "sticks")
    with surroundings._in_force([stuck], [len(KEPT)], patches.snapshot()):
        KEPT.append(None)
    assert surroundings.alters == ("sticks: cannot be put back",)
    assert surroundings.alterations("a").lingers


def test_processes_that_a_model_leaves_running_are_said() -> None:
    surroundings = Surroundings()
    with surroundings.running():
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.communicate(b"\n")
    assert surroundings.alters == ("leaves a process running",)
    assert surroundings.alterations("a").lingers


@pytest.mark.parametrize(
    ("seed", "draw"),
    [
        (torch.manual_seed, lambda: torch.rand(1).item()),
        (random.seed, random.random),
        (np.random.seed, lambda: np.random.rand(1).item()),
    ],
)
def test_random_generators_go_on_where_they_were(
    seed: Callable[[int], object], draw: Callable[[], float]
) -> None:
    seed(7)
    first, second = draw(), draw()
    seed(7)
    with Surroundings().running():
        seed(1)
        draw()
    assert (draw(), draw()) == (first, second)


def test_threads_that_a_model_leaves_running_are_said() -> None:
    import threading

    release = threading.Event()
    surroundings = Surroundings()
    with surroundings.running():
        threading.Thread(target=release.wait).start()
    release.set()
    assert surroundings.alters == ("leaves a thread running",)
    assert surroundings.alterations("a").lingers
    assert not Surroundings().alterations("a").lingers


def test_what_torch_replaces_with_the_default_dtype_is_no_patch() -> None:
    surroundings = Surroundings()
    with surroundings.running():
        torch.set_default_dtype(torch.float64)
    assert surroundings.alters == (
        "sets torch's default dtype to float64: kept for its own calls only",
    )


def test_a_model_that_changes_the_working_directory_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file, what makes its inputs and its own folder are named from where the run began."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "mover.py").write_text(
        "import os, torch\n"
        "class Net(torch.nn.Linear):\n"
        "    def __init__(self):\n"
        "        super().__init__(2, 2)\n"
        "        os.chdir('weights')\n"
        "def inputs():\n    return torch.zeros(1, 2)\n"
    )
    case = make_case(find("mover.py:Net"), {}, inputs=parse_words(["mover.py:inputs"]))
    subject = BuiltSubject(case)
    with subject.surroundings.running():
        for module in subject.real(), subject.meta(), subject.real():
            assert isinstance(module, torch.nn.Linear)
            assert Path.cwd() == tmp_path / "weights"
        assert subject.inputs("cpu").tensors[0].shape == (1, 2)
    assert Path.cwd() == tmp_path


def test_what_an_import_changes_holds_for_every_case_of_the_file(tmp_path: Path) -> None:
    """The second case runs so, too, though its file has been imported for the first."""
    (tmp_path / "net.py").write_text(
        "import torch\ntorch.set_default_dtype(torch.float64)\n"
        "class One(torch.nn.Linear):\n    def __init__(self): super().__init__(2, 2)\n"
        "class Two(One): pass\n"
    )
    for name in ("One", "Two"):
        entry = find(f"{tmp_path}/net.py:{name}")
        subject = BuiltSubject(make_case(entry, {}, shape=(1, 2, 2, 2)))
        module = subject.real()
        assert next(module.parameters()).dtype == torch.float64
        assert subject.surroundings.alters == (
            "sets torch's default dtype to float64: kept for its own calls only",
        )
        assert torch.get_default_dtype() == torch.float32


def test_a_change_of_the_default_dtype_is_one_change() -> None:
    """``torch.Storage``, which follows the default dtype, is no function that the case replaces."""
    surroundings = Surroundings()
    with surroundings.running():
        torch.set_default_dtype(torch.float64)
    assert len(surroundings.alters) == 1


@pytest.mark.parametrize("at", ["import", "build"])
def test_a_file_is_found_after_it_has_changed_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """By its relative name, however often it is built."""
    wander = {"import": "os.chdir('/')\ndef net():\n", "build": "def net():\n    os.chdir('/')\n"}
    builder = f"wanders_at_{at}.py"
    (tmp_path / builder).write_text(
        f"import os, torch\n{wander[at]}    return torch.nn.Conv2d(3, 3, 1)\n"
    )
    monkeypatch.chdir(tmp_path)
    subject = BuiltSubject(make_case(find(f"{builder}:net"), {}, shape=(1, 3, 4, 4)))
    for build in (subject.meta, subject.real, subject.real):
        with subject.surroundings.running():
            assert isinstance(build(), nn.Conv2d)
    assert Path.cwd() == tmp_path


def test_a_builder_may_set_the_default_device_more_than_once(tmp_path: Path) -> None:
    """In every build, as it may outside of cspbench."""
    (tmp_path / "moves.py").write_text(
        "import torch\n"
        "def net():\n"
        "    torch.set_default_device('meta')\n"
        "    torch.set_default_device('cpu')\n"
        "    return torch.nn.Conv2d(3, 3, 1)\n"
    )
    subject = BuiltSubject(make_case(find(f"{tmp_path}/moves.py:net"), {}, shape=(1, 3, 4, 4)))
    for _ in range(2):
        with subject.surroundings.running():
            assert next(subject.real().parameters()).device.type == "cpu"
    assert (
        "sets torch's default device to cpu: kept for its own calls only"
        in subject.surroundings.alters
    )


class Careless(nn.Module):
    """Patches, chdirs and sets the default dtype in its forward, then raises if asked to."""

    def __init__(self, *, raises: bool) -> None:
        super().__init__()
        self.raises = raises
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        os.chdir("/")
        functional.relu = torch.relu  # type: ignore[assignment]
        torch.set_grad_enabled(False)
        random.seed(1)
        if self.raises:
            raise RuntimeError("no")
        result: Tensor = self.layer(x)
        return result


@pytest.mark.parametrize("raises", [False, True])
def test_profile_leaves_the_callers_process_as_it_was(*, raises: bool) -> None:
    folder, state = Path.cwd(), random.getstate()
    if raises:
        with pytest.raises(RuntimeError, match=r"^no"):
            cspbench.profile(Careless(raises=True), (1, 3, 8, 8))
    else:
        record = cspbench.profile(Careless(raises=False), (1, 3, 8, 8))
        assert "sets torch's default dtype to float64: kept for its own calls only" in record.alters
        assert (
            "changes the working directory: kept for its own calls only"
            in record.to_dict()["alters"]
        )
    assert torch.get_default_dtype() == torch.float32
    assert Path.cwd() == folder
    assert functional.relu is ORIGINAL_RELU
    assert torch.is_grad_enabled()
    assert random.getstate() == state
