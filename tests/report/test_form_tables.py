"""Entries in several forms: tables, sentences, verdicts beside other outputs, the plot."""

import re

import msgspec
import pytest
from factories import with_measurements
from synthetic import make_run, report_text

from cspbench import report
from cspbench.records.deployment import Deployment, Fusion, RuntimeOperator
from cspbench.records.measurements import AnyMeasurement
from cspbench.records.run import Record, Run
from cspbench.report.plots import forms, latency_by_macs, peak_memory
from cspbench.report.results import derive

AT = "1x64x56x56 cpu fp32"


def deployment(record: Record, **changes: object) -> Deployment:
    """The record of a form whose outputs are eager's."""
    made = Deployment(
        case=record.case.key,
        steps_s={"export": 1.5, "load": 0.5},
        form_bytes=3 << 20,
        is_equal=True,
        error=2e-6,
        tolerance=1e-4,
        sqnr_db=120.0,
    )
    return msgspec.structs.replace(made, **changes)


def run_of_forms(**changes: object) -> Run:
    """Two entries in two forms, at inference; ``changes`` are of the second form's record."""
    run = make_run(("dense", "csp", "dense openvino:int8", "csp openvino:int8"), modes=("infer",))
    records = []
    for record in run.records:
        entry, _, form = record.case.label.partition(" ")
        case = record.case
        if not form:
            records.append(record)
            continue
        case = msgspec.structs.replace(
            case, form=form, entry=entry, reference=f"{entry} {AT} infer"
        )
        made = with_measurements(record, deployment(record, **changes))
        records.append(msgspec.structs.replace(made, case=case))
    info = msgspec.structs.replace(
        run.info,
        cases=tuple(record.case for record in records),
        stages=(*run.info.stages, "deployment"),
    )
    return msgspec.structs.replace(run, info=info, records=tuple(records))


def words_of(run: Run) -> str:
    return " ".join(report_text(run).split())


def table_of(run: Run, title: str) -> list[list[str]]:
    """The cells of the rows of the table below ``title``."""
    block = report_text(run).split(f"{title}\n")[1].split("\n\n")[0]
    rows = [line.strip("| ").split("|") for line in block.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


def figure(cell: str) -> float:
    """The figure of a cell, in front of its interval."""
    return float(cell.split(maxsplit=1)[0])


def test_a_form_is_compared_with_the_first_and_entries_within_each_form() -> None:
    """Ratios by hand: entry i takes 1 / (1 + i / 10) of the first's time."""
    run = run_of_forms()
    *_, dense, csp = table_of(run, "Inference by form, latency over eager's, by turn")
    assert dense[0] == "dense (reference)"
    assert figure(dense[2]) == pytest.approx(1 / 1.2, rel=0.01)
    assert figure(csp[2]) == pytest.approx(1.1 / 1.3, rel=0.01)
    title = "Inference by form, latency over dense's in the same form, by turn"
    *_, dense, csp = table_of(run, title)
    assert (dense[1], dense[2]) == ("1", "1")
    assert figure(csp[1]) == pytest.approx(1 / 1.1, rel=0.01)
    assert figure(csp[2]) == pytest.approx(1.2 / 1.3, rel=0.01)


def test_forms_have_sentences_and_are_no_rivals_of_entries() -> None:
    """The ranking of entries is of the first form; the fastest entry is named for each form."""
    text = words_of(run_of_forms())
    assert "csp is 9" in text  # per cent faster than dense
    assert "openvino:int8 takes 0.83" in text
    assert "(2 faster)" in text
    assert "Fastest entry at inference by form: csp as eager and openvino:int8." in text
    rankings = derive(run_of_forms()).rankings
    assert [[row.name for row in ranking.group] for ranking in rankings] == [["dense", "csp"]]


NO_ROWS = (
    "no rows for openvino:int8: counts and tensor peaks are of the module as written, as in eager"
)
AS_WRITTEN = "counts and tensor peaks of openvino:int8 describe the modules as written"


def test_forms_of_the_same_module_have_no_rows_of_counts() -> None:
    """One that changes the module, even in one entry only, has all of its rows."""
    run = run_of_forms()
    exact = {record.case.key: exact_of(record) for record in run.records}
    *first, other = (
        with_measurements(record, *exact[record.case.reference or record.case.key])
        if record.case.form != "eager"
        else record
        for record in run.records
    )
    alike = msgspec.structs.replace(run, records=(*first, other))
    assert names_counted(alike) == ["dense (reference)", "csp"]
    assert NO_ROWS in words_of(alike)
    assert AS_WRITTEN not in words_of(alike)
    differing = msgspec.structs.replace(run, records=(*first, run.records[-1]))
    assert names_counted(differing)[2:] == ["dense openvino:int8", "csp openvino:int8"]
    assert "no rows for" not in words_of(differing)
    assert AS_WRITTEN in words_of(differing)


def exact_of(record: Record) -> list[AnyMeasurement]:
    """The measurements of a record that have exact figures."""
    return [made for made in record.measurements.values() if type(made).exact]


def names_counted(run: Run) -> list[str]:
    """The entries of the first table of exact figures."""
    (title,) = re.findall("^Inference, input.*$", report_text(run).split("Timed")[0], re.MULTILINE)
    return [name for name, *_ in table_of(run, title)[1:] if name not in {"", "entry"}]


@pytest.mark.parametrize(
    ("changes", "verdict", "outputs", "sentence"),
    [
        ({}, "faster", "equal", "(2 faster)."),
        (
            {"is_equal": False, "error": 0.034, "sqnr_db": 31.4},
            "faster at 31 dB",
            "31 dB, off by 3.4%",
            "(2 faster), with other outputs (SQNR 31 dB).",
        ),
        (
            {"is_equal": False, "error": None, "sqnr_db": None, "reason": "2 tensors"},
            "faster, outputs not compared",
            "not compared",
            "(2 faster), with outputs that were not compared.",
        ),
        (
            {"is_equal": False, "error": 1e9, "sqnr_db": None},
            "faster, other outputs",
            "off by over 100%",
            "(2 faster), with other outputs.",
        ),
        (
            {"is_equal": False, "error": 1.2, "sqnr_db": -0.3},
            "faster at 0 dB",
            "0 dB, off by over 100%",
            "(2 faster), with other outputs (SQNR 0 dB).",
        ),
    ],
)
def test_a_form_that_computes_something_else_is_never_just_faster(
    changes: dict[str, object], verdict: str, outputs: str, sentence: str
) -> None:
    """In the verdict, in a column of its own, and in the sentence that concludes."""
    run = run_of_forms(**changes)
    (*_, row) = derive(run).rows
    assert row.readings["verdict"] == verdict
    assert row.readings["outputs"] == outputs
    assert sentence in words_of(run)
    assert "verdict,faster" not in report.render(derive(run), "csv")
    frame = derive(run)
    assert report.render(frame, "csv").count(",faster,") == 3


def test_what_was_loaded_folded_and_quantised_is_said_once_a_form() -> None:
    """Settings, nodes by provider, operators in 8 bits, and the norms that stay."""
    run = run_of_forms(
        settings={"threads": "2", "spinning": "off"},
        operators=(
            RuntimeOperator(name="QLinearConv", provider="CPU", nodes=6, is_int8=True),
            RuntimeOperator(name="Relu", provider="Other", nodes=2),
        ),
        fusion=Fusion(methods=("RepConv.reparameterize",), folded=2, left={"is shared": 1}),
    )
    text = words_of(run)
    assert "openvino:int8 ran with threads 2, spinning off; 8 nodes, 75% by CPU and 25% by" in text
    assert "6 of them compute in 8 bits (QLinearConv)" in text
    assert "2 of 3 batch normalisations folded into convolutions; 1 left (is shared)" in text
    assert "branches merged by RepConv.reparameterize" in text


def test_why_outputs_were_not_compared_is_said_once() -> None:
    """Below the tables, where it makes no column wide; so is a model without norms."""
    reason = "eager's own output differs from call to call"
    text = words_of(
        run_of_forms(is_equal=False, error=None, sqnr_db=None, reason=reason, fusion=Fusion())
    )
    both = "dense openvino:int8 (inference) and csp openvino:int8 (inference)"
    assert text.count(f"outputs of {both} not compared: {reason}") == 1
    assert "no batch normalisation seen to fold" in text


def test_forms_that_training_leaves_out_are_named() -> None:
    """In a run of both modes; one of inference alone says nothing."""
    run = run_of_forms()
    left_out = "not measured in training, which they are not for: openvino:int8"
    assert left_out not in words_of(run)
    trained = make_run(("dense", "csp"), modes=("train",))
    info = msgspec.structs.replace(run.info, cases=(*run.info.cases, *trained.info.cases))
    both = msgspec.structs.replace(run, info=info, records=(*run.records, *trained.records))
    assert left_out in words_of(both)


def test_plots_of_peaks_and_macs_show_no_figure_of_a_module_as_a_runtimes() -> None:
    """A bar is a tensor peak, which is the module's; MACs are the same in all forms."""
    results = derive(run_of_forms())
    peaks, macs = peak_memory(results), latency_by_macs(results)
    assert peaks is not None
    assert macs is not None
    assert len(peaks.draw().axes[0].patches) == 2
    assert [text.get_text() for text in macs.draw().axes[0].texts] == ["dense", "csp"]


def test_forms_have_columns_and_a_plot() -> None:
    """What it takes to make them, and their size; eager ones have none of it."""
    run = run_of_forms()
    rows = derive(run).rows
    assert [row.readings["prepare_s"] for row in rows] == [None, None, 2.0, 2.0]
    assert rows[2].readings["form_bytes"] == 3 << 20
    plot = forms(derive(run))
    assert plot is not None
    (axes,) = plot.draw().axes
    assert axes.get_xlabel() == "latency over eager's"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dense", "csp"]
    assert forms(derive(make_run(("dense", "csp")))) is None


def test_a_form_that_failed_leaves_the_others_their_figures() -> None:
    """A dash in its place."""
    run = run_of_forms()
    failed = msgspec.structs.replace(run.records[3], latencies=(), measurements={})
    run = msgspec.structs.replace(run, records=(*run.records[:3], failed))
    *_, dense, csp = table_of(run, "Inference by form, latency over eager's, by turn")
    assert csp[2].split() == ["–", "–"]
    assert figure(dense[2]) == pytest.approx(1 / 1.2, rel=0.01)


def test_an_entry_with_another_input_is_compared_with_the_reference_in_no_form() -> None:
    """It has its own first form alone; the fastest entry is one of those that are compared."""
    run = run_of_forms()
    alone = msgspec.structs.replace(run.records[1].case, reference=None, input_shape=(1, 8, 8, 8))
    records = (run.records[0], msgspec.structs.replace(run.records[1], case=alone))
    run = msgspec.structs.replace(run, records=(*records, *run.records[2:]))
    text = words_of(run)
    assert "Inference by form, latency over eager's" in text
    assert "in the same form" not in text
    assert "Fastest entry" not in text
