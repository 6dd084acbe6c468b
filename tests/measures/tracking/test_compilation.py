"""Compiled cases: the same results, each with code of its own, and what compiling took."""

import os
import shutil

import msgspec
import pytest
import torch
from factories import make_case
from torch import Tensor
from torch._dynamo.utils import counters

from cspbench.measures.allocated import allocated
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.forms.timed import module_call
from cspbench.measures.resident import resident
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.plan.case import Form, Mode
from cspbench.records.base import Failure

pytestmark = pytest.mark.slow


def subject(
    build: str = "Good", *, form: Form = "compiled:eager", mode: Mode = "infer"
) -> BuiltSubject:
    return BuiltSubject(msgspec.structs.replace(make_case(build, mode=mode), form=form))


def call(of: BuiltSubject, *, compiled: bool) -> Call:
    torch.manual_seed(0)
    if compiled:
        return module_call(of)
    return Call(of.case, of.real(), of.inputs("cpu"), "cpu")


def test_more_modules_of_one_class_than_torch_compiles_are_all_compiled() -> None:
    """Torch gives up on code that was compiled eight times; here each has code of its own."""
    torch._dynamo.reset()
    counters.clear()
    for _ in range(12):
        call(subject(), compiled=True)()
    assert counters["stats"]["unique_graphs"] == 12
    assert counters["frames"]["ok"] == counters["frames"]["total"] == 12


def gradient(of: BuiltSubject, *, compiled: bool) -> Tensor:
    step = call(of, compiled=compiled)
    step()
    (weight,) = step.module.parameters()
    assert weight.grad is not None
    return weight.grad


def test_a_compiled_training_step_has_the_same_gradients() -> None:
    """Forward and backward through the compiler's graphs."""
    of = subject(form="compiled:aot_eager", mode="train")
    torch.testing.assert_close(gradient(of, compiled=True), gradient(of, compiled=False))


def test_what_is_counted_and_tracked_is_the_module_as_written() -> None:
    """A compiler that is named changes no exact figure, and nothing is compiled for them."""
    torch._dynamo.reset()
    counters.clear()
    eager = BuiltSubject(make_case("Good"))
    assert tensor_peak(subject()) == tensor_peak(eager)
    assert not counters["stats"]


def test_compiling_has_a_time_of_its_own_and_modules_as_written_have_none() -> None:
    """Seconds beyond a later call; resident memory would be the compiler's, and is not given."""
    record = allocated(subject())
    assert record.compile_s is not None
    assert record.compile_s > 1e-4
    assert isinstance(record.peak_alloc_bytes, int)
    assert record.peak_tensor_bytes == tensor_peak(subject()).peak_tensor_bytes
    assert allocated(BuiltSubject(make_case("Good"))).compile_s is None
    assert isinstance(resident(subject()).peak_rss_bytes, Failure)


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler on a CPU")
def test_inductor_compiles_anew_each_time_it_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the first is found by the second, and the user's own cache stays as it is set."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/nowhere/of/the/users")
    first, second = (allocated(subject(form="compiled")).compile_s for _ in range(2))
    assert first is not None
    assert second is not None
    assert second > 0.2 * first
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/nowhere/of/the/users"
