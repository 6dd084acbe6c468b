"""Event files of a run, read back by TensorBoard's own reader."""

import importlib.util
import io
import shlex
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
import pytest
from factories import lines_of, make_activity
from matplotlib.image import imread
from revisions import make_ab_run
from synthetic import change, change_case, make_run, write_folder
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import (
    EXPERIMENT_TAG,
    PLUGIN_NAME,
    SESSION_START_INFO_TAG,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from trained_runs import make_trained_run

from cspbench import cli
from cspbench.api import event_files
from cspbench.engine import graph_trace
from cspbench.engine.graph_trace import Graphs
from cspbench.errors import CspbenchError
from cspbench.records.folder import RunFolder, read
from cspbench.records.lines import CaseFailure
from cspbench.records.run import Record, Run
from cspbench.report import derive, frame

TWO = ("dense", "csp")
HOSTILE = (
    "../../../etc/passwd",
    "a/b: c?",
    "A/B: C?",
    ".hidden",
    "é" * 300,
    "  ",
    "<b>&amp;\n\x1b[2J",
)
_ALL = {"scalars": 0, "histograms": 0, "images": 0, "tensors": 0}


@pytest.fixture
def no_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces nothing, which would start a process for each model."""
    monkeypatch.setattr(graph_trace, "traced", lambda *_, **__: Graphs(files={}, notes=()))


def written(run: Run, folder: Path, plots: tuple[Path, ...] = ()) -> dict[str, EventAccumulator]:
    """What TensorBoard reads of ``run``, by the name of a run of its own."""
    folder.mkdir(exist_ok=True)
    event_files.write(derive(run), folder, plots)
    return read_back(folder)


def read_back(folder: Path) -> dict[str, EventAccumulator]:
    events = {}
    for path in sorted((folder / "tensorboard").iterdir()):
        events[path.name] = EventAccumulator(str(path), size_guidance=_ALL).Reload()
    return events


def hparams(events: EventAccumulator, tag: str) -> HParamsPluginData:
    content = events.summary_metadata[tag].plugin_data
    assert content.plugin_name == PLUGIN_NAME
    return HParamsPluginData.FromString(content.content)


def text(events: EventAccumulator, name: str) -> str:
    (value,) = events.Tensors(f"{name}/text_summary")
    content: bytes = value.tensor_proto.string_val[0]
    return content.decode()


@pytest.mark.usefixtures("no_graphs")
def test_scalars_are_the_readings_in_single_precision(tmp_path: Path) -> None:
    """By the names of columns; latencies by launch beside them, at the time of the run."""
    run = make_run(TWO, launches=3, turns=4)
    events = written(run, tmp_path)
    assert set(events) == {f"{name} {mode}" for name in TWO for mode in ("infer", "train")}
    figures = frame.cases(derive(run))
    for record in run.records:
        case = record.case
        read_case = events[f"{case.label} {case.mode}"]
        (row,) = figures[figures["key"] == case.key].to_dict("records")
        assert record.counts is not None
        for name, value in {
            "params": record.counts.params,
            "macs": record.counts.macs,
            "latency": row["latency_s"],
            "peak_rss_bytes": row["peak_rss_bytes"],
        }.items():
            (scalar,) = read_case.Scalars(name)
            assert scalar.value == np.float32(value), name
        assert [
            (scalar.step, scalar.value) for scalar in read_case.Scalars("latency_by_launch")
        ] == [(line.launch, np.float32(median(line.samples_s))) for line in record.latencies]
    assert events["csp infer"].Scalars("latency_ratio")[0].wall_time == 1767323045.0
    assert f"macs: {run.records[0].counts.macs:,}" in text(events["dense infer"], "exact")  # type: ignore[union-attr]
    assert text(events["csp infer"], "verdict").strip() == "faster"


@pytest.mark.usefixtures("no_graphs")
def test_histograms_hold_the_samples_of_each_launch(tmp_path: Path) -> None:
    """As many as turns, from the fastest to the slowest."""
    run = make_run(("dense",), modes=("infer",), launches=3, turns=20)
    histograms = written(run, tmp_path)["dense infer"].Histograms("latency_samples")
    for histogram, line in zip(histograms, run.records[0].latencies, strict=True):
        values = histogram.histogram_value
        assert histogram.step == line.launch
        assert (values.num, values.min, values.max) == (
            20,
            min(line.samples_s),
            max(line.samples_s),
        )
        assert sum(values.bucket) == 20
        assert len([count for count in values.bucket if count]) > 2  # a distribution, not a bar


@pytest.mark.usefixtures("no_graphs")
def test_images_are_the_plots_to_the_pixel(tmp_path: Path) -> None:
    """Those that are written as PNG."""
    write_folder(make_run(TWO, launches=2, turns=3), folder := tmp_path / "run")
    assert cli.main(["report", str(folder), "--format", "tensorboard"]) == 0
    plots = read_back(folder)["plots"]
    files = {path.stem: path for path in (folder / "plots").glob("*.png")}
    assert set(plots.Tags()["images"]) == set(files) != set()
    for name, path in files.items():
        (image,) = plots.Images(name)
        pixels = imread(io.BytesIO(image.encoded_image_string))
        assert np.array_equal(pixels, imread(path)[..., :3])


@pytest.mark.usefixtures("no_graphs")
def test_hyperparameters_are_arguments_and_how_a_case_is_measured(tmp_path: Path) -> None:
    """Each case has its own; all of them, and all metrics, are announced in each."""
    run = make_run(TWO, modes=("infer",), arguments={"csp": {"gamma": 0.25, "mode": 3}})
    run = change_case(run, 0, arguments={"act": "relu", "gamma": "none", "bias": True})
    events = written(run, tmp_path)
    started = hparams(events["csp infer"], SESSION_START_INFO_TAG).session_start_info
    values = {
        name: value.string_value or value.number_value for name, value in started.hparams.items()
    }
    assert values == {
        "entry": "csp", "mode": "infer", "batch": 1.0, "input": "1x64x56x56", "device": "cpu",
        "precision": "fp32", "memory_format": "contiguous", "form": "eager", "gamma": "0.25",
        "mode (argument)": 3.0,
    }  # fmt: skip
    for case_events in events.values():
        experiment = hparams(case_events, EXPERIMENT_TAG).experiment
        assert {info.name for info in experiment.hparam_infos} == {*values, "act", "bias"}
        metrics = {info.name.tag for info in experiment.metric_infos}
        assert {"latency", "macs", "latency_ratio"} <= metrics
        assert set(case_events.Tags()["scalars"]) - metrics == {"latency_by_launch"}


@pytest.mark.usefixtures("no_graphs")
def test_names_lead_to_no_other_folder(tmp_path: Path) -> None:
    """Each case has one of its own directly below, whatever it is called."""
    run = make_run([str(index) for index in range(len(HOSTILE))], modes=("infer",), launches=2)
    for index, name in enumerate(HOSTILE):
        run = change_case(run, index, label=name, arguments={name: name})
    events = written(run, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["tensorboard"]
    assert len({name.casefold() for name in events}) == len(HOSTILE)
    assert all(events[name].Scalars("macs") for name in events)
    assert max(len(name.encode()) for name in events) < 255
    assert not any(name.startswith(".") for name in events)


@pytest.mark.usefixtures("no_graphs")
def test_a_failed_case_says_why(tmp_path: Path) -> None:
    """What it has is logged; all of what is text is shown as it is."""
    failure = CaseFailure(case="", stage="latency", cause="signal", reason="<b>killed</b> by 9")
    run = change(make_run(TWO, modes=("infer",)), 1, latencies=(), failures=(failure,))
    events = written(run, tmp_path)["csp infer"]
    assert "latency" not in events.Tags()["scalars"]
    assert events.Scalars("macs")
    assert text(events, "failures") == "    latency signal: <b>killed</b> by 9"
    assert "latency: failed: signal" in text(events, "missing")


@pytest.mark.usefixtures("no_graphs")
def test_launches_that_do_not_count_are_a_series_of_their_own(tmp_path: Path) -> None:
    """As the report leaves them out of the latency."""
    run = make_run(("dense",), modes=("infer",), launches=4)
    launches = list(run.launches)
    launches[2] = msgspec.structs.replace(launches[2], activity=make_activity(0.2))
    run = msgspec.structs.replace(run, launches=tuple(launches))
    events = written(run, tmp_path)["dense infer"]
    assert [value.step for value in events.Scalars("latency_by_launch")] == [0, 1, 3]
    assert [value.step for value in events.Scalars("latency_by_launch/left_out")] == [2]


@pytest.mark.usefixtures("no_graphs")
def test_trainings_are_series_by_step(tmp_path: Path) -> None:
    """A series for each seed."""
    events = written(make_trained_run({"dense": (0.6, 0.5), "csp": (0.3, 0.2)}), tmp_path)
    series = events["dense train"].Scalars("parts_cka_by_step/seed 1")
    assert [(value.step, value.value) for value in series] == [
        (0, np.float32(0.21)),
        (8, np.float32(0.5)),
    ]
    assert len(events["csp train"].Scalars("loss_by_step/seed 0")) == 2


def test_the_sides_of_two_revisions_are_told_apart(tmp_path: Path) -> None:
    """A hyperparameter says which; there are no graphs, as the code is gone."""
    run = make_ab_run()
    (tmp_path / "run").mkdir()
    result = event_files.write(derive(run), tmp_path / "run", ())
    assert result.notes == ("No graphs: the checkouts of the two revisions are gone.",)
    sides = [
        hparams(events, SESSION_START_INFO_TAG).session_start_info.hparams["side"].string_value
        for events in read_back(tmp_path / "run").values()
    ]
    assert sorted(sides) == ["baseline"] * 4 + ["candidate"] * 4


@pytest.mark.usefixtures("no_graphs")
def test_files_of_an_earlier_call_are_replaced(tmp_path: Path) -> None:
    """All of them, and what a killed call has left."""
    written(make_run(TWO, modes=("infer",)), tmp_path)
    (tmp_path / ".tensorboard.tmp" / "half").mkdir(parents=True)
    (tmp_path / ".tensorboard.old").mkdir()
    assert set(written(make_run(("dense",), modes=("infer",)), tmp_path)) == {"dense infer"}
    assert [path.name for path in tmp_path.iterdir()] == ["tensorboard"]


@pytest.mark.usefixtures("no_graphs")
def test_what_is_interrupted_leaves_the_earlier_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder stands there in part, neither at the first call nor later."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(event_files, "_write_image", interrupt)
        for earlier in (set(), {"dense infer"}):
            with pytest.raises(KeyboardInterrupt):
                written(make_run(TWO, modes=("infer",)), tmp_path, (tmp_path / "a.png",))
            assert {path.name for path in (tmp_path / "tensorboard").glob("*")} == earlier
            assert not (tmp_path / ".tensorboard.tmp").exists()
            written(make_run(("dense",), modes=("infer",)), tmp_path)


@pytest.mark.usefixtures("no_graphs")
def test_nothing_but_event_files_is_replaced(tmp_path: Path) -> None:
    """A link, a link in the folder, and a file of somebody's."""
    run, target = make_run(("dense",), modes=("infer",)), tmp_path / "tensorboard"
    elsewhere = tmp_path / "elsewhere"
    written(run, elsewhere)
    target.symlink_to(elsewhere / "tensorboard")
    with pytest.raises(CspbenchError, match="tensorboard is a link"):
        written(run, tmp_path)
    target.unlink()
    for foreign in ("notes.txt", "dense infer/link"):
        written(run, tmp_path)
        (target / foreign).symlink_to(tmp_path)
        with pytest.raises(CspbenchError, match=f"holds {foreign}, which is no event file: move"):
            written(run, tmp_path)
        (target / foreign).unlink()
    target.rename(tmp_path / "moved")
    target.write_text("mine")
    with pytest.raises(CspbenchError, match="tensorboard is no folder: move it"):
        written(run, tmp_path)
    target.unlink()
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(CspbenchError, match=r"holds notes\.txt, which is no event file"):
        written(run, tmp_path)
    assert (elsewhere / "tensorboard").is_dir()


def test_without_tensorboard_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says how to install it."""
    write_folder(make_run(("dense",), launches=2), tmp_path / "run")
    before = sorted(tmp_path.rglob("*"))
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorboard" else find_spec(name)
    )
    assert cli.main(["report", str(tmp_path / "run"), "--format", "tensorboard"]) == 2
    assert capsys.readouterr().err == (
        "cspbench: --format tensorboard needs TensorBoard, which is not installed "
        "(pip install 'cspbench[tensorboard]')\n"
    )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("no_graphs")
def test_several_runs_get_files_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a command each that shows them, quoted where a shell needs that."""
    for name in ("first run", "second"):
        write_folder(make_run(("dense",), modes=("infer",), launches=2), tmp_path / name)
    runs = [str(tmp_path / name) for name in ("first run", "second")]
    assert cli.main(["report", *runs, "--format", "tensorboard"]) == 0
    commands = [
        shlex.split(line.removeprefix("To look at them: "))
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("To look at them: ")
    ]
    assert commands == [["tensorboard", "--logdir", f"{run}/tensorboard"] for run in runs]
    for run in runs:
        assert set(read_back(Path(run))) == {"dense infer", "plots"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trace", "net.py:Net"], "--trace needs --format tensorboard"),
        (["--format", "tensorboard", "--history"], "--history has no form for tensorboard"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any run is read."""
    assert cli.main(["report", "run", *words]) == 2
    assert message in capsys.readouterr().err


MODEL = """
from pathlib import Path
import torch
from torch import nn

Path("sprung").touch()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, image, *, scale):
        print("called")
        return {"a": [self.conv(image) * scale, "text"], "b": None}

class Broken(Net):
    def forward(self, image, *, scale):
        raise RuntimeError("not today")

class Deadly(Net):
    def forward(self, image, *, scale):
        import os
        os._exit(3)
"""


def strangers_run(folder: Path, names: tuple[str, ...]) -> Run:
    """A run folder of models that `MODEL` defines, as if they had been measured."""
    from cspbench.catalogue import find
    from cspbench.catalogue.input_text import parse_words
    from cspbench.plan.case import make_case

    inputs = parse_words(["1,3,8,8", "scale=1"])
    cases = tuple(make_case(find(f"net.py:{name}"), {}, inputs=inputs) for name in names)
    run = make_run(("dense",), modes=("infer",))
    info = msgspec.structs.replace(run.info, cases=cases)
    records = tuple(Record(case=case) for case in cases)
    run = msgspec.structs.replace(run, info=info, records=records, launches=())
    with RunFolder.create(folder, run.info) as opened:
        opened.append(lines_of(run))
    return run


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `net.py`, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(MODEL, encoding="utf-8")
    yield tmp_path
    assert not (tmp_path / ".tensorboard.tmp").exists()


@pytest.mark.slow
def test_the_graph_of_a_catalogue_entry_has_its_modules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One for both modes, beside the first case; convolutions stand below their module."""
    from cspbench.catalogue import find
    from cspbench.plan.case import make_case

    cases = tuple(
        make_case(find("csp_fusion_last"), {"layers": 2}, shape=(1, 64, 8, 8), mode=mode)
        for mode in ("infer", "train")
    )
    run = make_run(("dense",), modes=("infer",))
    info = msgspec.structs.replace(run.info, cases=cases)
    records = tuple(Record(case=case) for case in cases)
    write_folder(
        msgspec.structs.replace(run, info=info, records=records, launches=()), tmp_path / "run"
    )
    assert cli.main(["report", str(tmp_path / "run"), "--format", "tensorboard"]) == 0
    events = read_back(tmp_path / "run")
    assert {name for name, read_case in events.items() if read_case.Tags()["graph"]} == {
        next(name for name in events if name.endswith("infer"))
    }
    graph = next(case for case in events.values() if case.Tags()["graph"]).Graph()
    convolutions = [node.name for node in graph.node if node.op == "aten::_convolution"]
    assert len(convolutions) == 2 * 2 + 1  # two a dense layer, and the transition
    assert all(name.startswith("FusionLast/") for name in convolutions)
    output = capsys.readouterr().out
    assert "Written: tensorboard/ (2 cases, 1 graph)" in output
    assert f"To look at them: tensorboard --logdir {tmp_path / 'run' / 'tensorboard'}" in output


def test_a_strangers_code_does_not_run(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said how to trace it; all else is written."""
    strangers_run(at_home / "run", ("Net",))
    assert cli.main(["report", "run", "--format", "tensorboard"]) == 0
    assert not Path("sprung").exists()
    captured = capsys.readouterr()
    assert (
        "No graph of net.py:Net: only run.json names its code (if you trust that, add --trace "
        "net.py:Net)."
    ) in " ".join(captured.out.split())
    assert captured.err == ""


def test_a_model_that_no_run_has_is_refused(
    at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the names that there are; nothing is written."""
    strangers_run(at_home / "run", ("Net",))
    words = ["--format", "tensorboard", "--trace", "net.py:Nett"]
    assert cli.main(["report", "run", *words]) == 2
    assert "run.json has no model 'net.py:Nett'; nearest: 'net.py:Net'" in capsys.readouterr().err
    assert not Path("run", "tensorboard").exists()


@pytest.mark.slow
def test_named_models_are_traced_and_those_that_cannot_be_are_said(
    at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Arguments by name and outputs in a tree are no hindrance; an error or an exit fails none."""
    names = ("Net", "Broken", "Deadly")
    strangers_run(at_home / "run", names)
    words = ["--trace", ",".join(f"net.py:{name}" for name in names)]
    assert cli.main(["report", "run", "--format", "tensorboard", *words]) == 0
    events = read_back(Path("run"))
    assert set(events) == {f"net.py_{name} infer" for name in names}
    (graph,) = (case.Graph() for case in events.values() if case.Tags()["graph"])
    assert "aten::_convolution" in {node.op for node in graph.node}
    output = " ".join(capsys.readouterr().out.split())
    assert "No graph of net.py:Broken: it cannot be traced: RuntimeError: not today." in output
    assert "No graph of net.py:Deadly: it cannot be traced: " in output
    assert "called" not in output


@pytest.mark.slow
def test_a_model_that_has_changed_since_the_run_has_no_graph(
    at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its graph would not be that of what was measured."""
    run = strangers_run(at_home / "run", ("Net",))
    info = msgspec.structs.replace(run.info, models={"net.py:Net": "sha256:0"})
    (Path("run") / "run.json").write_bytes(msgspec.json.encode(info))
    words = ["--format", "tensorboard", "--trace", "net.py:Net"]
    assert cli.main(["report", "run", *words]) == 0
    output = capsys.readouterr().out
    assert "No graph of net.py:Net: net.py:Net has changed since the run." in output
    assert read(Path("run")).info.models
