"""Profiles: of made-up passes, and real ones of small models, whose shape is certain."""

from collections.abc import Sequence

import pytest
import torch
from factories import make_case
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint

from cspbench.measures.execution.call import Call
from cspbench.measures.execution.inputs import Arguments
from cspbench.measures.execution.module_stack import calls_through
from cspbench.measures.profiling.attribution import Part, PassTimes, attribute
from cspbench.measures.profiling.cost import clock_cost_s, event_cost_s
from cspbench.measures.profiling.events import in_range, pass_range, read_events
from cspbench.measures.profiling.profiles import Forward, Round, profile_call, summary
from cspbench.plan.case import Mode
from cspbench.records.module_times import ModuleTimes

slow = pytest.mark.slow


def make_pass(
    duration_s: float,
    *,
    forward_s: dict[str, float] | None = None,
    backward_s: dict[str, float] | None = None,
    events: int = 1,
) -> PassTimes:
    """A pass in which each part has as many events; what is left of it is in no module."""
    times = PassTimes(duration_s=duration_s)
    for parts, seconds in (
        (times.forward, forward_s or {}),
        (times.backward, backward_s or {}),
    ):
        parts.update({path: Part(seconds=s, events=events) for path, s in seconds.items()})
        times.other.seconds -= sum(seconds.values())
    times.other.seconds += duration_s
    times.calls.update(dict.fromkeys(forward_s or {}, 1))
    return times


def make_round(
    *passes: PassTimes, forwards: Sequence[Forward] = (), unobserved_s: Sequence[float] = (1.0,)
) -> Round:
    return Round(unobserved_s=unobserved_s, forwards=forwards, passes=passes)


def test_times_are_means_over_the_half_of_passes_around_the_median() -> None:
    """So that they add up, without those that were interrupted or lucky."""
    passes = [
        make_pass(90.0, forward_s={"a": 80.0, "b": 5.0}),
        make_pass(10.0, forward_s={"a": 4.0, "b": 5.0}),
        make_pass(11.0, forward_s={"a": 6.0, "b": 4.0}),
        make_pass(1.0, forward_s={"a": 0.1, "b": 0.1}),
    ]
    rounds = [
        make_round(*passes[:2], unobserved_s=(1.0, 8.0)),
        make_round(*passes[2:], unobserved_s=(9.0, 50.0)),
    ]
    times = summary("key", 2, ["", "a", "b"], rounds)
    assert [(m.path, m.forward_s, m.calls) for m in times.modules] == [
        ("a", 5.0, 1),
        ("b", 4.5, 1),
    ]
    assert (times.number, times.passes) == (2, 4)
    assert times.total_s == times.profiled_s == 10.5
    assert (times.latency_s, times.observing_s) == (8.5, 0.0)


def test_the_forward_is_that_of_calls_without_a_profiler_where_there_are_any() -> None:
    """What the profiler adds to an event of the forward is taken off those of all else."""
    profiled = make_pass(10.0, forward_s={"a": 4.000_004}, backward_s={"a": 5.0}, events=2)
    rounds = [
        make_round(profiled, forwards=[{"a": 2.0}, {"a": 6.0}]),
        make_round(profiled, forwards=[{"a": 3.0}, {"a": 5.0, "b": 0.0}]),
    ]
    times = summary("key", 1, ["a"], rounds)
    (module,) = times.modules
    assert module.forward_s == 4.0
    assert module.backward_s == pytest.approx(5.0 - 2 * 2e-6, abs=1e-9)
    assert times.observing_s == pytest.approx(4 * 2e-6)


def test_the_cost_of_an_event_is_the_median_of_rounds() -> None:
    """One of a round that was interrupted, in either kind of call, does not decide."""
    profiled = make_pass(1.0, forward_s={"a": 0.2001}, backward_s={"a": 0.5}, events=100)
    clocked = (0.2, 0.15, 0.3, 0.199_95, 0.199_9)
    rounds = [make_round(profiled, forwards=[{"a": forward_s}]) for forward_s in clocked]
    assert summary("key", 1, ["a"], rounds).observing_s == pytest.approx(200 * 1.5e-6)


def test_an_event_costs_what_it_adds_to_the_forward() -> None:
    """Nothing where noise makes it less; at most 5 µs, as more is that of other processes."""
    assert event_cost_s(0.001_2, 0.001, 100) == pytest.approx(2e-6)
    assert event_cost_s(0.000_9, 0.001, 100) == 0.0
    assert event_cost_s(0.1, 0.001, 100) == 5e-6
    assert event_cost_s(0.1, 0.001, 0) == 5e-6


def test_a_time_within_the_uncertainty_of_observing_is_zero() -> None:
    """A negative one would be refused by the record."""
    profiled = make_pass(1.0, forward_s={"a": 0.5}, backward_s={"a": 1e-9}, events=1000)
    times = summary("key", 1, ["a"], [make_round(profiled, forwards=[{"a": 0.4}])])
    assert times.modules[0].backward_s == 0.0


class Doubling(torch.autograd.Function):
    """Its backward runs an operator of its own, on zeros of a size that tells it."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient * 2


class Doubles(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = Doubling.apply(x)  # type: ignore[no-untyped-call]
        return y


class Net(nn.Module):
    """A block called twice, a custom function, a checkpoint, and a module that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.doubles = Doubles()
        self.again = nn.Linear(4, 4)
        self.unused = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.doubles(self.twice(self.twice(x)))
        y: Tensor = checkpoint(self.again, x.sin(), use_reentrant=False)
        return y


def make_call(mode: Mode) -> Call:
    return Call(make_case("Good", mode=mode), Net(), Arguments((torch.ones(2, 4),), {}), "cpu")


def profiled(mode: Mode) -> ModuleTimes:
    torch.manual_seed(0)
    return profile_call(make_call(mode), 1, gpu=None, begin_round=lambda: None)


@slow
def test_every_module_that_runs_has_a_time_and_only_those() -> None:
    """In order of registration, with the number of its calls."""
    times = profiled("infer")
    assert [(module.path, module.calls) for module in times.modules] == [
        ("", 1),
        ("twice", 2),
        ("twice.0", 2),
        ("twice.1", 2),
        ("doubles", 1),
        ("again", 1),
    ]
    assert all(module.forward_s > 0 for module in times.modules)
    assert {module.backward_s for module in times.modules} == {0.0}


def test_backward_is_attributed_in_training_and_a_checkpoint_calls_its_module_again() -> None:
    """A container creates no node; a custom function's backward is its module's."""
    call = make_call("train")
    call()
    with (
        calls_through(call.module, in_range),
        profile(activities=[ProfilerActivity.CPU]) as profiler,
        pass_range(),
    ):
        call()
    (times,) = attribute(read_events(profiler.events()))
    assert times.calls["again"] == 2
    in_backward = {path for path, part in times.backward.items() if part.seconds > 0}
    assert in_backward == {"", "twice.0", "twice.1", "doubles", "again"}


@slow
def test_the_operators_of_the_forward_take_a_part_of_its_time() -> None:
    """The rest is Python's."""
    times = profiled("infer")
    assert 0 < times.operators_s < times.profiled_s


@slow
def test_rounds_are_announced() -> None:
    """Each has the time limit for itself: the warm-up, and each round of calls."""
    rounds: list[None] = []
    profile_call(make_call("infer"), 1, gpu=None, begin_round=lambda: rounds.append(None))
    assert len(rounds) == 6


@slow
def test_reading_the_clock_of_a_module_costs_time() -> None:
    """By a real clock: more than nothing, less than 0.1 ms."""
    assert 0 < clock_cost_s() < 1e-4


def test_a_range_that_raises_is_closed() -> None:
    """What follows is not inside of it."""

    class Raises(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no")

    module = nn.Sequential(Raises())
    with calls_through(module, in_range), profile(activities=[ProfilerActivity.CPU]) as profiler:
        with pass_range(), pytest.raises(ValueError, match="no"):
            module(torch.ones(1))
        with pass_range():
            torch.ones(1).neg()
    failed, next_pass = attribute(read_events(profiler.events()))
    assert set(failed.forward) == {"", "0"}
    assert set(next_pass.forward) == set()


def test_a_module_whose_name_changes_keeps_its_time() -> None:
    """Names that only some passes know follow those that the model began with."""
    renamed = make_round(make_pass(3.0, forward_s={"new": 2.0}))
    times = summary("key", 1, ["", "old"], [renamed])
    assert [(module.path, module.forward_s) for module in times.modules] == [("new", 2.0)]
    assert times.total_s == 3.0


class UsesTheProfiler(nn.Module):
    """A model that profiles its own call, which ends the profile around it."""

    def forward(self, x: Tensor) -> Tensor:
        with profile(activities=[ProfilerActivity.CPU]):
            return x + 1


def test_a_profile_that_lost_calls_is_refused() -> None:
    """As of a model that uses the profiler itself."""
    with pytest.raises(RuntimeError, match="does the model use it itself"):
        profile_call(
            Call(make_case("Plain"), UsesTheProfiler(), Arguments((torch.zeros(2),), {}), "cpu"),
            1,
            gpu=None,
            begin_round=lambda: None,
        )
