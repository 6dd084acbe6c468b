"""What would decide undecided latencies: launches with their time, or both revisions in turns."""

import msgspec
import pytest

from cspbench.comparison.deciding import deciding_notes
from cspbench.comparison.excerpt import Excerpt
from cspbench.comparison.result import Change

BASELINE = Excerpt(
    made={"commit": "0123456789ab", "suite": "blocks"}, launches=6, launch_s=2.5, cases=()
)
CANDIDATE = msgspec.structs.replace(BASELINE, made={"commit": "ba9876543210", "suite": "blocks"})
SAME_COMMIT = msgspec.structs.replace(BASELINE, made=BASELINE.made)
IN_TURNS = (
    "let the two revisions take turns, which takes a minute: "
    "python -m cspbench ab 0123456789ab ba9876543210 blocks --no-merge-base"
)


def change(more_launches: int | None, verdict: str = "undecided", *, judged: bool = True) -> Change:
    return Change(
        baseline=1.0,
        candidate=1.0,
        ratio=1.0,
        interval=(0.9, 1.1),
        verdict=verdict,  # type: ignore[arg-type]
        reason="",
        more_launches=more_launches,
        is_judged=judged,
    )


def notes(candidate: Excerpt, *changes: Change) -> list[str]:
    return list(deciding_notes(BASELINE, candidate, changes))


def test_launches_that_decide_are_said_with_their_time() -> None:
    """Six and the median of 10, 14 and 30: twenty of 2.5 s each."""
    (note,) = notes(SAME_COMMIT, change(10), change(30), change(14), change(None, "same"))
    assert note == (
        "What decides the 3 undecided latencies: run both again with --launches 20, about 50 s "
        "each."
    )


def test_two_revisions_can_take_turns() -> None:
    """Which is the only way where a hundred launches would not do."""
    (note,) = notes(CANDIDATE, change(5))
    assert note.endswith(f"--launches 11, about 27.5 s each; or {IN_TURNS}.")
    for hopeless in (change(None), change(931)):
        assert notes(CANDIDATE, hopeless) == [f"What decides the 1 undecided latency: {IN_TURNS}."]
        assert notes(SAME_COMMIT, hopeless) == []


def test_the_commit_of_the_models_counts_where_they_have_one() -> None:
    """The code of cspbench itself is another matter."""
    made = {"commit of the models": "aaaaaaaaaaaa", "suite": "net.py:Net"}
    baseline = msgspec.structs.replace(BASELINE, made=BASELINE.made | made)
    made |= {"commit of the models": "bbbbbbbbbbbb"}
    candidate = msgspec.structs.replace(BASELINE, made=BASELINE.made | made)
    (note,) = deciding_notes(baseline, candidate, [change(None)])
    assert "cspbench ab aaaaaaaaaaaa bbbbbbbbbbbb net.py:Net " in note


def test_nothing_is_said_of_what_is_decided_or_was_not_judged() -> None:
    """No launches would help a report without a yardstick."""
    assert notes(CANDIDATE, change(None, "same"), change(3, "worse")) == []
    assert notes(CANDIDATE, change(3, judged=False)) == []


@pytest.mark.parametrize("suite", ["blocks; rm -rf .", "$(date)", "a b", "`x`", ""])
def test_no_command_is_made_of_a_strangers_words(suite: str) -> None:
    """A report from elsewhere may call its suite anything."""
    foreign = msgspec.structs.replace(CANDIDATE, made=CANDIDATE.made | {"suite": suite})
    assert notes(foreign, change(None)) == []
    dirty = msgspec.structs.replace(
        CANDIDATE, made=CANDIDATE.made | {"commit": "ba9876543210 with changes"}
    )
    assert notes(dirty, change(None)) == []
