"""Saved reports of any size and with any numbers: an answer, or one line that names a limit."""

import os
import re
from pathlib import Path

import msgspec
import pytest
from compared_runs import make_small_run
from factories import make_floor
from synthetic import change, render_report

from cspbench.comparison import readers
from cspbench.comparison.compare import compare
from cspbench.comparison.excerpt import Excerpt, excerpt
from cspbench.errors import CspbenchError
from cspbench.records.lines import Latency


def read(tmp_path: Path, text: str) -> Excerpt:
    path = tmp_path / "comment.md"
    path.write_text(text, encoding="utf-8")
    return readers.read(path)


@pytest.fixture(scope="module")
def page() -> str:
    """A report, with a noise floor."""
    run = make_small_run()
    info = msgspec.structs.replace(run.info, noise_floor=make_floor(0.02))
    return render_report(msgspec.structs.replace(run, info=info), "markdown")


@pytest.mark.parametrize(
    ("figure", "values"),
    [
        (r'"between_runs":\{"infer":[0-9.]+', ["1000", "1e308", "-0.1", "1e999", "9" * 400]),
        (r'"yardsticks":\[[0-9.]+', ["0", "1e-13", "1e13", "1e308", "-1"]),
        (r'"yardstick_s":\[[0-9.e-]+', ["0", "1e13", "0.002,0.002"]),
        (r'"latency_s":[0-9.e-]+', ["5e-324", "1e308", "0"]),
        (r'"launches":[0-9]+', ["-1", "9223372036854775808", "1" * 25]),
        (r'"input_shape":\[[0-9]+', ["-1", "9223372036854775808"]),
        (r'"name":"[^"]*', ["x" * 20_000]),
    ],
)
def test_numbers_and_names_have_bounds(
    tmp_path: Path, page: str, figure: str, values: list[str]
) -> None:
    """What is beyond any measurement is refused, not computed with."""
    (match, *_) = re.findall(figure, page)
    start = re.match(r'"\w+":(\{"infer":|\[|")?', match)
    assert start is not None
    for value in values:
        with pytest.raises(CspbenchError, match=r"comment\.md: "):
            read(tmp_path, page.replace(match, start[0] + value))


@pytest.mark.parametrize("time_s", [5e-324, 1e-300, 1e12])
def test_what_a_run_of_extreme_times_saves_is_read_back(tmp_path: Path, time_s: float) -> None:
    """A ratio to the yardstick beyond 10^12 is saved as that."""
    run = make_small_run()
    latencies: tuple[Latency, ...] = tuple(
        msgspec.structs.replace(line, samples_s=(time_s,) * len(line.samples_s))
        for line in run.records[1].latencies
    )
    extreme = change(run, 1, latencies=latencies)
    assert read(tmp_path, render_report(extreme, "markdown")) == excerpt(extreme)
    compare(extreme, run)
    compare(run, extreme)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" + "1," * 4_000_001, "holds too many values; at most 4,000,000"),
        ("\n" * 1_000_001, r"comment\.md: 1,000,001 lines are too many; at most 1,000,000$"),
        (
            "Inference, 1\n+---+---+\n| entry | params |\n+---+---+\n| a | 1 |\n"
            + "| aaaaaaaaaaaaaaaaaaa |  |\n" * 1_000,
            "damaged table: a name of more than 10,000 characters; copy it again$",
        ),
    ],
    ids=["values", "lines", "wrapped name"],
)
def test_what_would_take_time_or_memory_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The limit is said."""
    with pytest.raises(CspbenchError, match=message):
        read(tmp_path, text)


def test_a_report_that_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A FIFO would block."""
    os.mkfifo(tmp_path / "report.md")
    with pytest.raises(CspbenchError, match=r"report\.md is not a regular file"):
        readers.read(tmp_path / "report.md")


def test_a_pasted_time_without_end_is_no_number(tmp_path: Path) -> None:
    """Groups of three digits, a hundred and more."""
    table = "Inference, 1\n+--+--+\n| entry | latency [ms] |\n+--+--+\n| a | 1{} |\n+--+--+\n"
    (case,) = read(tmp_path, table.format(",000" * 200)).cases
    assert case.latency_s is None
