"""Export of a run to the formats of other tools, as plain values for JSON.

Times are one value a launch, the median of its samples: these tools treat values as independent,
which samples of one process are not. Formats that hold only times leave out cases without.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from statistics import fmean, mean, median, quantiles, stdev
from typing import Any

import msgspec

from ..comparison.excerpt import excerpt
from ..comparison.pytest_benchmark import OURS, extra_info
from ..plan.labels import plain
from ..records.quantities import NAMES, NONZERO
from ..records.run import Run
from ..units import is_wide, wide_text
from ..verdicts.stats import Estimate
from .readings import telling_interval
from .results import Results
from .rows import Row

_UNITS = {
    "peak_tensor_bytes": "bytes",
    "macs": "MACs",
    "matmul_macs": "MACs",
    "params": "parameters",
}
"""Exact figures, and their units, for formats that hold more than times."""


def pytest_benchmark(results: Results) -> dict[str, Any]:
    """The format that ``pytest --benchmark-json`` writes and ``pytest-benchmark compare`` reads.

    ``compare`` reads it back whole (`comparison.pytest_benchmark`).
    """
    info, environment = results.run.info, results.run.info.environment
    whole = excerpt(results.run)
    cases = {case.key: case for case in whole.cases}
    timed, names = _timed(results), _names(results)
    untimed = cases.keys() - {row.record.case.key for row in timed}
    head = msgspec.structs.replace(
        whole, cases=tuple(case for case in whole.cases if case.key in untimed)
    )
    return {
        "machine_info": {
            "node": "",
            "processor": "",
            "machine": "",
            "python_version": plain(environment.python),
            "system": plain(environment.system),
            "cpu": {"brand_raw": plain(environment.device)},
        },
        "commit_info": {
            "id": plain(info.git.commit) if info.git else "unknown",
            "dirty": bool(info.git and info.git.dirty),
            "time": plain(info.started),
            "project": "cspbench",
            "branch": "(unknown)",
        },
        "benchmarks": [
            {
                "group": row.mode,
                "name": f"{row.name} ({row.mode})",
                "fullname": names[row.record.case.key],
                "params": None,
                "param": None,
                "extra_info": extra_info(cases[row.record.case.key]),
                "options": {"disable_gc": True, "timer": "perf_counter", "warmup": True},
                "stats": _stats(_launch_medians(row)) | {"iterations": _iterations(row)},
            }
            for row in timed
        ],
        OURS: head.to_dict(),
        "datetime": plain(info.started),
        "version": "5.1.0",  # the version of pytest-benchmark whose format this is
    }


def github_action_benchmark(results: Results) -> list[dict[str, Any]]:
    """``customSmallerIsBetter`` of github-action-benchmark: latencies, then exact figures."""
    entries = []
    for row in _timed(results):
        estimate = row.latency
        assert estimate is not None
        entries.append(
            {
                "name": f"{row.name} ({row.mode}): latency",
                "unit": "ms",
                "value": estimate.value * 1e3,
                "range": _range(estimate),
                "extra": f"95% interval over {estimate.launches} launches",
            }
        )
    entries += [
        {
            "name": f"{row.name} ({row.mode}): {NAMES[key]}",
            "unit": unit,
            "value": row.readings[key],
            "extra": "exact",
        }
        for row in results.rows
        for key, unit in _UNITS.items()
        if _is_count(row, key)
    ]
    return entries


def bencher(results: Results) -> dict[str, Any]:
    """Bencher Metric Format: latency in nanoseconds with its 95% interval, and exact figures."""
    benchmarks: dict[str, Any] = {}
    names = _names(results)
    for row in results.rows:
        measures: dict[str, Any] = {}
        if row.latency is not None:
            measures["latency"] = _metric(row.latency)
        for key in _UNITS:
            if _is_count(row, key):
                measures[key.replace("_", "-")] = {"value": row.readings[key]}
        if measures:
            benchmarks[names[row.record.case.key]] = measures
    return benchmarks


def hyperfine(results: Results) -> dict[str, Any]:
    """The format of ``hyperfine --export-json``; ``command`` is the key of the case.

    ``user`` is the processor time in proportion, the kernel's included, because the two are not
    measured separately; ``system`` is 0.
    """
    busy, names = _busy(results.run), _names(results)
    return {
        "results": [
            {
                "command": names[row.record.case.key],
                **{key: value for key, value in _stats(times).items() if key in _HYPERFINE},
                "user": fmean(times) * busy,
                "system": 0.0,
                "times": times,
                "exit_codes": [0] * len(times),
            }
            for row in _timed(results)
            for times in [_launch_medians(row)]
        ]
    }


EXPORTERS: Mapping[str, Callable[[Results], Any]] = {
    "pytest-benchmark": pytest_benchmark,
    "github-action-benchmark": github_action_benchmark,
    "bencher": bencher,
    "hyperfine": hyperfine,
}
"""The exporters by the value of ``--format``."""

_HYPERFINE = ("mean", "stddev", "median", "min", "max")


def _names(results: Results) -> dict[str, str]:
    """A printable name for the key of each case, numbered where two keys print alike."""
    uses: Counter[str] = Counter()
    names = {}
    for row in results.rows:
        key = row.record.case.key
        name = plain(key)
        uses[name] += 1
        names[key] = name if uses[name] == 1 else f"{name} #{uses[name]}"
    return names


def _timed(results: Results) -> list[Row]:
    return [row for row in results.rows if row.latency is not None]


def _is_count(row: Row, key: str) -> bool:
    reading = row.readings[key]
    return isinstance(reading, int) and not (key in NONZERO and reading == 0)


def _launch_medians(row: Row) -> list[float]:
    return [median(turns) for turns in row.samples.values()]


def _iterations(row: Row) -> int:
    return sum(len(line.samples_s) * line.iterations for line in row.latencies)


def _range(estimate: Estimate) -> str:
    width = estimate.relative_half_width
    if width is None or estimate.low is None or estimate.high is None:
        return ""
    if is_wide(estimate.low, estimate.high):
        return wide_text(estimate.launches)
    return f"± {width:.1%}"


def _metric(estimate: Estimate) -> dict[str, float]:
    """The value and, if it says something, its interval."""
    metric = {"value": estimate.value * 1e9}
    if interval := telling_interval(estimate):
        low, high = interval
        metric |= {"lower_value": low * 1e9, "upper_value": high * 1e9}
    return metric


def _busy(run: Run) -> float:
    """Processor seconds per second of wall time, over the turns of all launches."""
    wall = sum(launch.activity.wall_s for launch in run.launches)
    return sum(launch.activity.cpu_s for launch in run.launches) / wall if wall else 1.0


def _stats(times: list[float]) -> dict[str, Any]:
    has_several = len(times) > 1
    q1, middle, q3 = quantiles(times, n=4, method="inclusive") if has_several else times * 3
    spread, average = stdev(times) if has_several else 0.0, mean(times)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    mild = sum(abs(time - average) > spread for time in times)
    far = sum(not low <= time <= high for time in times)
    return {
        "min": min(times),
        "max": max(times),
        "mean": average,
        "stddev": spread,
        "rounds": len(times),
        "median": middle,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": far,
        "stddev_outliers": mild,
        "outliers": f"{mild};{far}",
        "ld15iqr": min(time for time in times if time >= low),
        "hd15iqr": max(time for time in times if time <= high),
        "ops": 1 / average,
        "total": sum(times),
        "data": times,
    }
