"""Attribution of events that never ran to modules: each microsecond once, to its owner."""

import pytest
from traces import Trace, merged

from cspbench.measures.profiling.attribution import Part, PassTimes, attribute

US = 1e-6


def in_us(parts: dict[str, Part]) -> dict[str, object]:
    return {path: pytest.approx(part.seconds / US) for path, part in parts.items()}


def forward_us(times: PassTimes) -> dict[str, object]:
    return in_us(times.forward)


def backward_us(times: PassTimes) -> dict[str, object]:
    return in_us(times.backward)


def test_the_self_time_of_a_module_is_without_that_of_the_modules_it_calls() -> None:
    """Time of operators, of operators that they call, and of Python between them."""
    trace = Trace()
    with trace.one_pass(3), trace.call_of("", 10), trace.call_of("block", 5):
        with trace.event("aten::conv2d", 1), trace.event("aten::convolution", 2):
            trace.operator(40)
        with trace.call_of("block.act", 4):
            trace.operator(8)
        trace.wait(7)
    (times,) = attribute(trace.events)
    assert forward_us(times) == {"": 10, "block": 5 + 1 + 2 + 40 + 7, "block.act": 4 + 8}
    assert times.other.seconds == pytest.approx(3 * US)
    assert times.duration_s == pytest.approx((3 + 10 + 55 + 12) * US)
    assert dict(times.calls) == {"": 1, "block": 1, "block.act": 1}
    assert times.operators.seconds == pytest.approx((1 + 2 + 40 + 8) * US)


def test_a_module_called_in_itself_and_twice_counts_each_microsecond_once() -> None:
    """As a recursive or a shared module is."""
    trace = Trace()
    with trace.one_pass():
        with trace.call_of("shared", 10), trace.call_of("shared", 20):
            trace.operator(30)
        with trace.call_of("shared", 40):
            pass
    (times,) = attribute(trace.events)
    assert forward_us(times) == {"shared": 100}
    assert times.calls["shared"] == 3


def test_a_node_belongs_to_the_module_whose_forward_created_it() -> None:
    """By its number; the engine's event around it does, too."""
    trace = Trace()
    with trace.one_pass():
        with trace.call_of("a"):
            trace.operator(1, sequence=7)
        with trace.call_of("b"):
            trace.operator(2, sequence=8)
        with trace.node(20, sequence=8, engine_us=3):
            trace.operator(200)
        with trace.node(10, sequence=7, engine_us=4):
            trace.operator(100)
    (times,) = attribute(trace.events)
    assert forward_us(times) == {"a": 1, "b": 2}
    assert backward_us(times) == {"b": 3 + 20 + 200, "a": 4 + 10 + 100}


def test_the_last_operator_with_a_number_created_the_node() -> None:
    """One that creates none, such as a view without gradient, has the number of the next."""
    trace = Trace()
    with trace.one_pass():
        with trace.call_of("a"):
            trace.operator(1, sequence=7)
        with trace.call_of("b"):
            trace.operator(1, sequence=7)
        with trace.node(10, sequence=7):
            pass
    (times,) = attribute(trace.events)
    assert backward_us(times) == {"b": 10}


def test_accumulating_a_gradient_belongs_with_the_node_that_computed_it() -> None:
    """Such nodes have no number; the engine runs them first."""
    trace = Trace()
    with trace.one_pass():
        for number, path in enumerate("ab"):
            with trace.call_of(path):
                trace.operator(1, sequence=number)
        for number in (1, 0):
            with trace.node(10, sequence=number):
                pass
            with trace.node(5):
                trace.operator(2 + number)
    (times,) = attribute(trace.events)
    assert backward_us(times) == {"b": 10 + 5 + 3, "a": 10 + 5 + 2}


def test_a_forward_repeated_by_a_checkpoint_is_part_of_the_modules_backward() -> None:
    """And nodes that it creates are the module's, as are those that run inside of a node."""
    trace = Trace()
    with trace.one_pass():
        with trace.call_of("outer"):
            trace.operator(1, sequence=1)
        with trace.node(10, sequence=1):
            with trace.call_of("inner", 20):
                trace.operator(30, sequence=2)
            with trace.node(40, sequence=2):
                pass
    (times,) = attribute(trace.events)
    assert forward_us(times) == {"outer": 1}
    assert backward_us(times) == {"outer": 10, "inner": 20 + 30 + 40}
    assert times.calls["inner"] == 1


def test_a_node_that_no_module_created_is_other_time() -> None:
    """Such as that of the loss."""
    trace = Trace()
    with trace.one_pass():
        trace.operator(1, sequence=3)
        with trace.node(10, sequence=3):
            pass
    (times,) = attribute(trace.events)
    assert backward_us(times) == {}
    assert times.other.seconds == pytest.approx(11 * US)


def test_time_of_another_thread_passes_in_the_one_that_waits_for_it() -> None:
    """It is not counted again."""
    trace, helper = Trace(), Trace(thread=2, now_us=10)
    with trace.one_pass(), trace.call_of("waits", 100):
        pass
    helper.operator(60)
    (times,) = attribute(merged(trace, helper))
    assert forward_us(times) == {"waits": 100}


def test_kernels_belong_to_what_launched_them_on_any_thread() -> None:
    """The time of the host does not count; a GPU's backward has a thread of its own."""
    trace, engine = Trace(), Trace(thread=2, now_us=50)
    with trace.one_pass():
        with trace.call_of("a", 5):
            trace.operator(1, sequence=1, kernels_us=300)
        trace.operator(1, kernels_us=20)
        trace.wait(100)
    with engine.node(5, sequence=1):
        engine.operator(1, kernels_us=700)
    (times,) = attribute(merged(trace, engine), of_kernels=True)
    assert forward_us(times) == {"a": 300}
    assert backward_us(times) == {"a": 700}
    assert times.operators.seconds == pytest.approx(300 * US)
    assert times.other.seconds == pytest.approx(20 * US)


def test_each_pass_is_attributed_by_itself_and_what_lies_outside_is_not() -> None:
    """A number of an earlier pass, or of a call before, says nothing of a node."""
    trace = Trace()
    trace.operator(1000)
    for own_us in (1, 2):
        with trace.one_pass(), trace.call_of("a", own_us):
            pass
        trace.operator(500)
    assert [forward_us(times) for times in attribute(trace.events)] == [{"a": 1}, {"a": 2}]


def test_events_are_counted_where_they_are_and_those_of_calls_for_the_caller() -> None:
    """So that what each costs can be taken off; the range of the pass is none."""
    trace = Trace()
    with trace.one_pass(50), trace.call_of("a", 20):
        trace.operator(10, sequence=1)
        with trace.call_of("a.b", 30):
            trace.operator(10)
            trace.operator(10)
    with trace.one_pass():
        with trace.call_of("a"):
            trace.operator(1, sequence=1)
        with trace.node(10, sequence=1):
            trace.operator(1)
    first, second = attribute(trace.events)
    assert {path: part.events for path, part in first.forward.items()} == {"a": 2, "a.b": 2}
    assert (first.other.events, first.operators.events, first.events) == (1, 3, 5)
    assert {path: part.events for path, part in second.backward.items()} == {"a": 3}
