"""What would decide undecided latencies: launches with their time, or both revisions in turns."""

import msgspec
import pytest
from synthetic import make_run

from cspbench.comparison.deciding import between_runs, of_revisions
from cspbench.comparison.excerpt import Excerpt
from cspbench.comparison.result import Change, Deciding
from cspbench.records.run import Run

BASELINE = Excerpt(
    made={"commit": "0123456789ab", "suite": "blocks"}, launches=6, launch_s=2.5, cases=()
)
CANDIDATE = msgspec.structs.replace(BASELINE, made={"commit": "ba9876543210", "suite": "blocks"})
SAME_COMMIT = msgspec.structs.replace(BASELINE, made=BASELINE.made)
IN_TURNS = "python -m cspbench ab 0123456789ab ba9876543210 blocks --no-merge-base"


def change(more_launches: int | None, verdict: str = "undecided", *, judged: bool = True) -> Change:
    return Change(
        baseline=1.0,
        candidate=1.0,
        ratio=1.0,
        interval=(0.9, 1.1),
        verdict=verdict,  # type: ignore[arg-type]
        reason="",
        launches=6,
        more_launches=more_launches,
        is_judged=judged,
    )


WITHHELD = msgspec.structs.replace(change(None), ratio=None, interval=None)


def test_launches_that_decide_are_named_with_their_time() -> None:
    """Six and the median of 10, 14 and 30: twenty of 2.5 s each, for two of the four."""
    changes = [change(10), change(30), change(14), change(None), change(None, "same")]
    assert between_runs(BASELINE, SAME_COMMIT, changes) == Deciding(
        undecided=4, decided=2, option="--launches 20", seconds=50.0
    )


def test_two_revisions_can_take_turns() -> None:
    """Which is the only way where a hundred launches would not do."""
    deciding = between_runs(BASELINE, CANDIDATE, [change(5)])
    assert deciding == Deciding(
        undecided=1, decided=1, option="--launches 11", seconds=27.5, command=IN_TURNS
    )
    for hopeless in (change(None), change(931)):
        assert between_runs(BASELINE, CANDIDATE, [hopeless]) == Deciding(
            undecided=1, command=IN_TURNS
        )
        assert between_runs(BASELINE, SAME_COMMIT, [hopeless]) == Deciding(undecided=1)


def test_latencies_that_runs_cannot_compare_can_be_by_revisions_in_turns() -> None:
    """None of them is undecided for want of launches."""
    assert between_runs(BASELINE, CANDIDATE, [WITHHELD]) == Deciding(undecided=0, command=IN_TURNS)


def test_the_commit_of_the_models_counts_where_they_have_one() -> None:
    """The code of cspbench itself is another matter."""
    made = {"commit of the models": "aaaaaaaaaaaa", "suite": "net.py:Net"}
    baseline = msgspec.structs.replace(BASELINE, made=BASELINE.made | made)
    made |= {"commit of the models": "bbbbbbbbbbbb"}
    candidate = msgspec.structs.replace(BASELINE, made=BASELINE.made | made)
    deciding = between_runs(baseline, candidate, [change(None)])
    assert deciding is not None
    assert "cspbench ab aaaaaaaaaaaa bbbbbbbbbbbb net.py:Net " in deciding.command


def test_nothing_decides_what_is_decided_or_was_not_judged() -> None:
    """No launches would help a report without a yardstick."""
    assert between_runs(BASELINE, CANDIDATE, [change(None, "same"), change(3, "worse")]) is None
    assert between_runs(BASELINE, CANDIDATE, [change(3, judged=False)]) is None


@pytest.mark.parametrize("suite", ["blocks; rm -rf .", "$(date)", "a b", "`x`", ""])
def test_no_command_is_made_of_a_strangers_words(suite: str) -> None:
    """A report from elsewhere may call its suite anything."""
    foreign = msgspec.structs.replace(CANDIDATE, made=CANDIDATE.made | {"suite": suite})
    dirty = msgspec.structs.replace(
        CANDIDATE, made=CANDIDATE.made | {"commit": "ba9876543210 with changes"}
    )
    for candidate in (foreign, dirty):
        deciding = between_runs(BASELINE, candidate, [change(None)])
        assert deciding == Deciding(undecided=1)


def revisions_run(budget_s: float | None) -> Run:
    """A run of six launches of 12 s each."""
    run = make_run(["dense"], launches=6)
    settings = msgspec.structs.replace(run.info.settings, budget_s=budget_s)
    return msgspec.structs.replace(run, info=msgspec.structs.replace(run.info, settings=settings))


def test_revisions_in_turns_need_a_longer_run() -> None:
    """Three launches more than six take half as long again, with or without a budget."""
    latencies = [change(3), change(1, "same")]
    assert of_revisions(revisions_run(None), latencies) == Deciding(
        undecided=1, decided=1, option="--launches 9", seconds=108.0
    )
    assert of_revisions(revisions_run(61.0), latencies) == Deciding(
        undecided=1, decided=1, option="--budget 100", seconds=100.0
    )
    assert of_revisions(revisions_run(None), [change(500)]) == Deciding(undecided=1)
    assert of_revisions(revisions_run(None), [WITHHELD, change(3, "same")]) is None
