"""The registry: what registers itself, in which order, and for which runs."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from factories import SETTINGS

from cspbench.measures import base
from cspbench.measures.base import PLACES, Measure, measure
from cspbench.measures.registry import MEASURES, preload, stages
from cspbench.records.base import Failure
from cspbench.records.measurements import Energy, Graph
from cspbench.records.run import TrainingSettings

GPU = msgspec.structs.replace(SETTINGS, device="cuda:0,cuda:1")
TRAINING = TrainingSettings(seeds=1, steps=4, data="digits")


def test_measures_stand_by_place_and_then_by_name() -> None:
    """What allocates nothing comes first, so that a case can be refused before it runs."""
    order = [(PLACES.index(measure.place), stage) for stage, measure in MEASURES.items()]
    assert order == sorted(order)
    names = {"counts", "disk_size", "tensor_peak", "memory_series", "gradient_terms", "traffic"}
    assert names == {stage for stage, measure in MEASURES.items() if measure.place == "static"}


def test_every_file_of_the_folder_but_two_registers_one_measure() -> None:
    """One file a measure: the contract and the registry are the others."""
    folder = Path(base.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "registry"}
    homes = [measure.measure.__module__ for measure in MEASURES.values()]
    assert sorted(home.rpartition(".")[2] for home in homes) == sorted(files)


def test_a_measure_is_one_record_one_file_and_one_quantity() -> None:
    """No other file of the package names what the size on disk is: so it is with a new measure."""
    package = Path(base.__file__).parents[1]
    names = re.compile(r"disk_size|disk_bytes|DiskSize")
    files = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.suffix in {".py", ".toml"} and names.search(path.read_text(encoding="utf-8"))
    }
    assert files == {"records/measurements.py", "measures/disk_size.py", "records/quantities.py"}


def test_a_run_on_a_cpu_measures_no_graph_and_one_on_a_gpu_no_resident_memory() -> None:
    """Graphs are asked for; resident memory is the host's."""
    static = ("counts", "disk_size", "tensor_peak")
    assert stages("run", SETTINGS) == (*static, "allocated", "resident", "latency")
    assert stages("run", GPU) == (*static, "allocated", "latency")
    captured = msgspec.structs.replace(GPU, cuda_graph=True)
    assert stages("run", captured) == (*static, "allocated", "graph", "latency")
    metered = msgspec.structs.replace(GPU, energy=True)
    assert stages("run", metered) == (*static, "allocated", "energy", "latency")


def test_gradients_trains_only_where_the_settings_say_how() -> None:
    """Terms are exact and need no training."""
    trained = msgspec.structs.replace(SETTINGS, training=TRAINING)
    assert stages("gradients", SETTINGS) == ("counts", "gradient_terms")
    assert stages("gradients", trained) == ("counts", "gradient_terms", "training")


def test_a_stage_has_one_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names both files."""
    monkeypatch.setattr(base, "_registered", dict(base.registered()))
    with pytest.raises(ValueError, match=r"stage 'counts' is registered twice: by .*\.counts and"):

        @measure(stage="counts", place="static", help="again")
        def second_counts(_: object) -> None: ...


def test_what_is_asked_for_beside_a_case_does_not_fail_it_where_its_process_ends() -> None:
    """The case itself ran: it is timed without a graph, and without its energy."""
    assert MEASURES["graph"].after_exit("a", "killed by SIGSEGV") == Graph(
        case="a", graph_bytes=Failure(reason="killed by SIGSEGV")
    )
    assert MEASURES["energy"].after_exit("a", "timed out") == Energy(
        case="a", windows=Failure(reason="timed out")
    )
    measures: list[Measure] = [
        measure for stage, measure in MEASURES.items() if stage not in {"graph", "energy"}
    ]
    assert {measure.after_exit("a", "timed out") for measure in measures} == {None}


def test_profile_takes_what_does_no_harm_to_its_process() -> None:
    """A failed capture may leave torch broken, and the resident peak sets the allocator."""
    assert {stage for stage, measure in MEASURES.items() if not measure.in_process} == {
        *("deployment", "graph", "module_times", "resident", "training"),
    }


def test_importing_the_registry_loads_no_torch() -> None:
    """`list` answers at once."""
    code = (
        "import sys, cspbench.measures.registry as r; assert r.MEASURES; "
        "print({'torch', 'numpy', 'thop'} & set(sys.modules))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (completed.stdout, completed.stderr) == ("set()\n", "")


def test_preloading_imports_the_heavy_parts() -> None:
    """So that a forked worker need not."""
    preload()
    assert "cspbench.measures.tracking.peaks" in sys.modules
    assert "cspbench.measures.gradients.training" in sys.modules
