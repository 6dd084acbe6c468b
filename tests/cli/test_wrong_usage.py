"""Messages for a wrong command line, whole: what is wrong, the nearest word, where to look."""

import pytest

from cspbench.cli.options import parse
from cspbench.errors import CspbenchError

P = "python -m cspbench"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], f"no verb 'rnu'; nearest: 'run' ({P} --help lists all verbs)"),
        (["comp"], f"no verb 'comp'; nearest: 'compare' ({P} --help lists all verbs)"),
        (["Report"], f"no verb 'Report'; nearest: 'report' ({P} --help lists all verbs)"),
        (["help"], f"no verb 'help'; for help: {P} --help"),
        (["smoke"], f"no verb 'smoke'; to measure it: {P} run smoke"),
        (["csp,c3", "--mode"], f"no verb 'csp,c3'; to measure it: {P} run csp,c3"),
        (["my net.py:Net"], f"no verb 'my net.py:Net'; to measure it: {P} run 'my net.py:Net'"),
        (["mine.toml"], f"no verb 'mine.toml'; to measure it: {P} run mine.toml"),
        (
            ["zzz"],
            (
                "no verb 'zzz'; allowed: 'run', 'show', 'list', 'compare', 'ab', 'report', "
                "'doctor', 'gradients', 'verify' (to measure a suite or entry: "
                f"{P} run NAME)"
            ),
        ),
    ],
)
def test_an_unknown_verb_names_the_nearest(words: list[str], message: str) -> None:
    """Or the command that measures a suite or entry of that name."""
    with pytest.raises(CspbenchError) as error:
        parse(words)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--lanches 2",
            f"run has no option '--lanches'; nearest: '--launches' ({P} run --help",
        ),
        (
            "run --batch_size=4",
            f"run has no option '--batch_size'; nearest: '--batch-size' ({P} run --help",
        ),
        (
            "ab main HEAD --thresh 1%",
            f"ab has no option '--thresh'; nearest: '--threshold' ({P} ab --help",
        ),
        (
            "doctor -device cuda",
            f"doctor has no option '-device'; nearest: '--device' ({P} doctor --help",
        ),
        (
            "show csp --device cuda",
            (
                "show has no option '--device'; it is an option of run, ab and doctor "
                f"({P} show --help"
            ),
        ),
        (
            "run smoke --no-merge-base",
            f"run has no option '--no-merge-base'; it is an option of ab ({P} run --help",
        ),
        ("list --quick", f"list has no option '--quick' ({P} list --help"),
    ],
)
def test_an_unknown_option_names_the_nearest(words: str, message: str) -> None:
    """Or the verbs that have it; abbreviations are not taken."""
    with pytest.raises(CspbenchError) as error:
        parse(words.split())
    assert str(error.value) == f"{message} lists all options)"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "show",
            f"show needs ENTRY; for example: {P} show csp_fusion_last --input 64,64,56,56",
        ),
        (
            "compare --strict",
            (
                "compare needs BASELINE and CANDIDATE; for example: "
                f"{P} compare results/before results/after"
            ),
        ),
        (
            "compare before",
            f"compare needs CANDIDATE; for example: {P} compare results/before results/after",
        ),
        ("ab main", f"ab needs HEAD_REV; for example: {P} ab main HEAD"),
        (
            "report --columns macs",
            (
                "report needs RUN; for example: "
                f"{P} report results/reference/cpu --columns latency,macs"
            ),
        ),
        (
            "run a b",
            f"run: unexpected argument 'b'; usage: {P} run [OPTIONS] [SUITE|ENTRY,…]",
        ),
        (
            "compare a b c d",
            (
                "compare: unexpected arguments 'c', 'd'; "
                f"usage: {P} compare [OPTIONS] BASELINE CANDIDATE"
            ),
        ),
        (
            "run --launches",
            f"--launches needs a value: --launches N ({P} run --help lists all options)",
        ),
        (
            "--mode --threads 2",
            f"--mode needs a value: --mode {{infer,train,both}} ({P} run --help lists all options)",
        ),
        (
            "run --cold=yes",
            f"--cold takes no value, got 'yes' ({P} run --help lists all options)",
        ),
    ],
)
def test_what_is_missing_or_too_much_is_named(words: str, message: str) -> None:
    """With a command that is right, or the form that the option has."""
    with pytest.raises(CspbenchError) as error:
        parse(words.split())
    assert str(error.value) == message
