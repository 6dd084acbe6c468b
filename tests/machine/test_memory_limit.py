"""The limit on a process's memory."""

import resource
import sys

import pytest
import torch

from cspbench.machine.memory_limit import memory_limited


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits private memory")
def test_what_exceeds_the_limit_raises_and_the_limit_is_taken_back() -> None:
    """A budget of 60 MiB allows 100 MiB and half a GiB of overhead: 64 MiB fit, 4 GiB do not."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory_limited(60 << 20):
        torch.empty(64 << 20, dtype=torch.uint8)
        with pytest.raises(RuntimeError, match="can't allocate memory"):
            torch.empty(4 << 30, dtype=torch.uint8)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
