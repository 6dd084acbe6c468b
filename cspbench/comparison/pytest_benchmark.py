"""Reading of pytest-benchmark's JSON: its own files, and exports of runs in its format.

An export holds each case's `CaseExcerpt` in ``extra_info``, with the exact figures beside it as
plain numbers, so that it reads back whole. Cases without times, which the format cannot hold, and
the circumstances of the run are in an `Excerpt` beside the benchmarks.
"""

from typing import Any

import msgspec

from ..errors import CspbenchError
from ..plan.case import MODES, Mode
from ..records.measurements import EXACT
from ..text import shortened
from .excerpt import CaseExcerpt, Excerpt
from .pasted_report import refuse_repeated

OURS = "cspbench"
"""The key of what an export holds beyond the format."""

_MAX_COUNT = 2**63 - 1


class _Stats(msgspec.Struct):
    median: float


class _Benchmark(msgspec.Struct):
    name: str
    fullname: str
    stats: _Stats
    group: str | None = None
    extra_info: dict[str, Any] = {}


class _File(msgspec.Struct):
    benchmarks: tuple[_Benchmark, ...]
    cspbench: Excerpt | None = None


_decoder = msgspec.json.Decoder(_File)


def is_pytest_benchmark(text: str) -> bool:
    """Whether ``text`` looks like a file of pytest-benchmark."""
    return '"benchmarks"' in text and text.lstrip().startswith("{")


def extra_info(case: CaseExcerpt) -> dict[str, Any]:
    """What an export holds of a case beside its times; `read_benchmarks` reads it back."""
    rest = case.to_dict()
    return {**rest.pop("exact"), OURS: rest}


def read_benchmarks(text: str) -> Excerpt:
    """The excerpt of pytest-benchmark's JSON.

    The medians of files that cspbench did not write are shown, but not judged. Raises
    `CspbenchError` for a median that is no time, and msgspec's errors for other damage.
    """
    file = _decoder.decode(text)
    head = file.cspbench or Excerpt(made={})
    cases = (*map(_case, file.benchmarks), *head.cases)
    refuse_repeated([(case.key, "") for case in cases])
    return msgspec.structs.replace(head, cases=cases)


def _case(benchmark: _Benchmark) -> CaseExcerpt:
    if not 1e-12 <= benchmark.stats.median <= 1e9:
        raise CspbenchError(
            f"{shortened(benchmark.fullname, 80)!r} has a median of {benchmark.stats.median!r} s: "
            "expected a time above 0"
        )
    exact = {name: benchmark.extra_info[name] for name in EXACT if name in benchmark.extra_info}
    if OURS in benchmark.extra_info:
        rest = msgspec.convert(benchmark.extra_info[OURS], dict[str, Any])
        return msgspec.convert({**rest, "exact": exact}, CaseExcerpt)
    mode: Mode = next((mode for mode in MODES if mode == benchmark.group), "infer")
    return CaseExcerpt(
        key=benchmark.fullname,
        name=benchmark.fullname,  # names of tests repeat in other files and classes
        entry=benchmark.name,
        mode=mode,
        input_shape=(),
        exact={name: count for name, count in exact.items() if _is_count(count)},
        latency_s=benchmark.stats.median,
    )


def _is_count(value: object) -> bool:
    """Whether a value that someone else named like a count of ours can be one."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT
