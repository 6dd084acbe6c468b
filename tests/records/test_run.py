"""Runs as they were written by older versions of the same schema, and records as plain values."""

import json
from pathlib import Path

import pytest
from factories import make_case, make_info, make_latency, make_launch

from cspbench.errors import CspbenchError
from cspbench.records.folder import INFO, RECORDS, RunFolder, read
from cspbench.records.lines import Line
from cspbench.records.measurements import MEASUREMENTS, DiskSize, Resident, stage_of
from cspbench.records.run import COSTS, SCHEMA, Record

CASE = make_case("Good")
LINES: list[Line] = [
    make_latency(CASE, 1),
    make_launch(1, CASE),
    Resident(case=CASE.key, peak_rss_bytes=7),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run folder of today."""
    with RunFolder.create(tmp_path / "run", make_info(CASE, stages=("counts",))) as folder:
        folder.append(LINES)
    return tmp_path / "run"


def change_info(path: Path, *, without: tuple[str, ...]) -> None:
    """Rewrite ``run.json`` of ``path`` without some of its fields."""
    info = json.loads((path / INFO).read_text(encoding="utf-8"))
    assert set(without) <= set(info)
    fields = {key: value for key, value in info.items() if key not in without}
    (path / INFO).write_text(json.dumps(fields), encoding="utf-8")


def test_the_schema_is_2_and_a_run_without_stages_measured_the_costs(path: Path) -> None:
    """Runs that were written before ``stages`` was: what every run measured then."""
    assert SCHEMA == 2
    assert read(path).info.stages == ("counts",)
    change_info(path, without=("stages",))
    run = read(path)
    assert run.info.stages == COSTS
    assert run.info.stages == ("counts", "tensor_peak", "allocated", "resident", "latency")
    assert run.records[0].resident == Resident(case=CASE.key, peak_rss_bytes=7)
    assert len(run.records[0].latencies) == 1


def test_a_run_without_the_later_fields_is_read_with_their_defaults(path: Path) -> None:
    """No noise floor, no second revision, no model of one's own."""
    change_info(path, without=("stages", "noise_floor", "revisions", "models"))
    info = read(path).info
    assert (info.noise_floor, info.revisions, info.models) == (None, {}, {})


def test_a_launch_without_the_fields_of_gpus_is_read(path: Path) -> None:
    """Lines of runs on a CPU before GPUs were measured."""
    lines = [json.loads(line) for line in (path / RECORDS).read_text().splitlines()]
    late = {"gpu", "host_samples_s", "issued_share", "graph_samples_s", "throttled"}
    texts = [json.dumps({k: v for k, v in line.items() if k not in late}) for line in lines]
    before = read(path)
    (path / RECORDS).write_text("".join(f"{text}\n" for text in texts))
    assert read(path) == before


def test_a_record_gives_each_measurement_by_its_type() -> None:
    """None for one that was not taken."""
    resident = Resident(case=CASE.key, peak_rss_bytes=7)
    record = Record(case=CASE, measurements={"resident": resident})
    assert record.get(Resident) is record.resident is resident
    assert record.get(DiskSize) is None


def test_a_record_as_plain_values_has_every_stage() -> None:
    """In the order in which the measurements are listed; None for those that were not taken."""
    plain_values = Record(
        case=CASE, measurements={"resident": Resident(case=CASE.key, peak_rss_bytes=7)}
    ).to_dict()
    stages = [stage_of(kind) for kind in MEASUREMENTS]
    assert list(plain_values) == [
        "case",
        *stages,
        "latencies",
        "trainings",
        "module_times",
        "failures",
        "printed",
        "alters",
        "lingers",
    ]
    assert plain_values["resident"]["peak_rss_bytes"] == 7
    assert {plain_values[stage] for stage in stages if stage != "resident"} == {None}


def test_a_stage_that_no_record_is_of_is_refused(path: Path) -> None:
    """As a line of an unknown kind is: both come from a version that knows more, or are damaged."""
    info = json.loads((path / INFO).read_text())
    info["stages"].append("nope")
    (path / INFO).write_text(json.dumps(info))
    with pytest.raises(CspbenchError, match="no measure is named 'nope'"):
        read(path)
