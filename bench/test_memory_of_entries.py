"""The memory series and the checkpoints of every entry of the catalogue, in both modes.

    pytest bench/test_memory_of_entries.py

The highest point is the tensor peak, to the byte and in all its parts. What is saved and held is
what is live after the forward pass. The first checkpoints that are offered free what was said. It
takes minutes; `make test` does the same for the blocks.
"""

import pytest
from checkpointing import best_checkpoints, checkpointed_series, live_after_forward

from cspbench.catalogue import ENTRIES, find
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.memory_series import memory_series
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.plan.case import MODES, Mode, make_case
from cspbench.verdicts.checkpoints import Saved

WITHOUT_CHECKPOINT = {"fpn"}
"""Plain convolutions alone: they save no more than their inputs, which a checkpoint keeps."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ENTRIES)
def test_the_highest_point_of_an_entry_is_its_peak(name: str, mode: Mode) -> None:
    built = BuiltSubject(make_case(find(name), {}, mode=mode))
    series, peak = memory_series(built), tensor_peak(built)
    assert series.peak_tensor_bytes == peak.peak_tensor_bytes
    assert series.peak.live == peak.split
    assert (series.peak.operator, series.peak.module) == (peak.operator, peak.module)
    if series.after_forward is not None:
        assert Saved(series).total_bytes == series.after_forward.live.activations


@pytest.mark.parametrize("name", ENTRIES)
def test_the_first_checkpoints_of_an_entry_free_what_is_said(name: str) -> None:
    built = BuiltSubject(make_case(find(name), {}, mode="train"))
    plain = live_after_forward(memory_series(built))
    checkpoints = best_checkpoints(built)
    assert bool(checkpoints) == (name not in WITHOUT_CHECKPOINT)
    for checkpoint in checkpoints[:2]:
        series = checkpointed_series(built, checkpoint.paths)
        assert plain - live_after_forward(series) == checkpoint.freed_bytes
