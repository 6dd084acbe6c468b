"""What counting costs beside ptflops and torchinfo: ten models, in turns, in one process.

    PYTHONPATH=tests/panel python bench/counting_cost.py [--turns 7] [--batch-size 1,16]

Needs timm and torchvision (make setup) and, for the ratios, ptflops and torchinfo
(pip install -e '.[counters]'); a counter that is missing is left out, and said. What is compared is
the processor time of one thread, which other processes hardly change.
"""

import argparse
import contextlib
import importlib.util
import io
import random
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import torch
from panel_models import timm_model
from prettytable import PrettyTable
from torch import nn
from torchvision_operators import define_missing_operators

import cspbench

MODELS = (
    "resnet18",
    "resnet50",
    "densenet121",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "efficientnet_b0",
    "cspdarknet53",
    "dla34",
    "hrnet_w18_small",
    "inception_v3",
)
Count = Callable[[nn.Module, tuple[int, ...]], object]


def main() -> None:
    """Print a table of times and ratios for each batch size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--batch-size", default="1,16")
    options = parser.parse_args()
    torch.set_num_threads(1)
    define_missing_operators()  # ptflops imports torchvision
    counters = {"cspbench": _cspbench} | dict(_others())
    for batch in map(int, options.batch_size.split(",")):
        print(f"\nbatch {batch}: processor ms a count, and cspbench's time over the other's")
        print(_table(counters, batch, options.turns), flush=True)


def _cspbench(module: nn.Module, shape: tuple[int, ...]) -> None:
    cspbench.profile(module, shape, measures=("counts",))


def _others() -> Iterator[tuple[str, Count]]:
    """The other counters that are installed, by name."""
    if importlib.util.find_spec("ptflops") is None:
        print("ptflops is not installed: left out")
    else:
        from ptflops import get_model_complexity_info

        quiet = partial(get_model_complexity_info, print_per_layer_stat=False, verbose=False)
        # It takes a shape without the batch, of which it makes one; others come by a constructor.
        yield (
            "ptflops",
            lambda module, shape: quiet(
                module, shape, input_constructor=lambda given: {"x": torch.empty(given)}
            ),
        )
    if importlib.util.find_spec("torchinfo") is None:
        print("torchinfo is not installed: left out")
    else:
        from torchinfo import summary

        yield "torchinfo", lambda module, shape: summary(module, shape, verbose=0)


def _table(counters: dict[str, Count], batch: int, turns: int) -> PrettyTable:
    others = [name for name in counters if name != "cspbench"]
    table = PrettyTable(["model", *counters, *(f"/ {name}" for name in others)], align="r")
    table.align["model"] = "l"
    ratios: dict[str, list[float]] = {name: [] for name in others}
    for model in MODELS:
        times = _times(counters, timm_model(model).eval(), (batch, 3, 224, 224), turns)
        for name in others:
            pairs = zip(times["cspbench"], times[name], strict=True)
            ratios[name].append(statistics.median(ours / theirs for ours, theirs in pairs))
        table.add_row(
            [
                model,
                *(f"{1000 * statistics.median(times[name]):,.0f}" for name in counters),
                *(f"{ratios[name][-1]:.2f}" for name in others),
            ]
        )
    means = [f"{statistics.geometric_mean(ratios[name]):.2f}" for name in others]
    table.add_row(["geometric mean", *("" for _ in counters), *means])
    return table


def _times(
    counters: dict[str, Count], module: nn.Module, shape: tuple[int, ...], turns: int
) -> dict[str, list[float]]:
    """Processor seconds of each counter, turn by turn in random order, after one call of each."""
    times: dict[str, list[float]] = {name: [] for name in counters}
    order = random.Random(0)
    for turn in range(turns + 1):
        for name in order.sample(list(counters), len(counters)):
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                begin = time.process_time()
                counters[name](module, shape)
                seconds = time.process_time() - begin
            if turn:
                times[name].append(seconds)
    return times


if __name__ == "__main__":
    main()
