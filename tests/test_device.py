"""What is set around a measurement, and that it is put back."""

import pytest
import torch

from cspbench import device
from cspbench.errors import CspbenchError


def raise_inside() -> None:
    with device.backend(device="cpu", threads=1, seed=4, precision="tf32"):
        raise RuntimeError("inside")


def test_threads_seed_and_flags_are_set_inside_and_restored_on_errors_too() -> None:
    """TF32 only where it is asked for; cuDNN's search off."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (torch.get_num_threads(), cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32)
    cudnn.benchmark = True
    state = torch.get_rng_state()
    try:
        with device.backend(device="cpu", threads=1, seed=3, precision="tf32"):
            assert torch.get_num_threads() == 1
            assert torch.initial_seed() == 3
            assert (cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32) == (False, True, True)
        with pytest.raises(RuntimeError, match="inside"):
            raise_inside()
        assert cudnn.benchmark
        assert torch.get_num_threads() == before[0]
        assert (cudnn.allow_tf32, matmul.allow_tf32) == before[2:]
        assert torch.equal(torch.get_rng_state(), state)
    finally:
        cudnn.benchmark = before[1]


def test_a_cuda_index_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices, the third asked for."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    device.check("cuda:1")
    with pytest.raises(CspbenchError, match="there are 2 CUDA devices, cuda:0 to cuda:1"):
        device.check("cuda:2")
