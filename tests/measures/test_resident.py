"""Resident memory: honest only where the allocator maps every block, so in a process of its own."""

import os
from pathlib import Path

import msgspec
import pytest
from factories import SETTINGS

from cspbench.catalogue import find
from cspbench.engine import isolate
from cspbench.measures import resident as measure
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.plan.case import make_case
from cspbench.records.lines import Line
from cspbench.records.measurements import Allocated, Resident


@pytest.mark.slow
def test_resident_memory_follows_the_tensors_within_a_quarter() -> None:
    """The high-water mark of a training step holds its tensors and the libraries' workspaces."""
    case = make_case(find("dense"), {}, shape=(4, 64, 56, 56), mode="train")
    received: list[Line] = []
    for stage in ("allocated", "resident"):
        settings = msgspec.structs.replace(SETTINGS, time_limit_s=120.0)
        worker_exit = isolate.run(
            "cspbench.engine.worker:measure",
            case,
            (stage,),
            settings,
            time_limit_s=120,
            receive=received.append,
        )
        assert worker_exit is None
    tensors, resident = received
    assert isinstance(tensors, Allocated)
    assert isinstance(resident, Resident)
    assert isinstance(resident.peak_rss_bytes, int)
    assert 0.8 < resident.peak_rss_bytes / tensors.peak_tensor_bytes < 1.25


def test_a_peak_that_reads_below_its_baseline_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record with a number below 0 could be written, and the run never read again."""
    monkeypatch.setattr(measure, "map_every_block", lambda: True)
    monkeypatch.setattr(measure, "_CLEAR_REFS", Path(os.devnull))
    monkeypatch.setattr(measure, "_status_bytes", {"VmRSS": 8192, "VmHWM": 4096}.__getitem__)
    subject = BuiltSubject(make_case(find("dense"), {}, shape=(1, 64, 4, 4)))
    assert measure.resident(subject).peak_rss_bytes == 0
