"""The bench of matched launches: pieces of one run, and what each rule says of them."""

import msgspec
import pytest
import states
from compared_runs import make_small_run, scaled

from cspbench.records.run import Run


def run_in_two_states() -> Run:
    """Twelve launches; in three of the last six the yardstick alone takes 40% longer."""
    run = make_small_run()
    records = tuple(
        msgspec.structs.replace(
            record,
            latencies=tuple(
                msgspec.structs.replace(line, launch=line.launch + 6 * half)
                for half in (0, 1)
                for line in record.latencies
            ),
        )
        for record in run.records
    )
    yardstick = tuple(
        msgspec.structs.replace(
            scaled(line, 1.4 if line.launch < 3 * half else 1.0), launch=line.launch + 6 * half
        )
        for half in (0, 1)
        for line in run.yardstick
    )
    return msgspec.structs.replace(run, records=records, yardstick=yardstick)


def test_every_two_pieces_of_a_case_are_a_pair() -> None:
    """Twelve launches are two pieces of six; of ten there is one, and so no pair."""
    run = run_in_two_states()
    assert len(list(states.pairs(run, 6))) == len(run.records)
    assert not list(states.pairs(run, 10))
    baseline, candidate = next(states.pairs(run, 6))
    assert (len(baseline), len(candidate)) == (6, 6)


def test_matched_launches_err_less_where_the_state_changes() -> None:
    """Half of the second piece is in a state of its own: by Welch's test an error of 17%."""
    pieces = list(states.pairs(run_in_two_states(), 6))
    welch, matched = (states.row(rule, 6, pieces) for rule in ("Welch", "matched"))
    assert welch[0] == "6 launches, Welch"
    assert float(welch[1].rstrip("%")) == pytest.approx(16.8, abs=0.5)
    assert float(matched[1].rstrip("%")) < 0.5
    assert matched[3] == "100.0% of 4"
