"""A run in the forms of other tools, each against the tool itself or its published schema."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest
from synthetic import change, make_run, render_report

from cspbench import report
from cspbench.choices import EXPORT_FORMATS
from cspbench.comparison.compare import compare
from cspbench.comparison.excerpt import excerpt
from cspbench.comparison.readers import read
from cspbench.records.run import Run
from cspbench.report.exporters import EXPORTERS, bencher, github_action_benchmark, hyperfine
from cspbench.report.results import derive


def test_the_formats_that_help_lists_are_those_that_are_written() -> None:
    """In one order."""
    assert tuple(EXPORTERS) == EXPORT_FORMATS


@pytest.fixture
def run() -> Run:
    """Two entries in two modes; the last case has no times."""
    return change(make_run(("dense", "csp")), 3, latencies=())


def launch_medians(run: Run, index: int) -> list[float]:
    return [median(line.samples_s) for line in run.records[index].latencies]


def test_pytest_benchmark_reads_ours_and_compares_two(run: Run, tmp_path: Path) -> None:
    """Its own command line shows both files and every case with times, one round a launch."""
    for name in ("0001_before", "0002_after"):
        (tmp_path / f"{name}.json").write_text(render_report(run, "pytest-benchmark"))
    process = subprocess.run(
        [
            *(sys.executable, "-m", "pytest_benchmark", "compare"),
            *("0001_before.json", "0002_after.json", "--csv=out", "--columns=median,rounds"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert "Failed to load" not in process.stdout + process.stderr
    for name in ("dense (infer)", "dense (train)", "csp (infer)"):
        assert name in process.stdout
    assert "csp (train)" not in process.stdout
    (table,) = tmp_path.glob("out*.csv")
    assert len(table.read_text().splitlines()) == 1 + 2 * 3


def test_our_export_for_pytest_benchmark_reads_back_whole(run: Run, tmp_path: Path) -> None:
    """Counts, modes, ratios to the yardstick and circumstances; also of a case without times."""
    ours = tmp_path / "ours.json"
    ours.write_text(render_report(run, "pytest-benchmark"))
    side = read(ours)
    assert sorted(side.cases, key=lambda case: case.key) == sorted(
        excerpt(run).cases, key=lambda case: case.key
    )
    assert msgspec.structs.replace(side, cases=()) == msgspec.structs.replace(
        excerpt(run), cases=()
    )
    slower = make_run(("dense", "csp"), noise=0.02)
    from_export, from_run = compare(ours, slower), compare(run, slower)
    assert from_export.verdict == from_run.verdict
    assert {case.key: case for case in from_export.cases} == {
        case.key: case for case in from_run.cases
    }


def test_counts_of_an_export_are_those_in_its_extra_info(run: Run, tmp_path: Path) -> None:
    """Each figure is written once: one that was changed there compares as changed."""
    exported = json.loads(render_report(run, "pytest-benchmark"))
    exported["benchmarks"][0]["extra_info"]["params"] += 1
    ours = tmp_path / "ours.json"
    ours.write_text(json.dumps(exported))
    changes = compare(run, ours).cases[0].measures
    assert [name for name, change in changes.items() if change.verdict == "worse"] == ["params"]


def test_its_statistics_are_those_of_the_launches(run: Run, tmp_path: Path) -> None:
    """Computed by pytest-benchmark's own class from the same values."""
    from pytest_benchmark.stats import Stats

    (tmp_path / "ours.json").write_text(render_report(run, "pytest-benchmark"))
    benchmark, *_ = json.loads((tmp_path / "ours.json").read_text())["benchmarks"]
    theirs = Stats()
    for value in launch_medians(run, 0):
        theirs.update(value)
    for field in Stats.fields:
        ours, expected = benchmark["stats"][field], getattr(theirs, field)
        if isinstance(expected, str) or field in {"q1", "q3", "iqr", "ld15iqr", "hd15iqr"}:
            continue  # quartiles by another of the usual definitions
        assert ours == pytest.approx(expected), field


BMF: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "number"},
                        "lower_value": {"type": "number"},
                        "upper_value": {"type": "number"},
                    },
                    "required": ["value"],
                }
            },
        }
    },
}
"""The published schema of the Bencher Metric Format (bencher.dev/bmf.json)."""


class Metric(msgspec.Struct, forbid_unknown_fields=True):
    """The innermost object of that schema."""

    value: float
    lower_value: float | msgspec.UnsetType = msgspec.UNSET
    upper_value: float | msgspec.UnsetType = msgspec.UNSET


def test_bencher_metrics_keep_the_published_schema(run: Run) -> None:
    """Latency in nanoseconds inside its interval; exact figures beside it; slugs of Bencher's."""
    properties = BMF["patternProperties"][".+"]["patternProperties"][".+"]["properties"]
    assert set(properties) == set(Metric.__struct_fields__)
    benchmarks = msgspec.convert(bencher(derive(run)), dict[str, dict[str, Metric]])
    first = benchmarks[run.records[0].case.key]
    mean = math.exp(sum(map(math.log, launch_medians(run, 0))) / len(run.launches))
    assert first["latency"].value == pytest.approx(mean * 1e9)
    assert first["latency"].lower_value < first["latency"].value < first["latency"].upper_value  # type: ignore[operator]
    assert run.records[0].counts is not None
    assert first["macs"].value == run.records[0].counts.macs
    assert "latency" not in benchmarks[run.records[3].case.key]
    assert all(len(slug) <= 64 for measures in benchmarks.values() for slug in measures)


def wild() -> Run:
    """A case whose launches differ by a factor of 900."""
    run = make_run(("dense",), modes=("infer",))
    latencies = tuple(
        msgspec.structs.replace(
            old, samples_s=tuple(s * 30.0 ** (-1) ** old.launch for s in old.samples_s)
        )
        for old in run.records[0].latencies
    )
    return change(run, 0, latencies=latencies)


def test_an_interval_that_is_noise_is_exported_nowhere() -> None:
    """Bencher gets the value alone; github-action-benchmark the words of the tables."""
    benchmarks = msgspec.convert(bencher(derive(wild())), dict[str, dict[str, Metric]])
    metric = next(iter(benchmarks.values()))["latency"]
    assert (metric.lower_value, metric.upper_value) == (msgspec.UNSET, msgspec.UNSET)
    assert github_action_benchmark(derive(wild()))[0]["range"] == "too noisy to tell"


class Custom(msgspec.Struct, forbid_unknown_fields=True):
    """An element of github-action-benchmark's ``customSmallerIsBetter``."""

    name: str
    unit: str
    value: float
    range: str = ""
    extra: str = ""


def test_github_action_benchmark_gets_its_custom_form(run: Run) -> None:
    """A flat list of unique names, smaller better: times, bytes and counts."""
    entries = msgspec.convert(github_action_benchmark(derive(run)), list[Custom])
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names)
    assert names[0] == "dense (infer): latency"
    assert entries[0].unit == "ms"
    assert "csp (train): latency" not in names
    assert "csp (train): peak tensor memory" in names


class Result(msgspec.Struct, forbid_unknown_fields=True):
    """A result of ``hyperfine --export-json``, every field of it there."""

    command: str
    mean: float
    stddev: float
    median: float
    user: float
    system: float
    min: float
    max: float
    times: list[float]
    exit_codes: list[int]


def test_hyperfine_gets_its_results(run: Run) -> None:
    """One time a launch, statistics of these, and an exit code each."""
    exported = msgspec.convert(hyperfine(derive(run))["results"], list[Result])
    assert [result.command for result in exported] == [
        record.case.key for record in run.records[:3]
    ]
    assert exported[0].times == launch_medians(run, 0)
    assert exported[0].min <= exported[0].median <= exported[0].max
    assert exported[0].exit_codes == [0] * len(exported[0].times)
    busy = sum(launch.activity.cpu_s for launch in run.launches) / sum(
        launch.activity.wall_s for launch in run.launches
    )
    assert exported[0].user == pytest.approx(exported[0].mean * busy)


@pytest.mark.parametrize("form", EXPORTERS)
def test_every_form_is_json_also_of_one_launch(form: str) -> None:
    """No interval, no spread: still numbers, and none of them NaN."""
    text = render_report(make_run(("dense",), launches=1), form)
    json.loads(text, parse_constant=pytest.fail)
    assert form in report.FORMATS


@pytest.mark.parametrize("form", EXPORTERS)
def test_names_from_outside_are_printable_and_none_takes_anothers_place(form: str) -> None:
    """Two keys that differ in a control character alone are two entries."""
    run = make_run(("dense", "csp"), modes=("infer",))
    keys = ("a\x1b[31m", "a\u202e[31m")
    for index, key in enumerate(keys):
        case = msgspec.structs.replace(run.records[index].case, key=key, label=key, reference=None)
        run = change(run, index, case=case)
    environment = msgspec.structs.replace(run.info.environment, device=keys[0], system=keys[1])
    run = msgspec.structs.replace(
        run, info=msgspec.structs.replace(run.info, environment=environment)
    )
    exported = EXPORTERS[form](derive(run))
    if form == "pytest-benchmark":
        assert len({benchmark["fullname"] for benchmark in exported["benchmarks"]}) == 2
        exported = [exported["machine_info"], [b["name"] for b in exported["benchmarks"]]]
    assert re.search(r"a\?\[31m( cpu)? #2", json.dumps(exported))
    assert json.dumps(exported, ensure_ascii=False).isprintable()


def test_an_unknown_form_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """With what there is."""
    from cspbench import cli

    assert cli.main(["report", "x", "--format", "hyperfin"]) == 2
    assert "nearest: 'hyperfine'" in capsys.readouterr().err
