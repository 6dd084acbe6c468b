"""Events as they are read from torch's own: those of the host, with the kernels they launched."""

from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.autograd.profiler_util import FunctionEvent

from cspbench.measures.profiling.events import PASS, read_events

_CUDA, _CPU = DeviceType.CUDA, DeviceType.CPU


def function_event(
    name: str,
    start_us: float,
    end_us: float,
    *,
    kernels_us: tuple[float, ...] = (),
    parent: FunctionEvent | None = None,
    **fields: object,
) -> FunctionEvent:
    event = FunctionEvent(
        **{
            "id": 1,
            "name": name,
            "thread": 1,
            "start_us": start_us,
            "end_us": end_us,
            "use_device": "cuda",
            **fields,
        }
    )
    for duration_us in kernels_us:
        event.append_kernel("kernel", 0, duration_us)
    event.cpu_parent = parent
    return event


def test_events_come_after_their_parents_whatever_their_order() -> None:
    """By start, and the longer first."""
    root = function_event(PASS, 0, 9)
    operator = function_event("aten::conv2d", 0, 5, parent=root, sequence_nr=4)
    node = function_event("ConvBackward0", 6, 8, parent=root, scope=1, sequence_nr=4, fwd_thread=3)
    events = read_events([node, operator, root])
    assert [event.name for event in events] == [PASS, "aten::conv2d", "ConvBackward0"]
    assert [event.parent for event in events] == [None, 0, 0]
    assert [event.is_node for event in events] == [False, False, True]
    assert [event.sequence for event in events] == [-1, 4, 4]
    assert (events[2].forward_thread, events[2].duration_us) == (3, 2.0)


def test_an_operator_has_the_time_of_the_kernels_that_it_launched() -> None:
    """A range has none: with one, the profiler links the time of all that was launched within."""
    events = read_events(
        [
            function_event("aten::conv2d", 1, 2, kernels_us=(5.0, 7.0)),
            function_event(PASS, 0, 9, kernels_us=(100.0,)),
            function_event("cspbench module a", 0, 9, kernels_us=(100.0,)),
            function_event("a model's own range", 0, 9, kernels_us=(100.0,), scope=7),
        ]
    )
    assert {event.name: event.kernels_us for event in events if event.kernels_us} == {
        "aten::conv2d": 12.0
    }


def test_kernels_themselves_and_asynchronous_events_are_no_events_of_the_host() -> None:
    """Their time is that of the operator, or of the thread on which they end."""
    assert not read_events(
        [
            function_event("kernel", 0, 9, device_type=_CUDA),
            function_event("waits", 0, 9, device_type=_CPU, is_async=True),
        ]
    )
