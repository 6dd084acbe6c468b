"""The sides of a run of two revisions: from its folder, and from the comment that `ab` wrote."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from compared_runs import make_small_run
from factories import lines_of
from revisions import COMMITS, make_ab_run
from synthetic import change, render_report

from cspbench.comparison import readers
from cspbench.comparison.compare import compare
from cspbench.comparison.excerpt import excerpt
from cspbench.comparison.in_turns import in_turns
from cspbench.comparison.result import Comparison
from cspbench.comparison.sides import excerpts, side_excerpt
from cspbench.errors import CspbenchError
from cspbench.records.folder import RunFolder
from cspbench.records.lines import CaseFailure
from cspbench.records.run import SIDES, Run, Side
from cspbench.report.comparison import markdown


def comment_of(run: Run) -> str:
    """What ``ab --format markdown`` prints."""
    return markdown(in_turns(run), excerpts(run))


def saved(folder: Path, text: str) -> Path:
    path = folder / "comment.md"
    path.write_text(text, encoding="utf-8")
    return path


def verdicts(comparison: Comparison) -> dict[str, dict[str, str]]:
    return {
        case.key: {name: change.verdict for name, change in case.measures.items()}
        for case in comparison.cases
    }


def with_crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def quoted(text: str) -> str:
    return "".join(f"> {line}\r\n" for line in text.splitlines())


def made_harmless(text: str) -> str:
    """Spaces of no width after marks, as comment.yml puts them in, and more of them."""
    return "<!-- cspbench -->\nHead.\n\n" + re.sub(r'[@&":\]]', "\\g<0>\u200b", text)


@pytest.mark.parametrize("dress", [str, with_crlf, quoted, made_harmless])
def test_each_side_of_a_comment_stands_for_its_revision(
    tmp_path: Path, dress: Callable[[str], str]
) -> None:
    """With the keys, names, suite and commit of an ordinary run of it."""
    run = make_ab_run()
    path = saved(tmp_path, dress(comment_of(run)))
    side: Side
    for side in SIDES:
        read = readers.read(path, side)
        assert read == side_excerpt(run, side)
        assert [case.key for case in read.cases] == [
            record.case.key for record in make_small_run().records
        ]
        assert {case.name for case in read.cases} == {"dense", "csp"}
        assert (read.made["suite"], read.made["commit"]) == ("blocks", COMMITS[side][:12])


def test_a_comment_against_itself_gives_its_own_verdicts(tmp_path: Path) -> None:
    """Through the yardstick, which took turns, too; as does its run's folder."""
    run = make_ab_run()
    path, folder = saved(tmp_path, comment_of(run)), tmp_path / "ab"
    with RunFolder.create(folder, run.info) as records:
        records.append(lines_of(run))
    own = in_turns(run)
    assert own.verdict == "regression"
    for side in (path, folder, run):
        comparison = compare(side, side)
        assert (comparison.verdict, verdicts(comparison)) == (own.verdict, verdicts(own))
        assert [item.what for item in comparison.discrepancies] == ["commit"]
        assert comparison.setup.commits == ("a" * 12, "b" * 12)
        assert not comparison.warnings


def test_a_run_compares_with_the_head_of_a_pull_request(tmp_path: Path) -> None:
    """The case that is slower there is found, and no other is blamed."""
    path = saved(tmp_path, comment_of(make_ab_run()))
    comparison = compare(make_small_run(seed=2), path)
    assert [case.verdict for case in comparison.cases] == ["same", "same", "same", "worse"]
    assert compare(path, make_small_run(seed=2)).verdict == "same"  # its baseline


def test_counts_compare_where_ab_had_no_yardstick() -> None:
    """Latency has no verdict, with the reason; a count that changed is found."""
    before = make_small_run()
    counts = before.records[0].counts
    assert counts is not None
    after = change(before, 0, msgspec.structs.replace(counts, macs=counts.macs + 1))
    run = msgspec.structs.replace(make_ab_run(before, after), yardstick=())
    comparison = compare(run, run)
    assert comparison.verdict == "regression"
    assert not comparison.is_latency_comparable
    (reason,) = {case.measures["latency"].reason for case in comparison.cases}
    assert reason == (
        "the baseline has no ratios to the yardstick, only times that are rounded or of one "
        "process: give a run folder or a report.md"
    )


def test_a_case_that_a_revision_lacks_is_not_there(tmp_path: Path) -> None:
    """As in a run of that revision: it is added, not failed."""
    failure = CaseFailure(case="", stage="counts", cause="absent", reason="no such entry")
    before = change(make_small_run(), 1, latencies=(), measurements={}, failures=(failure,))
    run = make_ab_run(before)
    path = saved(tmp_path, comment_of(run))
    assert len(readers.read(path, "baseline").cases) == 3
    comparison = compare(path, path)
    assert [case.verdict for case in comparison.cases].count("added") == 1


def test_the_report_of_such_a_run_holds_both_sides_too(tmp_path: Path) -> None:
    """`report RUN --format markdown` draws one table of both, and is read as two."""
    run = make_ab_run()
    path = saved(tmp_path, render_report(run, "markdown"))
    assert readers.read(path, "baseline") == side_excerpt(run, "baseline")
    assert readers.read(path, "candidate") == side_excerpt(run, "candidate")


def test_an_external_model_has_the_commit_of_its_repository() -> None:
    """That of cspbench is another."""
    run = make_ab_run()
    cases = tuple(msgspec.structs.replace(case, build="net.py:Net") for case in run.info.cases)
    run = msgspec.structs.replace(run, info=msgspec.structs.replace(run.info, cases=cases))
    made = side_excerpt(run, "candidate").made
    assert made["commit of the models"] == "b" * 12
    assert made["commit"] == "0123456789ab with changes"


def test_a_run_of_one_revision_is_written_as_ever() -> None:
    """Nothing says a side, so that older versions read it."""
    (only,) = excerpts(make_small_run())
    assert only == excerpt(make_small_run())
    assert "side" not in only.to_dict()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: f"{text}\n{text}", "records of 4 runs; one side of a comparison is one run"),
        (
            lambda text: text[: text.rindex('{"cspbench"')],
            "records of the baseline alone, those of the other side are missing",
        ),
        (
            lambda text: text[: text.rindex('{"key"')],
            "its records are cut off: save the whole report or comment",
        ),
    ],
)
def test_comments_that_are_not_one_whole_comment_are_refused(
    tmp_path: Path, damage: Callable[[str], str], message: str
) -> None:
    """Rather than read with cases missing."""
    path = saved(tmp_path, damage(comment_of(make_ab_run())))
    with pytest.raises(CspbenchError) as raised:
        readers.read(path, "candidate")
    assert str(raised.value).startswith(f"{path}: {message}")


def test_a_report_that_was_cut_is_refused(tmp_path: Path) -> None:
    """At the end of a line, so that what is left of it could be read."""
    page = render_report(make_small_run(), "markdown")
    path = saved(tmp_path, page[: page.rindex('{"key"')])
    with pytest.raises(CspbenchError, match="its records are cut off"):
        readers.read(path)
