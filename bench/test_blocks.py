"""Every block of the catalogue under pytest-benchmark, at its default input, side by side by mode.

``pytest bench/test_blocks.py --benchmark-only`` prints each entry's ratio to the fastest beside its
times: a second opinion on the harness's latencies, by another tool.
"""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from cspbench.catalogue import figure3, yolo
from cspbench.catalogue.entry import Entry
from cspbench.catalogue.loading import resolve

every_entry = pytest.mark.parametrize(
    "entry", [*figure3.ENTRIES, *yolo.ENTRIES], ids=lambda entry: entry.name
)


def module_and_input(entry: Entry) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    arguments = entry.arguments()
    module: nn.Module = resolve(entry.build)(**dict(entry.fixed), **arguments)
    return module, torch.randn(entry.shape(arguments))


@every_entry
def test_inference(entry: Entry, benchmark: BenchmarkFixture) -> None:
    module, x = module_and_input(entry)
    module.eval()
    benchmark.group = "inference"
    with torch.inference_mode():
        benchmark(module, x)


@every_entry
def test_training_step(entry: Entry, benchmark: BenchmarkFixture) -> None:
    module, x = module_and_input(entry)
    module.train()
    x.requires_grad_(entry.input_gradient)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        x.grad = None
        module(x).square().mean().backward()
        optimizer.step()

    benchmark.group = "training step"
    benchmark(step)
