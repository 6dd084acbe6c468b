"""Every block of the catalogue under pytest-benchmark, at its default input, side by side by mode.

``pytest bench/test_blocks.py --benchmark-only`` prints each entry's ratio to the fastest beside its
times: a second opinion on the harness's latencies, by another tool.
"""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from cspbench.catalogue import figure3, necks, yolo
from cspbench.catalogue.entry import Entry
from cspbench.catalogue.loading import resolve

every_entry = pytest.mark.parametrize(
    "entry", [*figure3.ENTRIES, *yolo.ENTRIES, *necks.ENTRIES], ids=lambda entry: entry.name
)


def module_and_inputs(entry: Entry) -> tuple[nn.Module, list[Tensor]]:
    torch.manual_seed(0)
    arguments = entry.arguments()
    module: nn.Module = resolve(entry.build)(**dict(entry.fixed), **arguments)
    return module, [torch.randn(tensor.shape) for tensor in entry.inputs(arguments).tensors]


@every_entry
def test_inference(entry: Entry, benchmark: BenchmarkFixture) -> None:
    module, inputs = module_and_inputs(entry)
    module.eval()
    benchmark.group = "inference"
    with torch.inference_mode():
        benchmark(module, *inputs)


@every_entry
def test_training_step(entry: Entry, benchmark: BenchmarkFixture) -> None:
    module, inputs = module_and_inputs(entry)
    module.train()
    for x in inputs:
        x.requires_grad_(entry.input_gradient)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        for x in inputs:
            x.grad = None
        out = module(*inputs)
        maps = out if isinstance(out, tuple) else (out,)
        sum((item.square().mean() for item in maps), torch.zeros(())).backward()
        optimizer.step()

    benchmark.group = "training step"
    benchmark(step)
