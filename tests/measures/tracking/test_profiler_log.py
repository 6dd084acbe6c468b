"""What torch's profiler logs about the machine is not taken for what a model prints."""

import os
import subprocess
import sys

import pytest

CODE = "import os, cspbench.measures.tracking.allocators; print(os.environ['KINETO_LOG_LEVEL'])"


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "level"), [(None, "5"), ("0", "0")])
def test_the_log_of_torchs_profiler_is_off_unless_asked_for(asked: str | None, level: str) -> None:
    """5 is beyond errors: a missing driver is one for a torch that is built for CUDA."""
    variables = {name: text for name, text in os.environ.items() if name != "KINETO_LOG_LEVEL"}
    if asked is not None:
        variables["KINETO_LOG_LEVEL"] = asked
    completed = subprocess.run(
        [sys.executable, "-c", CODE], env=variables, capture_output=True, text=True, check=True
    )
    assert completed.stdout.strip() == level
