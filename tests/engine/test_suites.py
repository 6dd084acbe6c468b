"""The cases of a request: of suites and of entries, with references where ratios are taken."""

from pathlib import Path

import pytest

from cspbench.engine.request import AbRequest, GradientsRequest, RunRequest
from cspbench.engine.suites import suite_of
from cspbench.errors import CspbenchError
from cspbench.plan.suite import Selection

INFER = Selection(mode=("infer",))


def test_a_run_of_entries_needs_no_suite() -> None:
    """The first is the reference of the others."""
    made = suite_of(RunRequest(suite="csp,c3", selection=INFER), "cpu")
    assert made.name == "csp-c3"
    assert [case.reference for case in made.cases] == ["csp 1x64x56x56 cpu fp32 infer"] * 2


def test_models_of_files_are_named_by_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several by a comma, which a file's own name may hold."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "b,c.py"):
        Path(name).touch()
    request = RunRequest(suite="a.py:Net,a.py:Other", inputs=("x=1,8",), selection=INFER)
    assert [case.key for case in suite_of(request, "cpu").cases] == [
        f"a.py:{name} x=1x8 cpu fp32 infer" for name in ("Net", "Other")
    ]
    request = RunRequest(suite="b,c.py:Net", inputs=("x=1,8",), selection=INFER)
    assert [case.entry for case in suite_of(request, "cpu").cases] == ["b,c.py:Net"]
    many = [f"a.py:Net{number}" for number in range(50)]  # longer than a file's name can be
    request = RunRequest(suite=",".join(many), inputs=("x=1,8",), selection=INFER)
    assert [case.entry for case in suite_of(request, "cpu").cases] == many


GRAPH = """
[scales]
n = { width = 0.5 }
s = {}

[parts]
all = [[-1, 1, "conv", { c2 = 16 }], [-1, 2, "c2f", { c2 = 16 }], [-1, 1, "classify"]]
"""


def test_a_graph_is_an_entry_and_no_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path, or a scale of it; in a list, beside entries, and in a suite."""
    monkeypatch.chdir(tmp_path)
    Path("net.toml").write_text(GRAPH)
    suite = 'description = "graphs"\n[[case]]\nentry = "net.toml:s"\nset = { "all.c2f" = "c3" }\n'
    Path("suite.toml").write_text(suite)
    size = "1x3x640x640 cpu fp32 infer"

    def keys(name: str, *overrides: str) -> list[str]:
        request = RunRequest(suite=name, selection=INFER, overrides=overrides)
        return [case.key for case in suite_of(request, "cpu").cases]

    assert keys("net.toml") == [f"net.toml {size}"]
    assert keys("net.toml:s", "all.c2f=c3") == [f"net.toml:s[all.c2f=c3] {size}"]
    assert keys("net.toml:n,net.toml") == [f"net.toml:n {size}", f"net.toml {size}"]
    assert keys("c3,net.toml")[1:] == [f"net.toml {size}"]
    assert keys("suite.toml") == [f"net.toml:s[all.c2f=c3] {size}"]


def test_where_no_ratio_is_taken_no_reference_is_measured() -> None:
    """In ``ab`` each side has its own counterpart; fitted batches have no ratios."""
    selection = Selection(mode=("infer",), only="c*")
    for request in (
        AbRequest(baseline="a", candidate="b", selection=selection),
        RunRequest(selection=selection, is_batch_fitted=True),
    ):
        cases = suite_of(request, "cpu").cases
        assert all(case.entry.startswith("c") for case in cases)
        assert {case.reference for case in cases} == {None}
    cases = suite_of(RunRequest(selection=selection), "cpu").cases
    assert [case.entry for case in cases][:2] == ["dense", "csp"]


def test_gradients_of_several_entries_are_compared() -> None:
    """In training alone."""
    request = GradientsRequest(suite="csp,dense", overrides=("layers=2",), inputs=("1,64,8,8",))
    cases = suite_of(request, "cpu").cases
    assert [case.key for case in cases] == [
        f"{entry}[layers=2] 1x64x8x8 cpu fp32 train" for entry in ("csp", "dense")
    ]
    assert {case.reference for case in cases} == {cases[0].key}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            RunRequest(suite="blocks", overrides=("a=1",)),
            "--set and --input need an entry, but 'bl",
        ),
        (RunRequest(inputs=("1,8",)), "--set and --input need an entry, but 'blocks' is a suite"),
        (RunRequest(suite="csp,dens"), "no catalogue entry 'dens'; nearest: 'dense'"),
        (RunRequest(suite="csp,csp"), "the case 'csp 1x64x56x56 cpu fp32 infer' is listed 2"),
        (
            RunRequest(suite="csp", inputs=("1,64,8,8", "1,8")),
            "csp: expected one input N,C,H,W, got",
        ),
        (RunRequest(suite="torch.nn:ReLU"), "torch.nn:ReLU has no default input; give one"),
        (
            RunRequest(suite="torch.nn:ReLU", inputs=("1,8",), selection=Selection(img_size=(8,))),
            "torch.nn:ReLU: an image size needs floating-point inputs N,C,H,W, got 1x8",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_line(request_: RunRequest, message: str) -> None:
    """Before anything is loaded."""
    with pytest.raises(CspbenchError) as caught:
        suite_of(request_, "cpu")
    assert message in str(caught.value)
