"""Published figures beside ours: the answers, how they are rounded, and that all are met."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from cspbench import cli
from cspbench.engine.verify import Published, published, verify
from cspbench.errors import CspbenchError
from cspbench.records.verification import CONVENTIONS, Check
from cspbench.report import verification


def figures(**table: Any) -> Published:
    """One figure, of the block that is known by hand: 368,320 parameters, 1,143,209,984 MACs."""
    content = {
        "sources": {"paper": "a paper"},
        "figure": [{"entry": "dense", "source": "paper"} | table],
    }
    return msgspec.convert(content, Published)


def only(**table: Any) -> Check:
    (check,) = verify(figures(**table))
    return check


@pytest.mark.parametrize(
    ("table", "answer", "ours"),
    [
        ({"P": "368,320"}, "equal", "368,320"),
        ({"P": "368320"}, "equal", "368,320"),
        ({"P": "368,321"}, "differs", "368,320"),
        ({"P": "368.3 K"}, "equal as rounded", "368.3 K"),
        ({"P": "368.4 K"}, "differs", "368.3 K"),
        ({"P": "0.37 M"}, "equal as rounded", "0.37 M"),
        ({"MACs": "1.143 G"}, "equal as rounded", "1.143 G"),
        ({"MACs": "1.14321 G"}, "equal as rounded", "1.14321 G"),
        ({"BF": "2.286"}, "equal as rounded", "2.286"),
        ({"BF": "2.29"}, "equal as rounded", "2.29"),
        ({"CIO": "9,332,736"}, "equal", "9,332,736"),
        ({"MACs": "1.2 G", "differs": {"MACs": "it adds pooling"}}, "differs, as known", "1.1 G"),
    ],
)
def test_a_figure_is_met_as_it_was_written(
    table: Mapping[str, Any], answer: str, ours: str
) -> None:
    """A whole number exactly, any other to its own decimals and unit."""
    check = only(**table)
    assert (check.answer, check.ours_text) == (answer, ours)


def test_a_difference_is_a_share_of_what_was_published() -> None:
    """5% above: minus 4.8%, and the reason that is known stands beside it."""
    check = only(P="386,736", differs={"P": "a bias"})
    assert check.difference == pytest.approx(-0.0476, abs=1e-4)
    assert check.reason == "a bias"
    assert only(P="368,320", differs={"P": "a bias"}).reason == ""


def test_arguments_and_input_are_those_of_the_figure() -> None:
    """Fewer layers, and an input of twice the batch: MACs double."""
    small = only(set={"layers": 2}, MACs="1")
    two_images = only(set={"layers": 2}, input=[2, 64, 56, 56], MACs="1")
    assert two_images.ours == 2 * small.ours
    assert two_images.input_shape == (2, 64, 56, 56)


@pytest.mark.parametrize(
    "table",
    [
        {"entry": "dens", "P": "1"},
        {"source": "papr", "P": "1"},
        {"P": "many"},
        {"P": "1 T"},
        {"P": "."},
        {"products": "0"},
        {"set": {"gamma": 1}, "P": "1"},
    ],
)
def test_a_figure_that_means_nothing_is_refused(table: dict[str, Any]) -> None:
    """An entry, a source, a number, an argument."""
    with pytest.raises(CspbenchError):
        only(**table)


def test_an_unknown_convention_is_refused() -> None:
    """A slip in the file is no silent figure."""
    with pytest.raises(msgspec.ValidationError):
        figures(FLOPs="1")


def test_products_are_those_of_attention_alone() -> None:
    """Each of 1,024 x 1,024 pairs of positions: 32 for a query and a key, 64 for a value."""
    attention = {"entry": "c2psa", "source": "paper"}
    checks = list(verify(figures(**attention, MACs="63,504,384", products="100,663,296")))
    assert [check.convention for check in checks] == ["MACs", "products"]
    assert {check.answer for check in checks} == {"equal"}


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    """All figures that ship."""
    return list(verify())


def test_every_published_figure_is_met_or_its_difference_known(checks: list[Check]) -> None:
    """Not one differs for an unknown reason, and each convention is used."""
    assert [check for check in checks if check.answer == "differs"] == []
    assert {check.convention for check in checks} == set(CONVENTIONS)
    explained = {(check.entry, check.convention) for check in checks if check.reason}
    assert explained == {
        ("dk_resnext50", "CIO"),
        *(("yolov5n", "P_all"), ("yolov9c", "P_all"), ("yolov9c", "BF")),  # of fused forms
        *(("peleenet", "BF"), ("dk_resnet10", "BF"), ("csp_peleenet", "BF"), ("csp_peleenet", "W")),
    }


def test_every_source_is_used() -> None:
    """No source is listed without a figure."""
    figures = published()
    assert {table.source for table in figures.figure} == {*figures.sources, *figures.by_hand}


def test_the_page_concludes_first_and_names_what_differs(checks: list[Check]) -> None:
    """At most 80 columns; every source and reason is there."""
    text = verification.text(checks)
    published_checks = [check for check in checks if check.is_published]
    met = sum(check.answer.startswith("equal") for check in published_checks)
    assert text.startswith(f"{met} of {len(published_checks)} published figures are met: ")
    by_hand = len(checks) - len(published_checks)
    assert by_hand == 47
    assert f"{by_hand} of {by_hand} figures derived by hand" in " ".join(text.split())
    assert "P: all trainable parameters; P_all: all parameters" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "- csp_peleenet, BF: the paper leaves the stages' widths open" in text
    assert "+25%" in text


def test_the_verb_prints_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """And exits with 0, as nothing differs for an unknown reason."""
    assert cli.main(["verify", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert {"entry", "convention", "source", "published", "ours", "difference", "answer"} <= set(
        figures[0]
    )
