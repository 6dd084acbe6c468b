"""One measure over many runs: order, table, figure, files."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
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

TWO = ("dense", "csp")


def on(day: int, commit: str, run: Run | None = None, *, dirty: bool = False) -> Run:
    run = run or make_run(TWO)
    info = msgspec.structs.replace(
        run.info,
        started=f"2026-11-{day:02}T08:00:00+00:00",
        git=Git(commit=commit * 40, dirty=dirty),
    )
    return msgspec.structs.replace(run, info=info)


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
    assert macs.labels == (
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


def test_absolute_times_come_with_a_warning() -> None:
    """Ratios and counts do not need one."""
    runs = [on(1, "a"), on(2, "b")]
    assert "differ with the machine's state" in history.text(measured(runs, "latency"))
    assert "machine's state" not in history.text(measured(runs, "latency_ratio"))


def test_runs_of_several_devices_are_said() -> None:
    """A step in the line may be another machine."""
    second_device = on(2, "b")
    environment = msgspec.structs.replace(second_device.info.environment, device="Another CPU")
    info = msgspec.structs.replace(second_device.info, environment=environment)
    runs = [on(1, "a"), msgspec.structs.replace(second_device, info=info)]
    text = history.text(measured(runs, "macs"))
    assert "several devices: Imaginary Xeon 8000 and Another CPU" in text


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
