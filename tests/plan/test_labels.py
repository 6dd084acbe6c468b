"""Names of cases: no longer than what tells them apart."""

from cspbench.catalogue import find
from cspbench.plan.case import MODES, make_case
from cspbench.plan.labels import names, plain


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
