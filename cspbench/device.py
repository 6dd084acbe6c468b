"""What differs between a CPU and a GPU: whether it is there, synchronising, backend flags."""

import contextlib
from collections.abc import Iterator

import torch

from .case import Precision
from .errors import CspbenchError


def check(device: str) -> None:
    """Raise `CspbenchError`, with a remedy, where torch cannot use ``device``."""
    if not device.startswith("cuda"):
        return
    if not torch.cuda.is_available():
        raise CspbenchError(
            f"--device {device}: torch {torch.__version__} sees no CUDA device; install a CUDA "
            "build of torch and a driver, or measure with --device cpu"
        )
    index = torch.device(device).index or 0
    if index >= torch.cuda.device_count():
        raise CspbenchError(
            f"--device {device}: there are {torch.cuda.device_count()} CUDA devices, "
            f"cuda:0 to cuda:{torch.cuda.device_count() - 1}"
        )


def synchronise(device: str) -> None:
    """Wait until ``device`` has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


@contextlib.contextmanager
def backend(*, threads: int, seed: int, precision: Precision) -> Iterator[None]:
    """Threads, seed and TF32 set, cuDNN's search off; all as before afterwards, on errors too."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.get_num_threads(), matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    with torch.random.fork_rng():
        try:
            torch.set_num_threads(threads)
            torch.manual_seed(seed)
            matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
            cudnn.benchmark = False
            yield
        finally:
            torch.set_num_threads(before[0])
            matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before[1:]
