"""Words of a command line, as one request a command."""

import shlex

import pytest

from cspbench.cli.options import parse
from cspbench.cli.requests import (
    AbRequest,
    CompareRequest,
    DoctorRequest,
    GradientsRequest,
    ListRequest,
    ReportRequest,
    Request,
    RunRequest,
    ShowRequest,
    VerifyRequest,
)
from cspbench.engine.request import Judging, Sampling, Training
from cspbench.errors import CspbenchError
from cspbench.plan.suite import Selection


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("", RunRequest()),
        ("run", RunRequest()),
        ("list", ListRequest()),
        ("show dense", ShowRequest(entry="dense")),
        ("verify", VerifyRequest()),
        ("compare a b", CompareRequest(baseline="a", candidate="b")),
        ("ab main HEAD", AbRequest(baseline="main", candidate="HEAD")),
        ("report a", ReportRequest(runs=("a",))),
        ("gradients", GradientsRequest()),
        ("doctor", DoctorRequest()),
    ],
)
def test_what_is_left_out_has_the_default_of_its_request(words: str, request_: Request) -> None:
    """No command fakes the options of another."""
    assert parse(shlex.split(words)) == request_


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (
            "--mode infer --batch-size 1,8 --threads 2 --columns macs,params --out folder",
            RunRequest(
                selection=Selection(mode=("infer",), batch_size=(1, 8)),
                sampling=Sampling(threads=2),
                columns=("macs", "params"),
                out="folder",
            ),
        ),
        (
            "run smoke --batch-size auto --resume folder",
            RunRequest(suite="smoke", is_batch_fitted=True, resume="folder"),
        ),
        (
            "run --compile smoke",
            RunRequest(suite="smoke", selection=Selection(form=("compiled",))),
        ),
        (
            "ab main HEAD --mode train smoke --format json --threshold 2% --strict",
            AbRequest(
                baseline="main",
                candidate="HEAD",
                suite="smoke",
                selection=Selection(mode=("train",)),
                judging=Judging(format="json", thresholds=("2%",), is_strict=True),
            ),
        ),
        (
            "gradients csp --set growth=4 --input 1,8,8,8 --seeds 3 --seed 1",
            GradientsRequest(
                suite="csp",
                overrides=("growth=4",),
                inputs=("1,8,8,8",),
                training=Training(seeds=3),
                seed=1,
            ),
        ),
        (
            "report a b --format csv --history",
            ReportRequest(runs=("a", "b"), format="csv", history="latency_ratio"),
        ),
        ("show csp --time --depth 2", ShowRequest(entry="csp", time=True, depth=2)),
        ("show csp --depth all --json", ShowRequest(entry="csp", depth="all", as_json=True)),
        ("doctor --json --allocator system", DoctorRequest(as_json=True, allocator="system")),
    ],
)
def test_each_option_stands_in_the_field_of_its_name(words: str, request_: Request) -> None:
    """In a part of the request, or in itself."""
    assert parse(shlex.split(words)) == request_


def test_batches_are_not_fitted_for_two_revisions() -> None:
    """The request of ab cannot say so."""
    with pytest.raises(CspbenchError) as error:
        parse(["ab", "main", "HEAD", "--batch-size", "auto"])
    assert str(error.value) == (
        "--batch-size auto works only with run: both sides of ab need the same batch"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--resume", "a", "--out", "b"],
            "--resume continues in the folder of the run; leave out --out",
        ),
        (["gradients", "--out", ""], "--out: expected a folder, got ''"),
        (
            ["run", "smoke", "--trust"],
            "--trust applies only to a run that is resumed; use it with --resume DIR",
        ),
    ],
)
def test_a_run_has_one_folder(words: list[str], message: str) -> None:
    """Its own, or the one to resume."""
    with pytest.raises(CspbenchError) as error:
        parse(words)
    assert str(error.value) == message


@pytest.mark.parametrize("word", ["\udcff", "a\0b", "net\udcfe.py:net"])
@pytest.mark.parametrize("words", [["run"], ["report"], ["ab", "main"], ["--only"], []])
def test_a_word_that_is_no_text_is_refused(words: list[str], word: str) -> None:
    """Bytes that are not UTF-8 come from the system so; a run could not record them."""
    with pytest.raises(CspbenchError, match=r"is not text \(UTF-8\), so a run cannot record it"):
        parse([*words, word])
