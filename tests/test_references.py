"""The committed runs: whole, their figures still this code's, their reports drawn again."""

from pathlib import Path

import msgspec
import pytest

from cspbench import report
from cspbench.records.folder import read

REFERENCES = Path(__file__).parents[1] / "results" / "reference"


def test_the_reference_run_is_whole_and_of_a_clean_tree() -> None:
    """Eight entries in two modes, six launches or more, no failure, and the commit it measured."""
    run = read(REFERENCES / "cpu")
    assert len(run.records) == 16
    assert not any(record.failures for record in run.records)
    assert min(len(record.latencies) for record in run.records) == 6
    assert run.info.git is not None
    assert not run.info.git.dirty
    assert run.notes == ()


@pytest.mark.parametrize("name", ["cpu", "yolo_line"])
def test_the_reference_runs_exact_figures_are_still_this_codes(name: str) -> None:
    """A change of the counts must come with a new reference; a count that is new need not."""
    from cspbench.measures.counts import count
    from cspbench.measures.execution.subject import BuiltSubject
    from cspbench.measures.tensor_peak import tensor_peak

    for record in read(REFERENCES / name).records:
        if record.case.form != "eager":
            continue
        built = BuiltSubject(record.case)
        assert record.counts is not None
        counted = msgspec.structs.asdict(count(built))
        for figure, value in msgspec.structs.asdict(record.counts).items():
            assert value is None or counted[figure] == value, figure
        assert tensor_peak(built) == record.tensor_peak


@pytest.mark.parametrize("name", ["cpu", "cuda-h200", "gradients", "gradients_conv", "yolo_line"])
def test_the_report_of_a_reference_run_is_drawn_from_its_records(name: str) -> None:
    """To the byte: ``report.txt``, ``report.md`` and ``report.csv`` as they are committed."""
    folder = REFERENCES / name
    derived = report.derive(read(folder))
    for file, form in (("report.txt", "table"), ("report.md", "markdown"), ("report.csv", "csv")):
        page = report.render(derived, form, has_plots=True)
        assert page == (folder / file).read_text(encoding="utf-8"), file


def test_the_reference_runs_terms_are_still_this_codes() -> None:
    """A change of what is traced must come with a new reference."""
    from cspbench.measures.execution.subject import BuiltSubject
    from cspbench.measures.gradient_terms import gradient_terms

    for record in read(REFERENCES / "gradients").records:
        assert gradient_terms(BuiltSubject(record.case)) == record.gradient_terms
