"""The exit code of a comparison: what is certain first, then what failed, then what is open."""

import pytest

from cspbench.cli.exit_codes import ExitCode, comparison_exit_code
from cspbench.comparison.result import Answer, CaseComparison, Change, Comparison, overall_verdict
from cspbench.records.gate import LATENCY


def compared(
    *answers: Answer, ratio: float | None = 1.0, failed: tuple[str, ...] = ()
) -> Comparison:
    """A comparison of a case an answer, each of its latency."""
    cases = tuple(
        CaseComparison(
            key=f"case {number}",
            label="a",
            mode="infer",
            input_shape=(1, 1, 1, 1),
            verdict=answer,
            measures={
                LATENCY: Change(
                    baseline=1.0,
                    candidate=1.0,
                    ratio=ratio,
                    interval=None,
                    verdict=answer,
                    reason="",
                )
            },
        )
        for number, answer in enumerate(answers)
    )
    return Comparison(verdict=overall_verdict(cases), discrepancies=(), cases=cases, failed=failed)


@pytest.mark.parametrize(
    ("comparison", "code", "strict_code"),
    [
        (compared("same", "better"), 0, 0),
        (compared("same", "undecided"), 0, 4),
        (compared("same", "changed"), 0, 4),
        (compared("worse", "undecided"), 1, 1),
        (compared("worse", failed=("case 9",)), 1, 1),
        (compared("same", failed=("case 9",)), 3, 3),
        (compared("undecided", failed=("case 9",)), 3, 3),
        (compared("undecided", ratio=None), 4, 4),
        (compared("worse", ratio=None), 1, 1),
        (compared("added", "removed"), 4, 4),
        (compared(), 4, 4),
    ],
)
def test_the_first_that_holds_decides(comparison: Comparison, code: int, strict_code: int) -> None:
    """With --strict, what is open fails, too."""
    assert comparison_exit_code(comparison, strict=False) == code
    assert comparison_exit_code(comparison, strict=True) == strict_code


def test_the_codes_are_those_of_the_contract() -> None:
    """Scripts rely on them."""
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "REGRESSION": 1,
        "USAGE": 2,
        "FAILED_CASE": 3,
        "UNDECIDED": 4,
        "FAULT": 70,
        "INTERRUPTED": 130,
    }
