"""Builders of several trees, side by side in one process."""

import sys
from pathlib import Path
from typing import Any

import pytest
from model_trees import TWO_MORE, make_tree_case, write_tree

from cspbench.catalogue import find, loading
from cspbench.errors import AbsentError, CspbenchError
from cspbench.plan.case import Case, make_case


def build(root: Path, case: Case) -> Any:
    return loading.build(case.entry, case.build, case.arguments, root)


def test_two_trees_with_modules_of_one_name_stay_apart(tmp_path: Path) -> None:
    """Each is built from its own code, again and again, and this process keeps its modules."""
    write_tree(tmp_path / "one")
    write_tree(tmp_path / "two", more=TWO_MORE, forward="x = self.more(x)")
    imported = {name: module for name, module in sys.modules.items() if name.startswith("cspbench")}
    modules = [
        build(tmp_path / name, make_tree_case(width=4)) for name in ("one", "two", "one", "two")
    ]
    assert [len(list(module.parameters())) for module in modules] == [1, 3, 1, 3]
    assert type(modules[0]) is type(modules[2])
    assert type(modules[0]) is not type(modules[1])
    assert "mine" not in sys.modules
    assert all(sys.modules[name] is module for name, module in imported.items())


def test_an_entry_of_the_catalogue_is_the_trees_own(tmp_path: Path) -> None:
    """Its defaults included; what the tree lacks is absent, not broken."""
    root = Path(__file__).parents[2]
    case = make_case(find("csp"), {"layers": 2})
    module = build(root, case)
    assert type(module).__name__ == "CSP"
    assert type(module).__module__ == "cspbench.blocks.csp"
    write_tree(tmp_path)
    with pytest.raises(AbsentError):
        build(tmp_path, case)
    with pytest.raises(AbsentError):
        build(tmp_path, make_case(find("mine.blocks:Gone"), {}, shape=(1, 8, 6, 6)))


def test_a_package_offers_what_it_takes_from_its_modules() -> None:
    """torch.nn defines nothing itself: its layers lie in modules below it."""
    with pytest.raises(CspbenchError, match=r"torch\.nn has no callable 'Linearr'; nearest: 'Lin"):
        loading.resolve("torch.nn:Linearr")


def test_a_revision_whose_model_cannot_be_imported_has_failed(tmp_path: Path) -> None:
    """It is not absent: nothing was removed. What has no such callable is absent."""
    (tmp_path / "mine.py").write_text("raise RuntimeError('boom')", encoding="utf-8")
    (tmp_path / "other.py").write_text("", encoding="utf-8")
    for name, kind in (("mine", CspbenchError), ("other", AbsentError), ("none", AbsentError)):
        with pytest.raises(CspbenchError) as caught:
            loading.build(f"{name}.py:Net", f"{name}.py:Net", {}, tmp_path)
        assert type(caught.value) is kind, name


@pytest.mark.parametrize(
    ("code", "kind"),
    [("import nowhere", ModuleNotFoundError), ("from os import nothing", ImportError)],
)
def test_a_revision_whose_catalogue_cannot_be_imported_has_failed(
    tmp_path: Path, code: str, kind: type[Exception]
) -> None:
    """Its entries were not removed."""
    package = tmp_path / "cspbench" / "catalogue"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("", encoding="utf-8")
    (package / "__init__.py").write_text(code, encoding="utf-8")
    with pytest.raises(kind) as caught:
        loading.build("dense", find("dense").build, {}, tmp_path)
    assert not isinstance(caught.value, AbsentError)
