"""One measure over many runs: order, table, figure, files."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from plotted_runs import with_energies
from synthetic import change, make_run, write_folder

from cspbench import cli
from cspbench.catalogue import find
from cspbench.errors import CspbenchError
from cspbench.plan.case import make_case
from cspbench.records.machine import Git
from cspbench.records.run import Run
from cspbench.report import history, plots
from cspbench.report.history import History
from cspbench.report.results import derive
from cspbench.verdicts import change_points

TWO = ("dense", "csp")


def on(day: int, commit: str, run: Run | None = None, *, dirty: bool = False) -> Run:
    run = run or make_run(TWO)
    info = msgspec.structs.replace(
        run.info,
        started=f"2026-11-{day:02}T08:00:00+00:00",
        git=Git(commit=commit * 40, dirty=dirty),
    )
    return msgspec.structs.replace(run, info=info)


def with_graphs(run: Run) -> Run:
    """The run with replays of CUDA graphs that take three quarters of each call."""
    for index, record in enumerate(run.records):
        lines = tuple(
            msgspec.structs.replace(
                line, graph_samples_s=tuple(0.75 * sample for sample in line.samples_s)
            )
            for line in record.latencies
        )
        run = change(run, index, latencies=lines)
    return run


def measured(runs: Sequence[Run], measure: str) -> History:
    return history.history([derive(run) for run in runs], measure)


def grown(run: Run) -> Run:
    """The first case has one MAC more."""
    counts = run.records[0].counts
    assert counts is not None
    return change(run, 0, msgspec.structs.replace(counts, macs=counts.macs + 1))


def test_runs_stand_in_order_of_time_and_say_what_changed() -> None:
    """Whatever order they are given in; a dirty tree is marked, a repeated label numbered."""
    runs = [on(3, "c", grown(make_run(TWO))), on(1, "a"), on(2, "b", dirty=True), on(1, "a")]
    macs = measured(runs, "macs")
    assert tuple(run.label for run in macs.runs) == (
        "2026-11-01 aaaaaaa",
        "2026-11-01 aaaaaaa #2",
        "2026-11-02 bbbbbbb+",
        "2026-11-03 ccccccc",
    )
    text = history.text(macs)
    assert text.startswith("MACs changed in 1 of 4 cases: dense (inference).")
    assert max(map(len, text.splitlines())) <= 100
    unchanged = history.text(measured(runs[1:], "macs"))
    assert unchanged.startswith("MACs is the same in all 3 runs.")


def test_a_case_that_a_run_lacks_is_a_dash_and_no_point() -> None:
    """An entry that came later."""
    ratios = measured([on(1, "a", make_run(("dense",))), on(2, "b")], "latency_ratio")
    assert ratios.readings["infer", "csp"][0] is None
    rows = [line for line in history.text(ratios).splitlines() if line.startswith("| csp")]
    assert all("–" in row for row in rows)
    assert {point["run"] for point in history.points(ratios) if point["entry"] == "csp"} == {
        "2026-11-02 bbbbbbb"
    }


@pytest.mark.parametrize(
    ("measure", "factor", "label"),
    [("energy", 1e3, "energy [mJ]"), ("launch_overhead", 100.0, "launch overhead [%]")],
)
def test_the_plot_has_the_unit_of_its_axis(measure: str, factor: float, label: str) -> None:
    """The CSV file is in base units, the axis in those of the header; shares are in percent."""
    runs = [on(day, "a", with_energies(with_graphs(make_run(TWO)))) for day in (1, 2)]
    made = measured(runs, measure)
    expected = [factor * point["value"] for point in history.points(made)]
    axes = plots.history(made).draw().axes[0]
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    assert axes.get_ylabel().startswith(label)
    assert {round(float(y), 6) for y in drawn} <= {round(y, 6) for y in expected}


def test_absolute_times_come_with_a_warning() -> None:
    """Ratios and counts do not need one."""
    runs = [on(1, "a"), on(2, "b")]
    assert "differ with the machine's state" in history.text(measured(runs, "latency"))
    assert "machine's state" not in history.text(measured(runs, "latency_ratio"))


def elsewhere(run: Run) -> Run:
    """The run on another machine."""
    environment = msgspec.structs.replace(run.info.environment, device="Another CPU")
    info = msgspec.structs.replace(run.info, environment=environment)
    return msgspec.structs.replace(run, info=info)


def slower(run: Run, index: int, factor: float) -> Run:
    """The run with the times of one record multiplied by ``factor``."""
    latencies = tuple(
        msgspec.structs.replace(line, samples_s=tuple(factor * sample for sample in line.samples_s))
        for line in run.records[index].latencies
    )
    return change(run, index, latencies=latencies)


NOISE = (0.003, -0.004, 0.001, 0.0, -0.002, 0.004, -0.003, 0.002, -0.001, 0.003)


def stepping(step: float = 1.05) -> list[Run]:
    """Ten runs of different noise; in the sixth, `csp` steps at inference."""
    run = make_run(TWO, launches=3, turns=3)
    return [
        slower(on(day + 1, f"{day}", run), 2, (1 + noise) * (step if day >= 5 else 1.0))
        for day, noise in enumerate(NOISE)
    ]


def test_runs_of_several_devices_are_said() -> None:
    """A step in the line may be another machine."""
    second_device = on(2, "b")
    runs = [on(1, "a"), elsewhere(second_device)]
    text = history.text(measured(runs, "macs"))
    assert "several machines: (1) Imaginary Xeon 8000 and (2) Another CPU." in text


def test_the_figure_has_a_line_an_entry_and_a_panel_a_mode() -> None:
    """In the header's unit, one tick a run, intervals as bars."""
    figure = plots.history(measured([on(1, "a"), on(2, "b")], "latency")).draw()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Inference", "Training"]
    axes = figure.axes[0]
    assert axes.get_ylabel() == "latency [ms]"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "2026-11-01 aaaaaaa",
        "2026-11-02 bbbbbbb",
    ]
    assert figure.get_supxlabel() == (
        "Bars: 95% intervals.\nInput 1x64x56x56, batch 1; Imaginary Xeon 8000 (cpu), 2 threads; "
        "fp32; torch 2.13.0."
    )
    heights = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    assert len(heights) == 2 * 2
    assert (heights > 1).all()  # milliseconds, not seconds
    assert (heights < 1000).all()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(TWO)


def test_the_figure_says_in_words_which_case_changed_most() -> None:
    """By the factor between its first and its last run: from 20 ms to 20 ms / 1.2."""
    runs = [on(1, "a"), on(2, "b", grown(make_run(TWO)))]
    assert plots.history(measured(runs, "params")).alt == (
        "params over 2 runs. No case differs between its first and its last run."
    )
    before = make_run(("dense", "csp"), modes=("infer",), noise=0.0)
    after = make_run(("csp", "another", "dense"), modes=("infer",), noise=0.0)
    assert plots.history(measured([on(1, "a", before), on(2, "b", after)], "latency")).alt == (
        "latency [ms] over 2 runs, with 95% intervals. dense (inference) changed most, from 20 to "
        "16.67."
    )


def test_an_unknown_measure_and_one_that_no_run_has_are_said() -> None:
    """With what there is."""
    with pytest.raises(CspbenchError, match="no measure 'latencies'; nearest: 'latency'"):
        measured([on(1, "a")], "latencies")
    with pytest.raises(CspbenchError, match="none of these runs has permutation_p"):
        measured([on(1, "a", make_run(TWO, launches=2))], "permutation_p")


def test_the_verb_prints_the_table_and_writes_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`report RUN RUN --history macs --out DIR`; the CSV holds a row a case and run."""
    names = []
    for index, run in enumerate((on(2, "b", grown(make_run(TWO))), on(1, "a"))):
        write_folder(run, tmp_path / str(index))
        names.append(str(tmp_path / str(index)))
    out = tmp_path / "out"
    assert cli.main(["report", *names, "--history", "macs", "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("MACs changed in 1 of 4 cases")
    assert {path.name for path in out.iterdir()} == {
        *("history-macs.csv", "history-macs.png", "history-macs.svg"),
    }
    with (out / "history-macs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 4
    assert int(float(rows[1]["value"])) - int(float(rows[0]["value"])) == 1


def test_of_many_entries_those_are_drawn_that_changed_most() -> None:
    """Only the first changed; the table still has all of them."""
    run = make_run([f"entry_{index}" for index in range(60)], modes=("infer",), launches=2, turns=2)
    changes = measured([on(1, "a", run), on(2, "b", grown(run))], "macs")
    figure = plots.history(changes).draw()
    assert figure.get_suptitle() == ("macs over 2 runs: the 40 of 60 entries that changed most")
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert "entry_0" in names
    assert len(names) == 40
    assert history.text(changes).count("| entry_") == 60


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"shape": (2, 64, 56, 56)}, ["dense", "dense 2x64x56x56"]),
        ({"device": "cuda:1"}, ["dense cpu", "dense cuda:1"]),
        ({"precision": "bf16"}, ["dense", "dense bf16"]),
        ({"channels_last": True}, ["dense", "dense channels_last"]),
        ({"form": "compiled"}, ["dense", "dense compiled"]),
    ],
)
def test_cases_that_differ_in_one_respect_are_kept_apart(
    fields: dict[str, Any], names: list[str]
) -> None:
    """Within a run nothing tells them apart, as each run has only one of them."""
    macs = measured([on(1, "a", of_dense()), on(2, "b", of_dense(**fields))], "macs")
    assert [name for _, name in macs.readings] == names
    assert [[reading is None for reading in line] for line in macs.readings.values()] == [
        [False, True],
        [True, False],
    ]


def of_dense(**fields: Any) -> Run:
    """A run of one case of the entry ``dense``, made as a plan makes it."""
    run = make_run(("dense",), modes=("infer",))
    case = make_case(find("dense"), {}, **fields)
    records = (msgspec.structs.replace(run.records[0], case=case),)
    info = msgspec.structs.replace(run.info, cases=(case,))
    return msgspec.structs.replace(run, info=info, records=records)


def test_a_step_is_named_with_its_case_size_and_runs() -> None:
    """As data, in the text, in the rows of the CSV file, and as a ring in the figure."""
    ratios = measured(stepping(), "latency_ratio")
    changed = [series for series in ratios.series if series.changes]
    assert [(series.name, series.mode) for series in changed] == [("csp", "infer")]
    (step,) = changed[0].changes
    assert (step.before, step.after) == (4, 5)
    assert step.ratio is not None
    assert step.ratio.low is not None
    assert step.ratio.high is not None
    assert step.ratio.low < 1.05 < step.ratio.high
    text = history.text(ratios)
    assert text.startswith("ratio has change points in 1 of 4 series.")
    pattern = r"^- csp \(inference\): \+[45]\.\d+% \(95% CI .*\) between 2026-11-05 4444444 and"
    assert re.search(pattern, text, re.MULTILINE)
    rows = [row for row in history.points(ratios) if row["changed"]]
    assert [(row["entry"], row["run"]) for row in rows] == [("csp", "2026-11-06 5555555")]
    assert rows[0]["change_low"] == step.ratio.low
    panel = plots.history(ratios).draw().axes[0]
    ring = next(drawn for drawn in panel.collections if isinstance(drawn, PathCollection))
    ((position, height),) = np.asarray(ring.get_offsets())
    assert (position, height) == (5, rows[0]["value"])


def test_identical_code_has_no_change_point() -> None:
    """Nor has a step within the threshold."""
    for step in (1.0, 1.02):
        ratios = measured(stepping(step), "latency_ratio")
        assert not any(series.changes for series in ratios.series)
        assert history.text(ratios).startswith("ratio has change points in 0 of 4 series.")


def test_every_change_of_an_exact_figure_is_named() -> None:
    """Also in two runs, where no test could tell a step from noise, and to and from 0."""
    runs = [on(1, "a"), on(2, "b", grown(make_run(TWO))), on(3, "c")]
    macs = measured(runs, "macs")
    (before, after) = macs.series[0].changes
    assert [(before.before, before.after), (after.before, after.after)] == [(0, 1), (1, 2)]
    first = macs.series[0].points[0].value
    assert before.ratio is not None
    assert (before.ratio.value, before.ratio.low) == ((first + 1) / first, None)
    text = " ".join(history.text(macs).split())
    named = f"- dense (inference): {first:,.0f} became {first + 1:,.0f}"
    assert f"{named} between 2026-11-01 aaaaaaa and 2026-11-02 bbbbbbb" in text
    zero = measured([without_macs(runs[0]), runs[1]], "macs").series[0].changes
    assert [change.ratio for change in zero] == [None]


def without_macs(run: Run) -> Run:
    counts = run.records[0].counts
    assert counts is not None
    return change(run, 0, msgspec.structs.replace(counts, macs=0))


def test_times_of_two_machines_are_never_in_one_series() -> None:
    """Nor in one table or panel; the machines take turns, and one is twice as fast."""
    runs = [
        slower(elsewhere(run), 2, 0.5) if index % 2 else run
        for index, run in enumerate(stepping(1.0))
    ]
    latencies = measured(runs, "latency")
    assert {series.machine for series in latencies.series} == {
        "Imaginary Xeon 8000",
        "Another CPU",
    }
    for series in latencies.series:
        machines = {latencies.runs[point.run].machine for point in series.points}
        assert machines == {series.machine}
        assert series.changes == ()
    assert history.text(latencies).count("Inference, latency [ms], ") == 2
    figure = plots.history(latencies).draw()
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        f"{mode}\n{machine}"
        for mode in ("Inference", "Training")
        for machine in ("Imaginary Xeon 8000", "Another CPU")
    ]
    assert [len(np.asarray(axes.lines[0].get_ydata())) for axes in figure.axes] == [5] * 4


def test_ratios_of_two_machines_share_a_table() -> None:
    """Whose columns say which; steps are still sought in each machine's own."""
    ratios = measured([on(1, "a"), elsewhere(on(2, "b"))], "latency_ratio")
    text = history.text(ratios)
    assert "(1) Imaginary Xeon 8000 and (2) Another CPU" in text
    assert text.count("Inference, ratio\n") == 1
    assert re.search(r"\| +\(1\) +\| +\(2\) +\|", text)
    assert all(len(series.points) == 1 for series in ratios.series)


def test_settings_that_change_times_make_another_machine() -> None:
    """The number of threads; it is named where it differs."""
    run = on(2, "b")
    settings = msgspec.structs.replace(run.info.settings, threads=1)
    info = msgspec.structs.replace(run.info, settings=settings)
    latencies = measured([on(1, "a"), msgspec.structs.replace(run, info=info)], "latency")
    assert [run.machine for run in latencies.runs] == [
        "Imaginary Xeon 8000, 2 threads",
        "Imaginary Xeon 8000, 1 thread",
    ]


def test_without_the_package_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else is shown; where there is nothing to seek, it is not asked for."""
    monkeypatch.setattr(change_points, "is_installed", lambda: False)
    text = history.text(measured(stepping(), "latency_ratio"))
    assert " ".join(text.partition("\n\n")[0].split()) == (
        "Change points are not sought: that needs ruptures, which is not installed (pip install "
        "'cspbench[history]')."
    )
    assert "| csp " in text
    short = history.text(measured(stepping()[:5], "latency_ratio"))
    assert short.startswith("Change points are sought in 6 runs or more of a machine.")
    assert "ruptures" not in history.text(measured(stepping(), "macs"))


def test_of_many_runs_the_newest_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only those are read; it is said how many are left out."""
    monkeypatch.setattr("cspbench.report.MAX_RUNS", 3)
    names = []
    for index, run in enumerate(stepping()[:5]):
        write_folder(run, tmp_path / str(index))
        names.append(str(tmp_path / str(index)))
    for name in names[:2]:
        (Path(name) / "records.jsonl").write_text("not read")
    words = ["--history", "macs", "--out", str(tmp_path / "out")]
    assert cli.main(["report", *reversed(names), *words]) == 0
    output = capsys.readouterr().out
    assert output.startswith("The newest 3 runs are shown; 2 older ones are left out.")
    assert "2026-11-02" not in output
