"""Names of cases: no longer than what tells them apart."""

import msgspec
import pytest

from cspbench.catalogue import find
from cspbench.plan.case import MODES, make_case
from cspbench.plan.labels import label, names, plain


def test_models_without_a_usual_input_are_told_apart_by_theirs() -> None:
    """Inputs stand behind equal labels only where they differ."""
    entry = find("torch.nn:Identity")
    cases = [
        make_case(entry, {}, shape=(1, 3, 4, 4), batch_size=batch, mode=mode)
        for batch in (1, 2)
        for mode in MODES
    ]
    named = names(cases)
    assert [named[case.key] for case in cases] == [
        *["torch.nn:Identity 1x3x4x4"] * 2,
        *["torch.nn:Identity 2x3x4x4"] * 2,
    ]
    assert set(names(cases[:2]).values()) == {"torch.nn:Identity"}


def test_only_paths_with_folders_are_shortened_and_only_once() -> None:
    """A closing tag is no path; text that was shortened stays as it is."""
    for text in ("<b>x</b>", "[bold]x[/bold].py:Net", "…/suite.toml", "3 1/2"):
        assert plain(text) == text
    assert plain(plain("cannot read '/home/me/suite.toml'")) == "cannot read '…/suite.toml'"


@pytest.mark.parametrize(
    "code", [0x1B, 0x61C, 0x85, 0x200B, 0x200F, 0x2028, 0x202E, 0x2066, 0xFEFF]
)
def test_no_control_direction_or_zero_width_character_stays(code: int) -> None:
    """Nor a lone surrogate, which cannot be written at all."""
    assert plain(f"a{chr(code)}b\ud800") in {"a?b?", "a b?"}


def test_endless_text_is_cut_before_anything_is_made_of_it() -> None:
    """A label fits a table, any other text a page; labels that are cut alike get numbers."""
    assert len(label("gamma " * 1_000_000)) == 200
    assert len(plain("\x1b" * 1_000_000)) == 10_000
    case = make_case(find("torch.nn:Identity"), {}, shape=(1, 3, 4, 4))
    cases = [msgspec.structs.replace(case, key=end, label="x" * 10_000 + end) for end in "ab"]
    labels = list(names(cases).values())
    assert [text.partition("…")[2] for text in labels] == [" cpu #1", " cpu #2"]
