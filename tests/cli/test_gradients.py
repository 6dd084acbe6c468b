"""The verb ``gradients``: its folder, what it refuses, and how two such runs compare."""

import hashlib
import json
import math
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import msgspec
import numpy as np
import pytest
from factories import SETTINGS, by_stage, make_case, make_info
from synthetic import change, make_counts, render_report, report_text, write_report

from cspbench import cli, compare
from cspbench.cli.exit_codes import comparison_exit_code
from cspbench.errors import CspbenchError
from cspbench.records.folder import read
from cspbench.records.gradient_terms import (
    Part,
    Source,
    Span,
    Split,
    Structure,
    Unfollowed,
    Used,
    WeightTerms,
)
from cspbench.records.measurements import GradientTerms
from cspbench.records.run import Record, Run, TrainingSettings
from cspbench.records.trainings import Head, Reading, Training
from cspbench.report import plots
from cspbench.report.results import derive

SMALL = ("gradients", "csp", "--set", "channels=8", "--set", "layers=2", "--set", "growth=4")
SHORT = (*SMALL, "--input", "1,8,8,8", "--seeds", "2", "--steps", "4")


def cspbench(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cspbench", *words],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_an_entry_is_traced_trained_and_reported_and_drawn_anew_from_its_records(
    tmp_path: Path,
) -> None:
    """Every file of the run comes again to the byte, and the run is equal to its own report."""
    completed = cspbench(*SHORT, "--out", "run", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    folder = tmp_path / "run"
    run = read(folder)
    assert run.info.command == " ".join(["python -m cspbench", *SHORT])
    assert run.info.stages == ("counts", "gradient_terms", "training")
    (record,) = run.records
    assert record.gradient_terms is not None
    assert [split.truncated for split in record.gradient_terms.structure.splits] == [True]
    assert [training.seed for training in record.trainings] == [0, 1]
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    names = {path.relative_to(folder).as_posix() for path in files}
    assert {"plots/gradient_terms.png", "plots/gradient_course.svg", "report.md"} <= names
    assert "plots/latency.png" not in names
    write_report(run, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    sentence = "After 4 steps, similarity of the two parts' gradients (linear CKA): csp channels=8"
    assert sentence in completed.stdout
    assert "- parts compared, of input as the block cuts it: csp" in completed.stdout
    assert f" -m cspbench show {' '.join(SMALL[1:])} --input 1,8,8,8\n" in completed.stdout
    assert "Timed" not in completed.stdout
    same = cspbench("compare", "run", "run/report.md", cwd=tmp_path)
    assert same.returncode == 0
    first = same.stdout.splitlines()[0]
    assert first == "No change: what is exact is equal, and trainings differ by less than matters."


@pytest.mark.slow
def test_networks_are_traced_only(tmp_path: Path) -> None:
    """Nothing is trained with --no-training; a whole network could not be."""
    completed = cspbench("gradients", "peleenet", "--no-training", "--out", "run", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    (record,) = read(tmp_path / "run").records
    assert record.gradient_terms is not None
    assert not record.gradient_terms.is_block
    assert "no cut: peleenet" in completed.stdout.replace("\n", " ")
    assert "1 case: gradient terms first" in completed.stderr


@pytest.mark.slow
def test_a_model_of_ones_own_is_a_suite_with_a_plain_name(tmp_path: Path) -> None:
    """A dictionary of maps is traced, and one note says why nothing is trained on it."""
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\n"
        "class Two(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(4, 4, 1)\n\n"
        "    def forward(self, x):\n"
        "        return {'a': self.conv(x), 'b': x}\n"
    )
    (tmp_path / "below").mkdir()
    words = (f"{tmp_path}/mine.py:Two", "--input", "2,4,8,8", "--out", "../run")
    completed = cspbench("gradients", *words, cwd=tmp_path / "below")
    assert completed.returncode == 0, completed.stderr
    info = read(tmp_path / "run").info
    assert info.suite == "mine.py-Two"
    assert info.command == "python -m cspbench gradients ../mine.py:Two --input 2,4,8,8"
    digest = hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()[:16]
    assert info.models == {f"{tmp_path}/mine.py:Two": digest}
    assert f"models     …/mine.py:Two {digest}\n" in completed.stdout
    assert "\ncspbench   commit " in completed.stdout  # of which nothing follows for the model
    text = " ".join(completed.stdout.split())
    assert text.count("it returns no feature map (N, C, H, W) to train on") == 1
    assert "A gradient term takes part in 1 update in" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gradients", "dence"), "no suite 'dence'"),
        (("gradients", "designs", "--set", "gamma=0.5"), "--set and --input are of an entry"),
        (("gradients", "csp", "--set", "gama=0.5"), "no parameter of csp 'gama'; nearest: 'gamma'"),
        (("gradients", "csp", "--head", "cnv"), "no head 'cnv'; nearest: 'conv'"),
        (("gradients", "csp", "--steps", "3"), "a number of steps is a whole number from 4"),
        (("gradients", "--device", "cuda"), "unrecognized arguments: --device"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    words: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is measured."""
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*SHORT, "--data", "nowhere:batches"), "cannot import 'nowhere' of 'nowhere:batches'"),
        ((*SHORT, "--data", "data.py:none"), "'data.py' has no 'none'"),
        ((*SHORT, "--data", "data.py:ends"), "data.py:ends: loading it failed: the process exited"),
        (("gradients", "data.py:none", "--input", "1,4,8,8"), "'data.py' has no 'none'"),
    ],
)
def test_data_or_a_model_that_cannot_be_had_is_said_before_anything_is_measured(
    tmp_path: Path, words: Sequence[str], message: str
) -> None:
    """One line, exit code 2 and no folder."""
    (tmp_path / "data.py").write_text("import os\n\ndef ends():\n    os._exit(3)\n")
    completed = cspbench(*words, "--out", "run", cwd=tmp_path)
    assert completed.returncode == 2
    assert message in completed.stderr
    assert completed.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_is_gone_on_with_only_where_its_model_is_found(tmp_path: Path) -> None:
    """From another directory it is refused, or when the file has changed; it stays as it is."""
    (tmp_path / "mine.py").write_text("from torch import nn\n\nBlock = nn.Identity\n")
    words = ("gradients", "mine.py:Block", "--input", "1,4,8,8", "--steps", "4")
    completed = cspbench(*words, "--seeds", "1", "--out", "run", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    records = tmp_path / "run" / "records.jsonl"
    before = records.read_bytes()
    (tmp_path / "elsewhere").mkdir()
    completed = cspbench("gradients", "--resume", "../run", cwd=tmp_path / "elsewhere")
    assert completed.returncode == 2
    assert completed.stderr == (
        "cspbench: --resume ../run: there is no file mine.py; go on from where it was begun\n"
    )
    (tmp_path / "mine.py").write_text("from torch import nn\n\nBlock = nn.ReLU\n")
    completed = cspbench("gradients", "--resume", "run", cwd=tmp_path)
    assert completed.returncode == 2
    assert completed.stderr == (
        "cspbench: cannot resume run: mine.py:Block has changed since. Ask for the same, or begin "
        "anew (--out)\n"
    )
    assert records.read_bytes() == before


@pytest.mark.slow
def test_a_run_of_another_kind_is_not_gone_on_with(tmp_path: Path) -> None:
    """Costs and gradients do not share a folder."""
    assert cspbench(*SMALL, "--no-training", "--out", "run", cwd=tmp_path).returncode == 0
    completed = cspbench("run", "--resume", "run", cwd=tmp_path)
    assert completed.returncode == 2
    assert completed.stderr == (
        "cspbench: cannot resume run: other measures were asked for there. Ask for the same, or "
        "begin anew (--out)\n"
    )


# A block by hand: w_1 reads the second half of the base, w_2 the first half and the output of w_1.
BASE = (Span(source=0, start=0, stop=2), Span(source=0, start=2, stop=4))
FIRST = Span(source=1, start=0, stop=3)


def structure(*, shared: bool = False, unfollowed: bool = False) -> Structure:
    reads = (BASE[1],) if shared else ()
    first, second = (*reads, BASE[0], FIRST), (BASE[1],)
    used = sum(span.stop - span.start for span in (*first, *second)) + 3 + 2
    weights = (
        WeightTerms(name="one", source=1, read=2, own=3, reads=second),
        WeightTerms(name="two", source=2, read=used - 7, own=2, reads=first),
    )
    return Structure(
        sources=(
            Source(name="input", channels=4, uses=(Used(start=0, stop=4, weights=1),)),
            Source(name="one", channels=3, uses=(Used(start=0, stop=3, weights=2),)),
            Source(name="two", channels=2, uses=(Used(start=0, stop=2, weights=1),)),
        ),
        weights=weights,
        splits=(
            Split(
                module="",
                parts=(
                    Part(channels=2, terms=(BASE[0],), weights=(1,), reads=first),
                    Part(channels=2, terms=(BASE[1],), weights=(0,), reads=second),
                ),
                shared=reads,
            ),
        ),
        output=(Span(source=2, start=0, stop=2),),
        unfollowed=(Unfollowed(module="gate", operator="softmax", calls=2),) if unfollowed else (),
    )


def training(seed: int, parts_cka: float, *, at_start: float = 0.2) -> Training:
    def reading(step: int, value: float) -> Reading:
        return Reading(
            step=step, loss=1.0, accuracy=0.9, cka=((1.0, 0.5), (0.5, 1.0)),
            directions=((1.0, 0.4), (0.4, 1.0)), parts_cka=value, parts_directions=0.5,
            control_cka=0.3, effective_rank=4.0, columns=8,
        )  # fmt: skip

    return Training(
        seed=seed, parameters=100, maps=("input", "one"), cut="input", parts=(2, 2), own=True,
        readings=(reading(0, at_start), reading(8, parts_cka)),
    )  # fmt: skip


def make_run(
    similarities: dict[str, Sequence[float]],
    *,
    steps: int = 8,
    head: Head = "pool",
    shared: bool = False,
) -> Run:
    """A run of blocks, each with the similarity that its parts reach, seed by seed."""
    settings = TrainingSettings(seeds=4, steps=steps, data="digits", head=head)
    cases = [
        msgspec.structs.replace(
            make_case(name, mode="train", reference="dense train"), input_shape=(1, 4, 8, 8)
        )
        for name in similarities
    ]
    info = make_info(
        *cases,
        settings=msgspec.structs.replace(SETTINGS, training=settings),
        stages=("counts", "gradient_terms", "training"),
    )
    return Run(
        info=info,
        records=tuple(
            Record(
                case=case,
                measurements=by_stage(
                    make_counts(case),
                    GradientTerms(case=case.key, structure=structure(shared=shared), is_block=True),
                ),
                trainings=tuple(
                    training(seed, value, at_start=0.2 + 0.01 * seed)
                    for seed, value in enumerate(similarities[case.entry])
                ),
            )
            for case in cases
        ),
        launches=(),
        yardstick=(),
    )


DENSE = (0.60, 0.58, 0.62, 0.61)
ELSEWHERE = msgspec.structs.replace(make_info().environment, device="another processor")


def test_who_is_less_alike_than_the_reference_is_said_in_a_sentence() -> None:
    """Paired by seed; what lies within the noise is not told apart, nor is the start."""
    run = make_run(
        {"dense": DENSE, "less": [0.3, 0.29, 0.31, 0.32], "as_much": [0.5, 0.7, 0.6, 0.6]}
    )
    text = " ".join(report_text(run).split())
    assert (
        "After 8 steps, similarity of the two parts' gradients (linear CKA) in dense: 0.603 "
        "(0.575–0.630). Against it, lower: less (-0.297 ± 0.015); "
        "not told apart: as_much (-0.003 ± 0.145)." in text
    )
    assert "Before any step, against dense, not told apart: less (+0.000 ± 0.000)" in text
    assert "Differences are paired by seed (4 seeds)" in text
    assert "parts compared, of input as the block cuts it: dense (2 + 2 channels)" in text


def test_one_seed_tells_nothing_apart() -> None:
    """No difference has an interval, and none is called paired."""
    text = " ".join(report_text(make_run({"dense": DENSE[:1], "less": [0.1]})).split())
    assert "not told apart: less (-0.500)" in text
    assert "One seed gives no interval, so that nothing is told apart" in text
    assert "paired" not in text


def with_one_map(run: Run) -> Run:
    """The run with one feature map in the first case's trainings."""
    alone = tuple(
        msgspec.structs.replace(
            one,
            maps=("input",),
            readings=tuple(
                msgspec.structs.replace(reading, cka=((1.0,),), directions=((1.0,),))
                for reading in one.readings
            ),
        )
        for one in run.records[0].trainings
    )
    return change(run, 0, trainings=alone)


def test_one_map_has_no_similarity_of_maps() -> None:
    """A dash with its reason, never 0; against two maps it has changed, else left out."""
    one_map, two_maps = with_one_map(make_run({"dense": DENSE})), make_run({"dense": DENSE})
    text = report_text(one_map)
    assert "- no similarity of maps of all cases: one feature map makes no pair" in text
    assert "mean_cka" not in compare(one_map, one_map).cases[0].measures
    for baseline, candidate in ((one_map, two_maps), (two_maps, one_map)):
        result = compare(baseline, candidate).cases[0].measures["mean_cka"]
        assert (result.verdict, result.reason) == ("changed", "only one side has it")


def test_runs_without_a_common_case_are_not_comparable() -> None:
    """Of latency, which neither measured, nothing is said."""
    from cspbench.report import comparison

    other = make_run({"dense": DENSE})
    other = msgspec.structs.replace(
        other, info=msgspec.structs.replace(other.info, environment=ELSEWHERE)
    )
    result = compare(make_run({"csp": DENSE}), other)
    text = comparison.text(result)
    assert text.startswith("Not comparable: the two runs have no case in common.\n")
    assert "latency" not in text
    assert comparison_exit_code(result, strict=False) == 4


def test_terms_and_flows_are_said_in_a_sentence() -> None:
    """Of two weights on 9 channels, 12 terms are used: 4/3 updates a term."""
    text = " ".join(report_text(make_run({"dense": DENSE})).split())
    assert "A gradient term takes part in 1.333 updates in dense." in text
    assert "Flow of gradients between the parts of a cut: truncated: dense." in text
    shared = " ".join(report_text(make_run({"dense": DENSE}, shared=True)).split())
    assert "shared: dense." in shared


def test_what_cannot_be_followed_is_named() -> None:
    """Hostile names are no markup."""
    run = make_run({"dense": DENSE})
    terms = run.records[0].gradient_terms
    assert terms is not None
    unfollowed = msgspec.structs.replace(terms, structure=structure(unfollowed=True))
    text = " ".join(report_text(change(run, 0, unfollowed)).split())
    assert "dense: softmax in gate cannot be followed (2 calls)" in text
    assert "truncated, not all followed: dense" in text  # behind it more may be shared


def test_nothing_that_was_not_to_be_measured_is_called_missing() -> None:
    """No word of latency, memory or launches in a run of gradients."""
    text = report_text(make_run({"dense": DENSE}))
    for word in ("latency", "peak", "launch", "noise floor", "not measured"):
        assert word not in text


def test_the_figures_show_what_each_weight_reads_and_the_course_of_training() -> None:
    """Shares of a source's terms by weight; means over seeds by step."""
    run = make_run({"dense": DENSE})
    terms = plots.gradient_terms(derive(run))
    assert terms is not None
    cells = terms.axes[0].collections[0].get_array()
    assert cells is not None
    assert cells.reshape(2, 3).tolist() == [[0.5, 0.0, 0.0], [0.5, 1.0, 0.0]]
    course = plots.gradient_course(derive(run))
    assert course is not None
    line = course.axes[0].lines[0]
    assert np.asarray(line.get_xdata()).tolist() == [0, 8]
    assert np.asarray(line.get_ydata()) == pytest.approx([0.215, 0.6025])
    assert plots.gradient_similarity(derive(run)) is not None


def test_the_frame_has_a_row_a_case_with_intervals_over_seeds() -> None:
    """Base units, named by what they are."""
    header, row = render_report(make_run({"dense": DENSE}), "csv").splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert (values["used_terms"], values["cuts"]) == ("12", "truncated")
    assert float(values["parts_cka"]) == pytest.approx(0.6025)
    assert values["parts_cka_seeds"] == "4"
    assert math.isclose(float(values["reuse"]), 12 / 9)


@pytest.mark.parametrize(
    ("candidate", "verdict"),
    [
        (DENSE, "same"),
        ((0.61, 0.59, 0.61, 0.60), "same"),
        ((0.30, 0.29, 0.31, 0.32), "changed"),
        ((0.20, 0.90, 0.50, 0.70), "undecided"),
    ],
)
def test_trainings_compare_seed_by_seed(candidate: Sequence[float], verdict: str) -> None:
    """The same within 0.05, changed beyond it, undecided where seeds disagree; nothing is worse."""
    from cspbench.report import comparison

    result = compare(make_run({"dense": DENSE}), make_run({"dense": candidate}))
    change = result.cases[0].measures["parts_cka"]
    assert change.verdict == verdict
    reason = re.fullmatch(
        r"a difference of (\S+) ± \S+; the same within 0\.05, changed where p .* is below 0\.01",
        change.reason,
    )
    assert reason is not None
    assert float(reason[1]) == pytest.approx(fmean(candidate) - fmean(DENSE), abs=1e-3)
    is_open = "no verdict on similarity of the parts" in " ".join(comparison.text(result).split())
    assert is_open == (verdict == "undecided")
    assert result.cases[0].measures["accuracy"].verdict == "same"
    assert comparison_exit_code(result, strict=False) == 0


def test_trainings_of_other_lengths_do_not_compare() -> None:
    """Their terms still do."""
    result = compare(make_run({"dense": DENSE}), make_run({"dense": DENSE}, steps=16, shared=True))
    (case,) = result.cases
    assert case.measures["parts_cka"].reason == "withheld, as the runs differ in training"
    shared = case.measures["shared_terms"]
    assert (shared.baseline, shared.candidate, shared.verdict) == (0, 2, "worse")
    assert result.verdict == "regression"


def test_trainings_before_another_head_do_not_compare() -> None:
    """And the report says what stood behind the block."""
    pool, conv = make_run({"dense": DENSE}), make_run({"dense": DENSE}, head="conv")
    result = compare(pool, conv).cases[0].measures["parts_cka"]
    assert result.reason == "withheld, as the runs differ in training"
    for run, where in ((pool, "the pool"), (conv, "a 3x3 convolution and the pool")):
        assert f"4 seeds from 0 x 8 steps on digits, before {where}\n" in report_text(run)


def test_terms_of_no_source_are_refused_on_reading(tmp_path: Path) -> None:
    """As is a similarity that is not of each map with each."""
    plain = msgspec.to_builtins(structure())
    plain["output"] = [{"source": 3, "start": 0, "stop": 1}]
    with pytest.raises(msgspec.ValidationError, match="no terms 0:1 of source 3"):
        msgspec.convert(plain, Structure)
    lame = msgspec.to_builtins(training(0, 0.5))
    lame["readings"][0]["cka"] = [[1.0]]
    with pytest.raises(msgspec.ValidationError, match="step 0: not one similarity a pair of maps"):
        msgspec.convert(lame, Training)
    saved = tmp_path / "comment.md"
    text = render_report(make_run({"dense": DENSE}), "markdown")
    saved.write_text(text.replace('"seeds":[0,1,2,3]', '"seeds":[0]'))
    with pytest.raises(CspbenchError, match="is not one value a seed"):
        compare(saved, saved)


def test_a_comparison_of_trainings_is_plain_values() -> None:
    """JSON for machines; a table and Markdown for people, each with the difference."""
    result = compare(make_run({"dense": DENSE}), make_run({"dense": (0.3, 0.29, 0.31, 0.32)}))
    from cspbench.report import comparison

    assert json.loads(json.dumps(result.to_dict()))["cases"][0]["measures"]["parts_cka"]
    for page in (comparison.text(result), comparison.markdown(result)):
        assert "-0.298" in page
        assert "Trained, means over seeds" in page


def test_a_pasted_table_compares_its_exact_part(tmp_path: Path) -> None:
    """Words and averages in it are no counts."""
    run, other = make_run({"dense": DENSE}), make_run({"dense": DENSE}, shared=True)
    pasted = tmp_path / "report.txt"
    pasted.write_text(report_text(run))
    assert compare(pasted, run).verdict == "same"
    assert compare(pasted, other).cases[0].measures["shared_terms"].verdict == "worse"
