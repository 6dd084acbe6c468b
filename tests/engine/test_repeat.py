"""The command that repeats a run: whole, and no longer than what was asked for."""

import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cspbench.choices import ALLOCATORS, FORMS, HEADS, MODES, PRECISIONS
from cspbench.cli.options import parse
from cspbench.cli.requests import REQUESTS, Request
from cspbench.cli.verbs import make_parser
from cspbench.engine.option_names import OPTIONS
from cspbench.engine.repeat import command, repeatable
from cspbench.engine.request import (
    AbRequest,
    GradientsRequest,
    RunRequest,
    Sampling,
    SuiteRequest,
    Training,
    suite_name,
)
from cspbench.plan.suite import Selection

texts = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8)
names = texts.filter(lambda text: text[0] not in "-/")
counts = st.integers(1, 1_000_000)
seconds = st.floats(0.1, 1e6)
seeds = st.integers(0, 2**40)
allocators = st.sampled_from(ALLOCATORS)
devices = st.sampled_from(("cpu", "cuda", "cuda:1", "cuda:0,cuda:1", "auto"))
count_lists = st.lists(counts, min_size=1, max_size=3, unique=True).map(tuple)


T = TypeVar("T")


def left_out_or(values: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | values


overrides = st.lists(texts, max_size=3).map(tuple)
shapes = st.lists(st.integers(1, 4096), min_size=1, max_size=5).map(
    lambda shape: ",".join(map(str, shape))
)
types = st.sampled_from(("", ":float64", ":int64", ":int64:49408", ":uint8:3-200", ":bool:1-2"))
tensors = st.builds("".join, st.tuples(shapes | st.just("scalar"), types))
trees = st.lists(tensors, max_size=3).map(lambda texts: f"{{a = {texts}, b = 'none'}}")
makers = st.sampled_from(("net.py:inputs", "pkg.net:make.inputs(batch_size=8,tokens=77)"))
input_words = makers.map(lambda maker: (maker,)) | st.lists(
    tensors | trees | st.builds("ids={}".format, tensors | trees) | st.just("none"), max_size=3
).map(tuple)

samplings = st.builds(
    Sampling,
    threads=left_out_or(counts),
    launches=left_out_or(counts),
    turns=left_out_or(counts),
    min_time_s=left_out_or(seconds),
    time_limit_s=left_out_or(seconds),
    budget_s=left_out_or(seconds),
    allocator=left_out_or(allocators),
    seed=left_out_or(seeds),
    cold=st.booleans(),
    cuda_graph=st.booleans(),
    energy=st.booleans(),
)
selections = st.builds(
    Selection,
    only=left_out_or(texts),
    mode=st.sampled_from(((), *((mode,) for mode in MODES), MODES)),
    precision=left_out_or(st.sampled_from(PRECISIONS)),
    batch_size=st.just(()) | count_lists,
    img_size=st.just(()) | count_lists,
    channels_last=st.booleans(),
    form=st.lists(st.sampled_from(FORMS), unique=True, max_size=3).map(tuple),
)
runs = st.builds(
    RunRequest,
    suite=left_out_or(names),
    overrides=overrides,
    inputs=input_words,
    device=left_out_or(devices),
    selection=selections,
    is_batch_fitted=st.just(False),
    by_module=st.booleans(),
    sampling=samplings,
    columns=st.none(),
    out=st.none(),
    resume=st.none(),
    trust=st.just(False),
)
fitted_runs = runs.map(
    lambda run: replace(run, selection=replace(run.selection, batch_size=()), is_batch_fitted=True)
)
abs_ = st.builds(
    AbRequest,
    baseline=names,
    candidate=names,
    suite=left_out_or(names),
    overrides=overrides,
    inputs=input_words,
    path=left_out_or(texts.filter(lambda text: not text.startswith("/"))),
    no_merge_base=st.booleans(),
    device=left_out_or(devices),
    selection=selections,
    sampling=samplings,
    out=st.none(),
)
gradients = st.builds(
    GradientsRequest,
    suite=left_out_or(names),
    overrides=overrides,
    inputs=input_words,
    only=left_out_or(texts),
    no_training=st.booleans(),
    training=st.builds(
        Training,
        seeds=left_out_or(counts),
        steps=left_out_or(st.integers(4, 1_000_000)),
        data=left_out_or(texts),
        head=left_out_or(st.sampled_from(HEADS)),
    ),
    threads=left_out_or(counts),
    time_limit_s=left_out_or(seconds),
    seed=left_out_or(seeds),
    out=st.none(),
    resume=st.none(),
    trust=st.just(False),
)


def read_back(text: str) -> Request:
    python, dash_m, package, *words = shlex.split(text)
    assert (python, dash_m, package) == ("python", "-m", "cspbench")
    return parse(words)


@given(runs | fitted_runs | abs_ | gradients)
def test_the_command_asks_for_the_same_again(request: SuiteRequest) -> None:
    """Every option of every command that measures a suite, in any combination."""
    assert read_back(command(request)) == replace(request, suite=suite_name(request))


@pytest.mark.parametrize(
    ("words", "repeated"),
    [
        ("run smoke", "run smoke"),
        ("run", "run blocks"),
        ("--budget 300", "run blocks --budget 300"),
        ("gradients --head conv --seeds 15", "gradients designs --seeds 15 --head conv"),
        ("run smoke --compile --min-time 0.001 --cold --mode both --batch-size 8,1",
         "run smoke --mode both --batch-size 8,1 --cold --form compiled --min-time 0.001"),
        ("run smoke --seed 0 --threads 2", "run smoke --threads 2 --seed 0"),
        ("run smoke --batch-size auto --img-size 28", "run smoke --batch-size auto --img-size 28"),
        ("gradients csp --input 1,8,8,8 --set growth=4 --set layers=2 --no-training",
         "gradients csp --set growth=4 --set layers=2 --input 1,8,8,8 --no-training"),
        ("run csp,c3 --input 1,128,8,8 --budget 9 --set e=0.25",
         "run csp,c3 --set e=0.25 --input 1,128,8,8 --budget 9"),
        ("run net.py:Net --input ids=1,77:int64:49408 --input mask=none --batch-size 2",
         "run net.py:Net --input ids=1,77:int64:49408 --input mask=none --batch-size 2"),
        ("ab main HEAD net.py:A,net.py:B --input net.py:inputs",
         "ab main HEAD net.py:A,net.py:B --input net.py:inputs"),
        ("ab main HEAD smoke", "ab main HEAD smoke"),
        ("ab main HEAD --only=-x --no-merge-base --path ../repo --launches 3",
         "ab main HEAD blocks --path ../repo --no-merge-base --only=-x --launches 3"),
        ("run smoke --columns macs --out folder", "run smoke"),
        ("gradients --resume folder", "gradients designs"),
        ("ab main HEAD --format json --threshold 2% --strict --out folder",
             "ab main HEAD blocks --threshold 2% --strict"),
    ],
)  # fmt: skip
def test_options_stand_in_one_order_and_absent_ones_stay_absent(words: str, repeated: str) -> None:
    """What only shows results, and where, is left out."""
    request = parse(shlex.split(words))
    assert isinstance(request, RunRequest | AbRequest | GradientsRequest)
    assert command(request) == f"python -m cspbench {repeated}"


def test_ab_on_another_repository_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a path from where it was begun, as it does for a suite or a model."""
    monkeypatch.chdir(tmp_path)
    request = AbRequest(baseline="v1", candidate="v2", path=str(tmp_path / "repo"))
    assert command(request) == "python -m cspbench ab v1 v2 blocks --path repo"


@pytest.mark.parametrize("verb", REQUESTS)
def test_every_field_of_a_request_has_an_option(verb: str) -> None:
    """And every option of the command line a field, so that none can be forgotten."""
    help_text = " ".join(_help(verb).split())
    for name in _field_names(REQUESTS[verb]):
        if name not in {"suite", "baseline", "candidate", "entry", "runs"}:
            assert OPTIONS[name] in help_text or name == "is_batch_fitted"
    assert set(OPTIONS) == {
        name
        for kind in REQUESTS.values()
        for name in _field_names(kind)
        if name not in {"suite", "baseline", "candidate", "entry", "runs"}
    }


def _help(verb: str) -> str:
    parser = make_parser()
    (choices,) = (action.choices for action in parser._actions if isinstance(action.choices, dict))
    return str(choices[verb].format_help())


def _field_names(kind: type[object]) -> Iterator[str]:
    assert is_dataclass(kind)
    for field in fields(kind):
        if isinstance(field.type, type) and is_dataclass(field.type):
            yield from _field_names(field.type)
        else:
            yield field.name


def test_each_command_has_its_request() -> None:
    """One a command."""
    assert set(get_args(Request)) == set(REQUESTS.values())


@pytest.mark.parametrize(
    ("place", "name", "shown_path"),
    [
        ("work/here", "work/there/mine.py:Block", "../there/mine.py:Block"),
        ("work/here", "other/mine.py:Block", "mine.py:Block"),
    ],
)
def test_what_repeats_a_run_shows_no_more_of_a_path_than_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str, shown_path: str
) -> None:
    """A way from here; the file's name where the two have but a home in common."""
    (tmp_path / place).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / place)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert repeatable(str(tmp_path / name)) == shown_path
    assert repeatable("c3") == "c3"
