"""The pages: golden text, width, what is exact apart from what is timed, hostile text."""

import re
from pathlib import Path

import msgspec
import pytest
from factories import make_floor
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import change, change_case, make_run, render_report, report_text

from cspbench import report
from cspbench.choices import Form
from cspbench.errors import CspbenchError
from cspbench.records.base import Failure
from cspbench.records.lines import CaseFailure, Printed
from cspbench.records.run import Run

GOLDEN = Path(__file__).parent.parent / "golden"

# The golden pages are kept by hand: when one should change, read the new text as a user would
# before it is put in place of the old.
THREE = ("dense", "csp", "csp_fusion_first")


def exact_part(text: str) -> str:
    return text.partition("Timed: different in every run")[0]


@pytest.mark.parametrize(("form", "name"), [("table", "report.txt"), ("markdown", "report.md")])
def test_a_page_meets_its_golden_text(form: str, name: str) -> None:
    """Every word, figure and picture of a run of three entries in two modes."""
    golden = (GOLDEN / name).read_text(encoding="utf-8")
    assert report.render(report.derive(make_run(THREE)), form, has_plots=True) == golden


def test_the_exact_part_does_not_depend_on_the_times_or_the_machine() -> None:
    """Another seed of noise, another machine, another command: the same text up to the times."""
    run = make_run(THREE)
    noisier_run = make_run(THREE, noise=0.05, launches=3)
    noisier_run = msgspec.structs.replace(
        noisier_run,
        info=msgspec.structs.replace(
            noisier_run.info,
            command="another",
            started="2031-01-01T00:00:00Z",
            git=None,
            environment=msgspec.structs.replace(noisier_run.info.environment, device="another"),
        ),
    )
    assert exact_part(report_text(run)) == exact_part(report_text(noisier_run))
    assert report_text(run) != report_text(noisier_run)


def test_a_changed_count_changes_its_row_and_nothing_else_of_the_exact_table() -> None:
    """The diff of two reports shows the change."""
    run = make_run(THREE)
    counts = run.records[2].counts
    assert counts is not None
    changed = change(run, 2, msgspec.structs.replace(counts, params=counts.params + 1))
    before, after = (exact_part(report_text(version)).splitlines() for version in (run, changed))
    differing = [new for old, new in zip(before, after, strict=True) if old != new]
    assert len(differing) == 1
    assert differing[0].startswith("| csp ")


@settings(max_examples=25)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=80),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_no_table_is_wider_than_80_columns_whatever_the_labels_and_columns(
    labels: list[str],
) -> None:
    """Long labels wrap; columns that do not fit go on in a further table."""
    from wcwidth import wcswidth

    run = make_run(labels, reference=None, modes=("infer",), launches=2, turns=2)
    for line in report_text(run, tuple(column.key for column in report.COLUMNS)).splitlines():
        if line.startswith(("|", "+")):
            assert wcswidth(line) <= 80


def deployed(run: Run, form: Form, **environment: object) -> str:
    """The report of ``run``, on one line, were its last case of ``form``, elsewhere."""
    *cases, last = run.info.cases
    info = msgspec.structs.replace(
        run.info,
        cases=(*cases, msgspec.structs.replace(last, form=form)),
        environment=msgspec.structs.replace(run.info.environment, **environment),
    )
    return " ".join(report_text(msgspec.structs.replace(run, info=info)).split())


@pytest.mark.parametrize(
    ("int8", "text"),
    [
        ("AMX, VNNI", "int8 AMX, VNNI software"),
        ("none", "int8 none: 8-bit products may saturate, and are slower software"),
        (None, "int8 the processor's instructions for it were not recorded software"),
        (
            Failure(reason="no /proc"),
            "int8 the processor's instructions for it are not known: no /proc software",
        ),
    ],
)
def test_8_bit_instructions_of_the_processor_are_told_where_they_matter(
    int8: str | Failure | None, text: str
) -> None:
    """Beside a form of 8-bit integers only; older runs did not record them."""
    run = make_run(THREE, modes=("infer",), launches=2, turns=2)
    assert text in deployed(run, "openvino:int8", int8=int8)
    assert " int8 " not in deployed(run, "openvino", int8=int8)


def test_versions_of_runtimes_are_told_where_one_ran() -> None:
    """Of that one alone; the other may be installed as well."""
    run = make_run(THREE, modes=("infer",), launches=2, turns=2)
    installed = {"onnxruntime": "1.32.0", "onnx": "1.23.2", "openvino": "2026.4.1"}
    text = deployed(run, "onnxruntime", runtimes=installed)
    assert "thop 0.1.1, onnxruntime 1.32.0, onnx 1.23.2, cspbench 0.1.0" in text
    assert "onnx" not in deployed(run, "eager", runtimes=installed)


def test_circumstances_are_no_wider_than_the_tables_but_for_the_command() -> None:
    """Of contended launches there is much to say; what is to be typed stays on its line."""
    run = make_run(THREE)
    launches = tuple(
        msgspec.structs.replace(
            launch, activity=msgspec.structs.replace(launch.activity, cpu_s=1.0, others_s=19.0)
        )
        for launch in run.launches
    )
    command = "python -m cspbench run " + " ".join(["--threads 2"] * 12)
    info = msgspec.structs.replace(run.info, command=command)
    text = report_text(msgspec.structs.replace(run, launches=launches, info=info))
    assert "6 kept, as too few others" in " ".join(text.split())
    lines = text.splitlines()
    assert [len(line) > 80 for line in lines if line.startswith("repeat ")] == [True]
    assert max(len(line) for line in lines if not line.startswith("repeat ")) <= 80


def test_chosen_columns_are_shown_and_no_others() -> None:
    """Exact ones in the exact table, timed ones in the timed."""
    text = report_text(make_run(THREE), ("cio", "latency"))
    assert "CIO" in exact_part(text)
    assert "params" not in text
    assert "latency" in text.removeprefix(exact_part(text))
    with pytest.raises(CspbenchError, match="no column 'latancy'; nearest: 'latency'"):
        report_text(make_run(THREE), ("latancy",))


def test_a_detectable_change_that_means_nothing_is_no_figure() -> None:
    """Of two noisy launches it would be some thousand percent."""
    text = " ".join(report_text(make_run(THREE, launches=2, noise=0.2)).split())
    assert "smallest detectable change a factor of 2 or more" in text


def test_without_a_launch_the_noise_floor_has_nothing_to_say() -> None:
    """As after an interrupt amid the counts; nor are a GPU's columns missed on a CPU."""
    run = make_run(THREE, launches=0, launches_asked=6)
    for index in range(len(run.records)):
        remaining = dict(run.records[index].measurements)
        del remaining["allocated"]
        run = change(run, index, measurements=remaining)
    run = msgspec.structs.replace(
        run, info=msgspec.structs.replace(run.info, noise_floor=make_floor(0.01))
    )
    text = report_text(run)
    assert re.search(r"noise floor +known, but no launch was made\n", text)
    assert "reserved" not in text
    assert "compile" not in text


def test_one_launch_gives_no_interval_and_says_so() -> None:
    """No interval is invented from the samples of one process."""
    text = " ".join(report_text(make_run(THREE, launches=1)).split())
    assert "No entry is ranked at inference: a single launch gives no interval." in text


def test_an_interrupted_run_says_how_much_of_it_there_is() -> None:
    """Two of six launches."""
    assert "2 of 6 launches" in report_text(make_run(THREE, launches=2, launches_asked=6))


def test_without_a_reference_there_are_no_ratios() -> None:
    """And the sentence gives the time itself."""
    text = " ".join(report_text(make_run(THREE, reference=None)).split())
    assert "no reference entry is set, so there are no ratios" in text
    assert "ratio |" not in text


def test_beside_a_reference_of_another_input_the_reason_is_another() -> None:
    """Two entries at an input that the reference does not have."""
    run = make_run(THREE, modes=("infer",))
    for index in (1, 2):
        run = change_case(run, index, reference=None, input_shape=(1, 128, 32, 32))
    text = " ".join(report_text(run).split())
    assert "the fastest among csp and csp_fusion_first at inference" in text
    assert "tensor memory (4,387,173 bytes) among csp and csp_fusion_first at inference." in text
    assert "; no reference entry has their input, so there are no ratios." in text


def test_a_failed_case_is_a_dash_with_its_reason_never_a_zero() -> None:
    """It is listed with stage, cause and reason, and counted above the tables."""
    run = make_run(THREE, modes=("infer",))
    failure = CaseFailure(
        case=run.records[1].case.key,
        stage="allocated",
        cause="signal",
        reason="killed by SIGKILL",
        detail="a long\ntraceback",
    )
    measurements = {
        stage: measurement
        for stage, measurement in run.records[1].measurements.items()
        if stage not in {"allocated", "resident"}
    }
    run = change(run, 1, failures=(failure,), measurements=measurements, latencies=())
    text = report_text(run)
    assert "1 of 3 cases failed (csp (inference)): see Failures." in text
    assert "- csp (inference): allocated signal: killed by SIGKILL" in text
    assert "traceback" not in text
    rows = re.findall(r"^\| csp  .*$", text.partition("Timed")[2], re.MULTILINE)
    cells = [cell for row in rows for cell in row.strip("|").split("|")[1:]]
    assert len(cells) > len(rows)
    assert {mark for cell in cells for mark in cell.split()} == {"–"}


def test_a_reading_that_is_missing_is_explained_in_a_note() -> None:
    """A thop that broke is a dash and a sentence."""
    run = make_run(THREE, modes=("infer",))
    counts = run.records[0].counts
    assert counts is not None
    broken = msgspec.structs.replace(counts, thop_macs=Failure(reason="thop raised KeyError"))
    text = " ".join(report_text(change(run, 0, broken)).split())
    assert "MACs (thop) missing for dense (inference): thop raised KeyError" in text


def test_a_tensor_peak_that_differs_on_real_tensors_is_reported() -> None:
    """The two must agree; where they do not, the reader learns of it."""
    run = make_run(THREE, modes=("infer",))
    allocated = run.records[0].allocated
    assert allocated is not None
    differing = msgspec.structs.replace(allocated, peak_tensor_bytes=5)
    text = " ".join(report_text(change(run, 0, differing)).split())
    assert "bytes with fake tensors, 5 with real ones" in text


def test_a_model_that_takes_another_path_while_it_is_observed_is_named() -> None:
    """Its exact figures are of that path."""
    run = make_run(THREE, modes=("infer",))
    allocated = run.records[0].allocated
    assert allocated is not None
    noticing = msgspec.structs.replace(allocated, observed_only=("aten::relu", "aten::tanh"))
    text = " ".join(report_text(change(run, 0, noticing)).split())
    assert (
        "dense (inference) runs other code while it is observed, which is what its counts and "
        "tensor peak describe: aten::relu, aten::tanh ran more often than otherwise"
    ) in text


HOSTILE = "<img src=x onerror=alert(1)> | `code` @someone #1 ](http://x) \x1b[31m\n## heading"


def test_hostile_text_in_a_label_stays_text() -> None:
    """In Markdown it stands in code spans, one line, pipes escaped in tables."""
    run = make_run(("dense", "csp"), modes=("infer",))
    run = change_case(run, 1, label=HOSTILE)
    run = msgspec.structs.replace(
        run, info=msgspec.structs.replace(run.info, description=HOSTILE, suite="<b>")
    )
    page = render_report(run, "markdown")
    assert "\x1b" not in page
    assert not [line for line in page.splitlines() if line.startswith("## heading")]
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", page)
    assert "<img" not in outside.replace(r"\<", "")
    assert "\x1b" not in report_text(run)


def test_reports_hold_no_absolute_path() -> None:
    """A reason with a path keeps its last part."""
    run = make_run(THREE, modes=("infer",))
    failure = CaseFailure(
        case=run.records[1].case.key,
        stage="counts",
        cause="raised",
        reason="OSError: cannot open /home/someone/secret/weights.pt",
    )
    run = change(run, 1, failures=(failure,))
    for form in ("table", "markdown", "csv"):
        assert "/home/" not in render_report(run, form)


def test_what_a_model_printed_is_a_note_with_its_last_line() -> None:
    """Cases that printed the same share one; control characters and markup are none."""
    run = make_run(("dense", "csp", "c3"), modes=("infer",), launches=2, turns=2)
    for index in (1, 2):
        case = run.records[index].case.key
        printed = Printed(case=case, stage="counts", text="loading\n\n\x1b[31m`done` |\n")
        run = change(run, index, printed=(printed,))
    note = "csp (inference) and c3 (inference) printed 2 lines, the last one: ?[31m`done` |"
    assert note in " ".join(report_text(run).split())
    assert "printed 2 lines, the last one: ``?[31m`done` |``" in render_report(run, "markdown")


def test_what_a_model_changes_in_its_process_is_a_note() -> None:
    """Cases that change the same share one."""
    run = make_run(("dense", "csp", "c3"), modes=("infer",), launches=2, turns=2)
    sentence = "sets torch's default dtype to float64: kept for its own calls only"
    for index in (1, 2):
        run = change(run, index, alters=(sentence,))
    assert f"csp (inference) and c3 (inference) {sentence}" in " ".join(report_text(run).split())
