"""Thresholds: from options, from pyproject.toml, by measure and by entry."""

from pathlib import Path

import pytest

from cspbench.comparison.thresholds import gate, parse
from cspbench.errors import CspbenchError
from cspbench.records.gate import Gate, Rule


def test_without_rules_latency_has_one_percent_and_what_is_exact_none() -> None:
    """The defaults of METHOD: 1%, and not one MAC."""
    assert Gate().threshold("csp", "latency") == 0.01
    assert Gate().threshold("csp", "macs") == 0.0


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ("1%", Rule("*", "latency", 0.01)),
        ("0.02", Rule("*", "latency", 0.02)),
        ("params=0", Rule("*", "params", 0.0)),
        ("c3*:latency=5%", Rule("c3*", "latency", 0.05)),
        ("timm:*:macs=1%", Rule("timm:*", "macs", 0.01)),
    ],
)
def test_an_option_is_a_share_of_a_measure_of_some_entries(option: str, rule: Rule) -> None:
    """Percent or plain; the glob ends at the last colon."""
    assert parse(option) == rule


def test_the_last_rule_that_fits_holds() -> None:
    """General first, then what is special, whatever the order of strictness."""
    rules = tuple(map(parse, ("2%", "c3*:latency=5%", "c3:latency=0")))
    thresholds = Gate(rules)
    assert [thresholds.threshold(name, "latency") for name in ("csp", "c3x", "c3")] == [
        0.02,
        0.05,
        0.0,
    ]


def test_options_come_after_the_nearest_pyproject(tmp_path: Path) -> None:
    """From a folder below it; strict in the file is strict."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.cspbench]\nstrict = true\n"
        '[tool.cspbench.thresholds]\nlatency = "3%"\nparams = 0.5\n"c3:latency" = "9%"\n'
    )
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    thresholds = gate(["c3:latency=1%"], start=below)
    assert thresholds.is_strict
    assert thresholds.threshold("csp", "latency") == 0.03
    assert thresholds.threshold("csp", "params") == 0.5
    assert thresholds.threshold("c3", "latency") == 0.01


def test_a_file_without_our_table_says_nothing(tmp_path: Path) -> None:
    """Most projects have none."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert gate(start=tmp_path) == Gate()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[tool.cspbench", "cannot read"),
        ("[tool]\ncspbench = 3", "expected a table, got 3"),
        ("[tool.cspbench]\nstict = true", "no setting 'stict'; nearest: 'strict'"),
        ("[tool.cspbench]\nstrict = 'yes'", "strict: expected true or false, got 'yes'"),
        (
            "[tool.cspbench]\nthresholds = '1%'",
            "thresholds: expected a table such as {latency = '2%'}, got '1%'",
        ),
        ("[tool.cspbench.thresholds]\nlatncy = '1%'", "no measure 'latncy'; nearest: 'latency'"),
        (
            "[tool.cspbench.thresholds]\nlatency = '-1%'",
            "invalid threshold '-1%': give a share from 0",
        ),
        ("[tool.cspbench.thresholds]\nlatency = true", "invalid threshold True: give a share"),
        ("[tool.cspbench.thresholds]\nlatency = nan", "invalid threshold nan: give a share"),
        ("[tool.cspbench.thresholds]\nlatency = " + "9" * 400, "invalid threshold 999"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path: Path, content: str, message: str) -> None:
    """Nothing in it is passed over in silence."""
    (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(CspbenchError) as raised:
        gate(start=tmp_path)
    assert message in str(raised.value)
    assert "pyproject.toml" in str(raised.value)


@pytest.mark.parametrize("option", ["", "many", "1%%", "1e99", "nan", "-1", "macs", "flop=1%"])
def test_a_wrong_option_is_refused(option: str) -> None:
    """A word, a negative share, a measure that does not exist."""
    with pytest.raises(CspbenchError):
        parse(option)


def test_a_wrong_threshold_says_what_is_allowed() -> None:
    """The whole message."""
    with pytest.raises(CspbenchError) as raised:
        parse("params=many")
    assert str(raised.value) == (
        "invalid threshold 'many': give a share from 0 to 1000%, such as 1% or 0.01"
    )
