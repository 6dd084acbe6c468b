"""The clock of modules' forwards: a scripted clock, and modules that let it go on."""

import threading

import pytest
from torch import nn

from cspbench.measures.execution.module_stack import calls_through
from cspbench.measures.profiling.module_clock import ModuleClock


class ScriptedClock:
    """A clock that stands still but for what modules take."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Takes(nn.Module):
    """Takes time before and after it calls the modules that it holds."""

    def __init__(self, clock: ScriptedClock, seconds: float, *held: nn.Module) -> None:
        super().__init__()
        self._clock, self._seconds = clock, seconds
        self.held = nn.ModuleList(held)

    def forward(self) -> None:
        self._clock.now_s += self._seconds
        for module in self.held:
            module()
        self._clock.now_s += self._seconds


class Raises(Takes):
    def forward(self) -> None:
        super().forward()
        raise ValueError("no")


def test_a_module_has_the_time_that_passes_in_it_and_in_none_that_it_calls() -> None:
    """A module called twice has that of both calls."""
    clock = ScriptedClock()
    twice = Takes(clock, 3.0)
    model = Takes(clock, 10.0, twice, Takes(clock, 4.0, twice))
    module_clock = ModuleClock(clock=clock)
    with calls_through(model, module_clock.run):
        model()
    assert dict(module_clock.self_s) == {"": 20.0, "held.0": 12.0, "held.1": 8.0}


def test_what_the_clock_costs_is_taken_off_the_caller() -> None:
    """Once for each module that it calls."""
    clock = ScriptedClock()
    model = Takes(clock, 10.0, Takes(clock, 3.0), Takes(clock, 3.0))
    module_clock = ModuleClock(0.5, clock)
    with calls_through(model, module_clock.run):
        model()
    assert dict(module_clock.self_s) == {"": 19.0, "held.0": 6.0, "held.1": 6.0}


def test_a_module_that_raises_has_the_time_until_then() -> None:
    """And what follows is timed rightly."""
    clock = ScriptedClock()
    model = nn.Sequential(Raises(clock, 2.0), Takes(clock, 5.0))
    module_clock = ModuleClock(clock=clock)
    with calls_through(model, module_clock.run):
        with pytest.raises(ValueError, match="no"):
            model[0]()
        model[1]()
    assert dict(module_clock.self_s) == {"0": 4.0, "1": 10.0}


def test_only_the_forward_is_timed() -> None:
    """Not what a checkpoint repeats in the backward."""
    clock = ScriptedClock()
    model = Takes(clock, 2.0)
    module_clock = ModuleClock(clock=clock)
    with calls_through(model, module_clock.run):
        module_clock.begin_phase("activations")
        model()
        module_clock.begin_phase("gradients")
        model()
    assert dict(module_clock.self_s) == {"": 4.0}


def test_a_module_called_on_another_thread_is_part_of_the_one_that_waits() -> None:
    """Nothing counts twice."""
    clock = ScriptedClock()
    inner = Takes(clock, 3.0)

    class Waits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self) -> None:
            thread = threading.Thread(target=self.inner)
            thread.start()
            thread.join()

    module_clock = ModuleClock(clock=clock)
    model = Waits()
    with calls_through(model, module_clock.run):
        model()
    assert dict(module_clock.self_s) == {"": 6.0}
