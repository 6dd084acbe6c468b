"""How right times by module are: of every catalogue entry, and of models whose times are known.

    python bench/by_module.py [ENTRY,…] [--mode infer,train] [--threads N] [--skip-known]

For each entry, the sum of all times is compared with a call that nothing observes, in the same
processes; it should be within 10%. In a model of known times, a busy loop in a module's forward and
one in its backward should be found to 5%, and a layer repeated 8 times should have 8 times the time
of one, to 15%. The exit code is 1 if any is missed. Needs an idle machine.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import msgspec
import torch
from prettytable import PrettyTable
from torch import Tensor, nn

from cspbench.catalogue import ENTRIES, find
from cspbench.catalogue.input_text import parse_words
from cspbench.choices import MODES, Mode
from cspbench.engine import profiles
from cspbench.engine.builds import PLAIN
from cspbench.engine.settings import default_settings
from cspbench.plan.case import Case, make_case
from cspbench.records.lines import CaseFailure, Line
from cspbench.records.module_times import ModuleTimes
from cspbench.records.run import Settings

BUSY_S = 0.005
REPEATS = 8
SUM_WITHIN, BUSY_WITHIN, REPEATED_WITHIN = 0.10, 0.05, 0.15


def busy() -> None:
    """Keep this thread busy for `BUSY_S`."""
    end = time.perf_counter() + BUSY_S
    while time.perf_counter() < end:
        pass


class _BusyBackward(torch.autograd.Function):
    @staticmethod
    def forward(_: object, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(_: object, gradient: Tensor) -> Tensor:
        busy()
        return gradient


class Busy(nn.Module):
    """A module that computes nothing, and takes `BUSY_S` in its forward and in its backward."""

    def forward(self, x: Tensor) -> Tensor:
        busy()
        y: Tensor = _BusyBackward.apply(x)  # type: ignore[no-untyped-call]
        return y


def _layer() -> nn.Module:
    return nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU())


class Known(nn.Module):
    """A busy module between a layer and the same layer `REPEATS` times."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 1), _layer())
        self.one = _layer()
        self.busy = Busy()
        self.many = nn.Sequential(*(_layer() for _ in range(REPEATS)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.many(self.busy(self.one(self.stem(x))))
        return y


@dataclass(frozen=True, kw_only=True)
class Check:
    """A ratio that should be 1, and how far it may be from it."""

    name: str
    ratio: float
    within: float
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the ratio is near enough to 1; never if it is not known."""
        return abs(self.ratio - 1) <= self.within


def main() -> int:
    """Print the table of all checks; 1 if any is not met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entries", nargs="?", default=",".join(ENTRIES))
    parser.add_argument("--mode", default=",".join(MODES))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--skip-known", action="store_true")
    options = parser.parse_args()
    settings = default_settings()
    if options.threads is not None:
        settings = msgspec.structs.replace(settings, threads=options.threads)
    modes = [mode for mode in MODES if mode in options.mode.split(",")]
    checks = []
    for mode in modes:
        for name in options.entries.split(","):
            checks.append(_sum_check(make_case(find(name), {}, mode=mode), settings))
            _say(checks[-1])
        if not options.skip_known:
            checks += _known_checks(mode, settings)
    print(_table(checks))
    return 0 if all(check.is_met for check in checks) else 1


def _say(check: Check) -> None:
    print(f"{check.name}: {check.ratio:.3f} {check.note}", file=sys.stderr, flush=True)


def _profiles(case: Case, settings: Settings) -> list[ModuleTimes]:
    """The profiles of a case, as a run takes them; fewer if one fails, which is said."""
    lines: list[Line] = []
    for number in profiles.NUMBERS:
        lines += profiles.profile(case, number, settings, PLAIN, list)
    for line in lines:
        if isinstance(line, CaseFailure):
            print(f"{case.key}: {line.reason}", file=sys.stderr)
    return [line for line in lines if isinstance(line, ModuleTimes)]


def _sum_check(case: Case, settings: Settings) -> Check:
    taken = _profiles(case, settings)
    name = f"{case.label}, {case.mode}: sum of all times / unobserved call"
    if not taken:
        return Check(name=name, ratio=math.nan, within=SUM_WITHIN, note="failed")
    latency_s = fmean(times.latency_s for times in taken)
    note = (
        f"{1e3 * latency_s:.4g} ms; profiled {fmean(_profiled(taken)):+.1%}, of which observing "
        f"{fmean(times.observing_s / times.latency_s for times in taken):+.1%}"
    )
    ratio = math.exp(fmean(math.log(times.total_s / times.latency_s) for times in taken))
    return Check(name=name, ratio=ratio, within=SUM_WITHIN, note=note)


def _profiled(taken: Sequence[ModuleTimes]) -> Iterator[float]:
    return (times.profiled_s / times.latency_s - 1 for times in taken)


def _known_checks(mode: Mode, settings: Settings) -> Iterator[Check]:
    inputs = parse_words(["1,3,56,56"])
    case = make_case(find(f"{__file__}:Known"), {}, inputs=inputs, mode=mode)
    taken = _profiles(case, settings)
    forward_s = fmean(_seconds(times, "busy", "forward_s") for times in taken)
    yield Check(
        name=f"busy loop in a forward, {mode}: found / planted",
        ratio=forward_s / BUSY_S,
        within=BUSY_WITHIN,
    )
    if mode == "train":
        backward_s = fmean(_seconds(times, "busy", "backward_s") for times in taken)
        yield Check(
            name=f"busy loop in a backward, {mode}: found / planted",
            ratio=backward_s / BUSY_S,
            within=BUSY_WITHIN,
        )
    ratios = [
        _seconds(times, "many", "self_s") / _seconds(times, "one", "self_s") / REPEATS
        for times in taken
    ]
    yield Check(
        name=f"{REPEATS} layers, {mode}: time / {REPEATS} times that of one",
        ratio=fmean(ratios),
        within=REPEATED_WITHIN,
    )


def _seconds(times: ModuleTimes, holder: str, field: str) -> float:
    """The seconds of the module ``holder`` and of all modules in it."""
    return math.fsum(
        getattr(module, field)
        for module in times.modules
        if module.path == holder or module.path.startswith(f"{holder}.")
    )


def _table(checks: Sequence[Check]) -> str:
    """All checks, the farthest from 1 first."""
    table = PrettyTable(["check", "ratio", "allowed", "met", "note"])
    table.align = "l"
    for check in sorted(checks, key=lambda check: abs(check.ratio - 1), reverse=True):
        met = "yes" if check.is_met else "NO"
        table.add_row([check.name, f"{check.ratio:.3f}", f"±{check.within:.0%}", met, check.note])
    text: str = table.get_string()
    return text


if __name__ == "__main__":
    sys.exit(main())
