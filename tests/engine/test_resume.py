"""What must agree before a run is resumed."""

import msgspec
import pytest
from factories import SETTINGS, make_info

from cspbench.engine import preflight, resume
from cspbench.engine.request import GradientsRequest, RunRequest, Sampling, Training
from cspbench.engine.resume import ResumableRequest, check_resumable
from cspbench.errors import CspbenchError
from cspbench.measures.registry import stages
from cspbench.plan.suite import Selection
from cspbench.records.run import RunInfo, TrainingSettings

TRAINING = TrainingSettings(seeds=5, steps=200, data="digits", head="pool")
TRAINED = msgspec.structs.replace(SETTINGS, training=TRAINING)
COST_RUN = make_info(settings=SETTINGS, stages=stages("run", SETTINGS))
GRADIENT_RUN = make_info(settings=TRAINED, stages=stages("gradients", TRAINED))
NEW = "start a new run without --resume"


@pytest.fixture(autouse=True)
def same_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "load", lambda cases, settings: {})
    monkeypatch.setattr(resume, "_machine_differences", lambda info: iter(()))


def test_what_is_left_out_is_as_the_run_has_it() -> None:
    """So that a run is resumed by its folder alone."""
    check_resumable(COST_RUN, RunRequest(resume="run"))
    check_resumable(GRADIENT_RUN, GradientsRequest(resume="run"))


def test_the_same_options_again_are_no_difference() -> None:
    """As where a command is typed once more with --resume; auto is the device that was found."""
    sampling = Sampling(threads=1, turns=2, min_time_s=1e-4, seed=0, allocator="pinned")
    for device in ("cpu", "auto"):
        check_resumable(COST_RUN, RunRequest(resume="run", device=device, sampling=sampling))
    training = Training(seeds=5, data="digits")
    check_resumable(GRADIENT_RUN, GradientsRequest(resume="run", training=training, threads=1))


@pytest.mark.parametrize(
    ("info", "request_", "message"),
    [
        (
            COST_RUN,
            RunRequest(resume="run", sampling=Sampling(launches=3)),
            (
                "cannot resume run: it was started with --launches 1, not 3 (use --launches 1, "
                f"or {NEW})"
            ),
        ),
        (
            COST_RUN,
            RunRequest(
                resume="run",
                device="cuda",
                sampling=Sampling(min_time_s=0.01, seed=7, budget_s=300.0, cold=True),
            ),
            (
                "cannot resume run: it was started with --min-time 0.0001, not 0.01, and without "
                "--budget, and with --seed 0, not 7, and without --cold, and with --device cpu, "
                "not cuda (use --min-time 0.0001 --seed 0 --device cpu and leave out --budget "
                "--cold, "
                f"or {NEW})"
            ),
        ),
        (
            GRADIENT_RUN,
            GradientsRequest(resume="run", training=Training(steps=8, head="conv")),
            (
                "cannot resume run: it was started with --steps 200, not 8, and with --head pool, "
                f"not conv (use --steps 200 --head pool, or {NEW})"
            ),
        ),
        (
            COST_RUN,
            GradientsRequest(resume="run", training=Training(seeds=3)),
            (
                "cannot resume run: it was started without --seeds; it measures counts, disk_size, "
                "tensor_peak, allocated, resident, latency, not counts, gradient_terms, training "
                f"({NEW})"
            ),
        ),
        (
            COST_RUN,
            RunRequest(resume="run", is_batch_fitted=True),
            (
                "cannot resume run with --batch-size auto: its batch sizes were found when it was "
                "started (leave the option out)"
            ),
        ),
        (
            COST_RUN,
            RunRequest(resume="run", selection=Selection(mode=("infer",))),
            (
                "cannot resume run: options that choose cases need its suite or entries named, "
                "too (leave them out, or repeat the command: python -m cspbench run test)"
            ),
        ),
        (
            msgspec.structs.replace(COST_RUN, revisions={"baseline": "a", "candidate": "b"}),
            RunRequest(resume="run"),
            (
                "cannot resume run: it compares two revisions, whose checkouts are gone (run ab "
                "again)"
            ),
        ),
    ],
)
def test_every_difference_is_named_by_its_option(
    info: RunInfo, request_: ResumableRequest, message: str
) -> None:
    """What the run was started with, and what is asked for now."""
    with pytest.raises(CspbenchError) as error:
        check_resumable(info, request_)
    assert str(error.value) == message
