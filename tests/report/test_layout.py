"""Pages of plain text: their width, and the tones of their words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import make_run
from wcwidth import wcswidth

from cspbench import report
from cspbench.plan.labels import plain
from cspbench.report import tones
from cspbench.report.layout import FILE, Layout, wrap
from cspbench.report.tables import Grid, Strip

THREE = ("dense", "csp", "csp_fusion_first")
WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
TERMINAL = Layout(has_tones=True)


def report_in(layout: Layout, columns: tuple[str, ...] | None = None) -> str:
    return report.text(report.derive(make_run(THREE, modes=("infer",))), columns, layout)


@pytest.mark.parametrize(("width", "longest"), [(40, 40), (80, 80), (200, 100)])
def test_prose_is_as_wide_as_the_page_up_to_100_cells(width: int, longest: int) -> None:
    """Longer lines are hard to read."""
    text = Layout(width=width).filled(f"{WORDS} {WORDS} {WORDS}", "- ")
    lines = text.splitlines()
    assert longest - len("thirteen ") < max(map(len, lines)) <= longest
    assert [line[:2] for line in lines] == ["- ", *["  "] * (len(lines) - 1)]
    assert text.split()[1:] == f"{WORDS} {WORDS} {WORDS}".split()


@given(st.integers(40, 200))
def test_a_report_is_as_wide_as_its_page_whatever_that_is(width: int) -> None:
    """All columns of all parts, and the bar below a title."""
    text = report_in(Layout(width=width), tuple(column.key for column in report.COLUMNS))
    lines = [line for line in text.splitlines() if not line.startswith("repeat ")]
    assert max(map(len, lines)) <= width


def test_a_wider_page_has_fewer_tables() -> None:
    """With the same columns in the same order."""
    tables = {}
    for width in (80, 100, 200):
        lines = report_in(Layout(width=width)).splitlines()
        headers = [line for line in lines if line.startswith("| entry ")]
        columns = [cell.split() for line in headers for cell in line.strip("|").split("|")[1:]]
        tables[width] = len(headers), columns
    assert tables[80][0] > tables[100][0] > tables[200][0] == 2
    assert tables[80][1] == tables[100][1] == tables[200][1]


def test_the_most_important_figures_stand_in_the_first_tables() -> None:
    """At 80 columns: parameters and MACs; the latency, its ratio and the verdict on that."""
    exact, timed = (
        [" ".join(line.split()) for line in part.splitlines() if line.startswith("| entry ")]
        for part in report_in(FILE).split("Timed: different in every run")
    )
    assert exact[0] == "| entry | params | ratio | MACs | ratio |"
    assert timed[0] == "| entry | [ms] interval | ratio interval | verdict |"


def test_a_verdict_stays_beside_the_ratio_that_it_is_on() -> None:
    """Both go to the next table where only the ratio would fit, if a table has room for both."""
    for width in range(50, 120):
        text = report_in(Layout(width=width), ("latency", "latency_ratio", "verdict"))
        (header,) = [
            line for line in text.splitlines() if line.startswith("| entry ") and "ratio" in line
        ]
        assert "verdict" in header


def test_a_name_wraps_for_one_more_column_in_the_first_table() -> None:
    """Without need it stays on its line."""

    def lines(width: int) -> list[str]:
        columns = tuple((Strip(header="figure", cells=("1" * 9,)),) for _ in range(4))
        names = Strip(header="entry", cells=("csp layers=4 growth=16 gamma=0.25",), left=True)
        return Grid(names=names, bundles=columns).text(Layout(width=width)).splitlines()

    assert lines(90)[3].startswith("| csp layers=4 growth=16 gamma=0.25 | 111111111 | 111111111 |")
    assert lines(64)[3:5] == [
        "| csp layers=4 growth=16 | 111111111 | 111111111 | 111111111 |",
        "| gamma=0.25             |           |           |           |",
    ]


def test_words_of_a_name_stay_whole() -> None:
    """A name wraps between them, even where a table more is the price."""
    name = "models/net.py:WideResidualNet depth=28"
    wide = Strip(header="figure", cells=("1" * 30,))
    text = Grid(
        names=Strip(header="entry", cells=(name,), left=True), bundles=((wide,), (wide,))
    ).text(Layout(width=80))
    assert text.count("| models/net.py:WideResidualNet |") == 2
    assert text.count("| depth=28                      |") == 2


def test_a_bundle_too_wide_for_a_page_is_broken_and_its_cells_wrap() -> None:
    """Nothing is lost."""
    cells = ("a" * 50, "b" * 50)
    grid = Grid(
        names=Strip(header="entry", cells=("x",), left=True),
        bundles=(tuple(Strip(header="h", cells=(cell,)) for cell in cells),),
    )
    text = grid.text(Layout(width=40))
    assert max(map(len, text.splitlines())) <= 40
    assert (text.count("a"), text.count("b")) == (50, 50)


def test_an_interval_shares_the_column_of_its_figure() -> None:
    """Both aligned to the right, below their own headers."""
    figures = Strip(header="latency\n[ms]", cells=("9.5", "10.25"))
    intervals = Strip(header="95%\ninterval", cells=("9–10", ""), attached=True)
    names = Strip(header="entry", cells=("a", "b"), left=True)
    assert Grid(names=names, bundles=((figures, intervals),)).text(FILE) == (
        "+-------+------------------+\n"
        "|       | latency      95% |\n"
        "| entry |    [ms] interval |\n"
        "+-------+------------------+\n"
        "| a     |     9.5     9–10 |\n"
        "| b     |   10.25          |\n"
        "+-------+------------------+"
    )


def test_tones_are_marked_for_terminals_and_nowhere_else() -> None:
    """Verdicts have one; the rest of the page is the same."""
    marked, plain = report_in(TERMINAL), report_in(FILE)
    toned = [(text.strip(), tone) for text, tone in tones.pieces(marked) if tone]
    assert toned == [("faster", "better")] * 2
    assert tones.untoned(marked) == plain
    assert plain.replace("\n", "").isprintable()


def test_a_mark_takes_no_room() -> None:
    """A table is drawn as if it were not there, and each word of several is marked by itself."""
    text = tones.toned("not yet known", "undecided")
    assert wcswidth(text) == len("not yet known")
    assert wrap(text, 8) == [tones.toned("not yet", "undecided"), tones.toned("known", "undecided")]
    assert [tone for piece, tone in tones.pieces(text) if piece.strip()] == ["undecided"] * 3


def test_words_without_a_tone_stay_as_they_are() -> None:
    """Verdicts that are neither better nor worse."""
    assert [tones.toned(word, word) for word in ("same", "added")] == ["same", "added"]


@given(st.text(st.sampled_from("\u2060\u2061\u2062\u2063\x1b[0m a\n"), max_size=12))
def test_a_text_from_outside_has_no_tone(text: str) -> None:
    """`plain` takes marks out of it, and no page shows one."""
    assert [tone for _, tone in tones.pieces(plain(text))] == [None]
    assert Layout().page([text]).replace("\n", "").isprintable()
