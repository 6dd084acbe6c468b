"""Tables as they are pasted from a terminal: what is read of them, and what is refused."""

import pytest

from cspbench.comparison.excerpt import CaseExcerpt, Excerpt
from cspbench.comparison.pasted_report import read_tables, refuse_repeated
from cspbench.errors import CspbenchError
from cspbench.records.base import Failure

TABLES = """
Exact: the same in every run

Inference, 1x64x56x56, cpu
+-------------------+--------+-------------+-----------+
| entry             | params |    peak     | mood      |
|                   |        |   tensor    |           |
|                   |        |   memory    |           |
|                   |        |   [bytes]   |           |
+-------------------+--------+-------------+-----------+
| dense (reference) |    288 |  12,345,678 | good      |
| csp gamma=0.25    |    999 |           – |           |
| layers=12         |        |             |           |
+-------------------+--------+-------------+-----------+
A line of words ends it.

Timed: different in every run

Inference, 1x64x56x56, cpu
+----------------+----------+---------------+
| entry          | latency  |    params     |
|                |   [ms]   |               |
+----------------+----------+---------------+
| dense          |    20.00 |             1 |
| csp gamma=0.25 | 1,234.50 |             2 |
| layers=12      |          |               |
+----------------+----------+---------------+

Training, 1x64x56x56, cpu
+-------+---------+
| entry | latency |
|       |  [ms]   |
+-------+---------+
| dense |       – |
+-------+---------+
"""


def read_text(text: str) -> Excerpt:
    return read_tables([line.strip() for line in text.splitlines()])


def case_of(excerpt: Excerpt, name: str, mode: str = "infer") -> CaseExcerpt:
    (case,) = [case for case in excerpt.cases if (case.name, case.mode) == (name, mode)]
    return case


def test_all_tables_of_a_mode_make_up_its_cases() -> None:
    """In the order of their rows; a name that was wrapped goes on in its next line."""
    excerpt = read_text(TABLES)
    assert [(case.name, case.mode) for case in excerpt.cases] == [
        ("dense", "infer"),
        ("csp gamma=0.25 layers=12", "infer"),
        ("dense", "train"),
    ]
    assert [case.entry for case in excerpt.cases] == ["dense", "csp", "dense"]
    assert {case.key for case in excerpt.cases} == {""}
    assert excerpt.made == {}


def test_figures_are_read_by_their_headers() -> None:
    """Headers that were wrapped, too; unknown columns are passed over, and the first one holds."""
    case = case_of(read_text(TABLES), "dense")
    assert case.exact == {"params": 288, "peak_tensor_bytes": 12_345_678}


def test_a_dash_is_a_figure_that_is_missing() -> None:
    """Not zero, and not absent."""
    case = case_of(read_text(TABLES), "csp gamma=0.25 layers=12")
    assert case.exact == {"params": 999, "peak_tensor_bytes": Failure(reason="not shown")}


def test_latencies_are_seconds_and_only_shown() -> None:
    """There are no ratios to a yardstick in a table."""
    excerpt = read_text(TABLES)
    assert case_of(excerpt, "dense").latency_s == 0.020
    assert case_of(excerpt, "csp gamma=0.25 layers=12").latency_s == 1.2345
    assert case_of(excerpt, "dense", "train").latency_s is None
    assert {case.yardsticks for case in excerpt.cases} == {()}
    assert {case.missing for case in excerpt.cases} == {"the table has none"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "| entry | params |",
        "+---+---+\n| entry | params |\n+---+---+\n| a | 1 |\n+---+---+",  # of no mode
        "Training, x\n+---+---+\n| entry | params |\n+---+---+",  # without rows
        "Training, x\n+---+\n| a |\n+---+\n| b |\n+---+\n| c |\n+---+",  # of three parts
    ],
)
def test_what_is_no_table_of_a_mode_holds_no_case(text: str) -> None:
    """The caller says what the file holds instead."""
    assert read_text(text).cases == ()


def table(cell: str, *, rows: str = "", header: str = "params") -> str:
    border = "+---+---+"
    return f"Training, x\n{border}\n| entry | {header} |\n{border}\n| a | {cell} |\n{rows}{border}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table("1.5"), "'1.5' in the column 'params' is not a count: copy the table again"),
        (table("-1"), "'-1' in the column 'params' is not a count: copy the table again"),
        (table("12,34"), "'12,34' in the column 'params' is not a count: copy the table again"),
        (table("٣"), "'٣' in the column 'params' is not a count: copy the table again"),
        (
            table(str(2**63)),
            "'9223372036854775808' in the column 'params' is not a count: copy the table again",
        ),
        (
            table("9" * 50),
            f"'{'9' * 39}…' in the column 'params' is not a count: copy the table again",
        ),
        (
            table("1 | 2"),
            (
                "damaged table: its rows have different numbers of cells; copy it again from "
                "report.txt"
            ),
        ),
        (table("1", rows="| a | 1 |\n"), "'a' occurs twice: save one report by itself"),
        (
            table("1", rows=f"| {'b' * 90} | 1 |\n" * 2),
            f"'{'b' * 79}…' occurs twice: save one report by itself",
        ),
    ],
)
def test_a_damaged_table_is_refused(text: str, message: str) -> None:
    """The whole message; long cells are cut."""
    with pytest.raises(CspbenchError) as caught:
        read_text(text)
    assert str(caught.value) == message


def test_the_largest_count_of_a_record_is_read() -> None:
    """With and without separators."""
    assert read_text(table(str(2**63 - 1))).cases[0].exact == {"params": 2**63 - 1}
    assert read_text(table(f"{2**63 - 1:,}")).cases[0].exact == {"params": 2**63 - 1}


@pytest.mark.parametrize("cell", ["0.00", "soon", "1e3", "-2.0", ""])
def test_a_latency_that_is_no_positive_time_is_none(cell: str) -> None:
    """It decides nothing, so that it need not be refused."""
    text = table(cell, header="latency [ms]")
    assert read_text(text).cases[0].latency_s is None


def test_repeated_cases_are_told_from_those_of_two_modes() -> None:
    """A case is its name and its mode."""
    refuse_repeated([("a", "infer"), ("a", "train")])
    with pytest.raises(CspbenchError, match=r"^'a' occurs twice: save one report by itself$"):
        refuse_repeated([("a", "infer"), ("b", "infer"), ("a", "infer")])
