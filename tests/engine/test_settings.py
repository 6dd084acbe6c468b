"""Settings and stages of a run, from its request."""

from functools import partial

import msgspec
import pytest
from factories import SETTINGS, make_gpu

from cspbench.engine.request import (
    AbRequest,
    DoctorRequest,
    EngineRequest,
    GradientsRequest,
    RunRequest,
    Sampling,
    SuiteRequest,
    Training,
)
from cspbench.engine.settings import DEFAULT_TRAINING, default_settings, settings_of, stages, trains
from cspbench.errors import CspbenchError
from cspbench.machine import environment
from cspbench.plan.suite import Selection
from cspbench.records.run import TrainingSettings


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "physical_cores", lambda: 4)
    monkeypatch.setattr(environment, "usable_cores", lambda: 8)
    monkeypatch.setattr(environment, "memory_budget_bytes", lambda *_: 1 << 30)


def test_a_request_without_options_has_the_defaults() -> None:
    """The physical cores, and nothing trained; two minutes for run, one for ab."""
    for request, budget_s in (
        (RunRequest(), 120.0),
        (AbRequest(baseline="a", candidate="b"), 60.0),
        (DoctorRequest(), None),
        (GradientsRequest(no_training=True), None),
    ):
        settings = settings_of(request, "cpu")
        assert settings == msgspec.structs.replace(default_settings("cpu"), budget_s=budget_s)
        assert (settings.threads, settings.turns, settings.training) == (4, None, None)


def test_launches_that_are_asked_for_take_the_place_of_the_budget() -> None:
    """Unless both are: then so many launches come before the first verdict."""
    for kind in (RunRequest, partial(AbRequest, baseline="a", candidate="b")):
        assert settings_of(kind(sampling=Sampling(launches=3)), "cpu").budget_s is None
        both = settings_of(kind(sampling=Sampling(launches=3, budget_s=9.0)), "cpu")
        assert (both.launches, both.budget_s) == (3, 9.0)


def test_trainings_have_one_thread_and_a_longer_limit() -> None:
    """Unless they are asked for otherwise."""
    settings = settings_of(GradientsRequest(training=Training(steps=8)), "cpu")
    assert (settings.threads, settings.time_limit_s) == (1, 600.0)
    assert settings.training == TrainingSettings(seeds=5, steps=8, data="digits", head="pool")
    settings = settings_of(GradientsRequest(threads=2, time_limit_s=9.0, seed=3), "cpu")
    assert (settings.threads, settings.time_limit_s, settings.seed) == (2, 9.0, 3)


def test_every_sampling_option_is_a_setting() -> None:
    """By the same name, so that none is lost on the way."""
    sampling = Sampling(
        threads=2,
        launches=3,
        turns=4,
        min_time_s=0.5,
        time_limit_s=6.0,
        budget_s=7.0,
        allocator="system",
        seed=8,
        cold=True,
        cuda_graph=True,
        energy=True,
    )
    settings = settings_of(RunRequest(sampling=sampling), "cuda", [make_gpu()])
    assert settings.device == "cuda"
    for name in Sampling.__slots__:
        assert getattr(settings, name) == getattr(sampling, name)


@pytest.mark.parametrize(
    ("request_", "device", "message"),
    [
        (
            RunRequest(sampling=Sampling(cuda_graph=True)),
            "cpu",
            (
                "--cuda-graph needs a GPU, got --device cpu (use --device cuda, or leave out "
                "--cuda-graph)"
            ),
        ),
        (
            AbRequest(baseline="a", candidate="b", sampling=Sampling(energy=True)),
            "cpu",
            "--energy needs a GPU, got --device cpu (use --device cuda, or leave out --energy)",
        ),
        (
            RunRequest(
                sampling=Sampling(cuda_graph=True),
                selection=Selection(form=("compiled:cudagraphs",)),
            ),
            "cuda",
            "--cuda-graph and --compile cudagraphs both capture CUDA graphs; choose one of them",
        ),
        (
            DoctorRequest(threads=9),
            "cpu",
            (
                "--threads: expected at most the 8 logical cores that this process may use, got 9; "
                "more would measure the scheduler"
            ),
        ),
    ],
)
def test_what_the_machine_cannot_do_is_refused(
    request_: EngineRequest, device: str, message: str
) -> None:
    """Before anything is measured."""
    with pytest.raises(CspbenchError) as error:
        settings_of(request_, device, [make_gpu()] if device == "cuda" else ())
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("request_", "device", "names"),
    [
        (RunRequest(), "cpu", "counts disk_size tensor_peak allocated resident latency"),
        (RunRequest(), "cuda", "counts disk_size tensor_peak allocated latency"),
        (
            RunRequest(sampling=Sampling(cuda_graph=True)),
            "cuda",
            "counts disk_size tensor_peak allocated graph latency",
        ),
        (GradientsRequest(), "cpu", "counts gradient_terms training"),
        (GradientsRequest(no_training=True), "cpu", "counts gradient_terms"),
    ],
)
def test_stages_follow_from_the_request_and_the_device(
    request_: SuiteRequest, device: str, names: str
) -> None:
    """Resident memory is the host's; graphs and trainings are measured where asked for."""
    training = DEFAULT_TRAINING if trains(request_) else None
    settings = msgspec.structs.replace(
        SETTINGS, device=device, cuda_graph="graph" in names.split(), training=training
    )
    assert stages(request_, settings) == tuple(names.split())
