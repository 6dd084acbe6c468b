"""What the runner itself costs, where measuring costs nothing: workers that answer at once.

    pytest bench/test_large_runs.py --benchmark-only

A run of 1,000 cases beside one of 100, of six launches each: ten times the cases should take some
ten times as long.
"""

from pathlib import Path

import msgspec
import pytest
from factories import SETTINGS, make_case, make_info
from fake_worker import FakeWorker, RecordedProgress
from pytest_benchmark.fixture import BenchmarkFixture

from cspbench.engine import isolate
from cspbench.engine.runner import Runner
from cspbench.records.assembly import Assembly
from cspbench.records.folder import RunFolder


@pytest.mark.parametrize("cases", [100, 1_000])
def test_a_run_of_workers_that_answer_at_once(
    benchmark: BenchmarkFixture, cases: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark.group = "the runner alone"
    monkeypatch.setattr(isolate, "run", FakeWorker())
    names = (f"Case{number}" for number in range(cases))
    info = make_info(
        *(make_case(name, reference="Case0 infer") for name in names),
        settings=msgspec.structs.replace(SETTINGS, launches=6, memory_budget_bytes=1 << 40),
    )

    def run() -> None:
        with RunFolder.create(tmp_path / "run", info) as folder:
            Runner(folder, Assembly(info), RecordedProgress()).run()

    benchmark.pedantic(run, rounds=1, warmup_rounds=0)
