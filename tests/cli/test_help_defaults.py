"""What help pages state of values: defaults are the real ones, words in braces are allowed."""

import argparse
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from compared_runs import make_small_run

from cspbench.cli.options import parse
from cspbench.cli.requests import (
    AbRequest,
    CompareRequest,
    DoctorRequest,
    GradientsRequest,
    ReportRequest,
    Request,
    RunRequest,
    ShowRequest,
)
from cspbench.cli.values import BACKENDS
from cspbench.cli.verbs import VERBS, make_parser
from cspbench.engine import session
from cspbench.engine.preflight import devices_of
from cspbench.engine.request import suite_name
from cspbench.engine.settings import settings_of
from cspbench.engine.suites import both_sides
from cspbench.machine.environment import physical_cores
from cspbench.plan.case import MODES
from cspbench.plan.suite import load
from cspbench.plan.tables import SuiteFile
from cspbench.records.gate import LATENCY, THRESHOLD, THRESHOLD_BETWEEN_RUNS, Gate
from cspbench.report.modules import FITTING_ROWS

PARSER = make_parser()
DEFAULT = re.compile(r" \(default: (.*)\)$")
ARGUMENTS = {"ab": ["main", "HEAD"], "compare": ["a", "b"], "report": ["a"], "show": ["dense"]}
WITHOUT_DEFAULT = {
    *("entry", "runs", "baseline", "candidate", "overrides", "only", "resume", "trace"),
    *("compiler", "history"),  # these have one for a value that is left out
}
ACTIONS = [
    pytest.param(verb, action, id=f"{verb} {action.dest}")
    for verb in VERBS
    for group in PARSER.verbs[verb].groups
    for action in group.actions
]


def allowed_words() -> Iterator[tuple[str, str, str]]:
    """Verb, option and word of each word between braces, in a placeholder or in a text."""
    for verb in VERBS:
        for group in PARSER.verbs[verb].groups:
            for action in group.actions:
                for words in re.findall(r"\{(.*?)\}", f"{action.metavar} {action.help}"):
                    for word in words.split(","):
                        yield verb, action.option_strings[0], word


@pytest.mark.parametrize(("verb", "option", "word"), list(allowed_words()))
def test_a_word_that_is_shown_as_allowed_is_allowed(verb: str, option: str, word: str) -> None:
    """By the real parser."""
    parse([verb, *ARGUMENTS.get(verb, []), option, word])


@pytest.mark.parametrize(("verb", "action"), ACTIONS)
def test_a_default_that_is_stated_is_the_real_one(verb: str, action: argparse.Action) -> None:
    """Every option that has one states it, in one form, and it is what the command uses."""
    assert action.help is not None
    if action.nargs == 0 or action.dest in WITHOUT_DEFAULT:
        assert "default" not in action.help
        return
    stated = DEFAULT.search(action.help)
    assert stated, f"{verb}: {action.dest} states no default"
    request = parse([verb, *ARGUMENTS.get(verb, [])])
    assert stated[1] == default_text(request, action.dest)


@pytest.mark.parametrize(("words", "option"), [("run", "--compile"), ("report a", "--history")])
def test_a_value_that_may_be_left_out_is_stated(words: str, option: str) -> None:
    """As it is used then."""
    verb, *arguments = words.split()
    request = parse([verb, *arguments, option])
    value = request.history if isinstance(request, ReportRequest) else "inductor"
    assert not isinstance(request, RunRequest) or request.selection.form == (BACKENDS[str(value)],)
    actions = [action for group in PARSER.verbs[verb].groups for action in group.actions]
    text = next(str(action.help) for action in actions if option in action.option_strings)
    assert text.endswith(f" (without a value: {value})")


def default_text(request: Request, field: str) -> str:
    """The text for what a command uses for ``field`` if it is left out."""
    match request, field:
        case _, "inputs":
            return "the input of the entry"
        case _, "columns" | "path":
            assert getattr(request, field) is None
            return {"columns": "chosen by what was measured"}.get(
                field, "that of the current folder"
            )
        case ShowRequest(), "depth":
            assert request.depth is None
            return f"as many as fit in {FITTING_ROWS} rows"
        case ReportRequest(), _:
            return str(getattr(request, field))
        case CompareRequest(), _:
            return _default_of_judging(request, field)
        case AbRequest(), "format" | "thresholds":
            return _default_of_judging(request, field)
        case RunRequest() | AbRequest(), "precision" | "mode" | "form" | "batch_size" | "img_size":
            return _default_of_suite(field)
        case RunRequest() | AbRequest() | GradientsRequest(), "suite" | "out":
            return suite_name(request) if field == "suite" else _default_folder(request)
        case RunRequest() | AbRequest() | GradientsRequest() | DoctorRequest(), _:
            return _default_setting(request, field)
    raise AssertionError(f"{type(request).__name__} has no default of {field}")


def _default_of_judging(request: CompareRequest | AbRequest, field: str) -> str:
    if field == "format":
        return request.judging.format
    floor = THRESHOLD_BETWEEN_RUNS if isinstance(request, CompareRequest) else 0.0
    assert Gate().threshold("any", LATENCY) == THRESHOLD
    assert Gate().threshold("any", "macs") == 0
    latency = max(THRESHOLD, floor)
    return (
        f"{latency * 100:g}% of latency, or the noise floor if that is higher; 0% of exact counts"
    )


def _default_of_suite(field: str) -> str:
    value: Any = getattr(SuiteFile(description=""), field)
    if field == "mode":
        assert value == MODES
        return "that of the suite, else both"
    if field in {"precision", "form"}:
        return f"that of the suite, else {value[0]}"
    assert value == ()
    return "that of the suite or entry"


def _default_folder(request: RunRequest | AbRequest | GradientsRequest) -> str:
    """The folder of a run of the suite ``smoke`` that began at noon, with words for its parts."""
    assert request.out is None
    suite = load("smoke")
    name = both_sides(suite).name if isinstance(request, AbRequest) else suite.name
    info = msgspec.structs.replace(
        make_small_run().info, suite=name, started="2026-01-01T12:00:00+00:00"
    )
    path = str(session._default_path(info))
    path = path.replace("smoke", "SUITE").replace("20260101T120000Z", "TIME")
    return path if isinstance(request, GradientsRequest) else path.replace("cpu", "DEVICE")


def _default_setting(
    request: RunRequest | AbRequest | GradientsRequest | DoctorRequest, field: str
) -> str:
    settings = settings_of(request, devices_of(request)[0])
    value: Any = getattr(settings, field, getattr(settings.training, field, None))
    match field:
        case "threads" if not isinstance(request, GradientsRequest):
            assert value == physical_cores()
            return "the number of physical cores"
        case "turns":
            assert value is None
            return "chosen for each case and launch"
        case "budget_s":
            return f"{value:g}; none with --launches"
        case "launches":
            return f"{value}, then as many as the budget allows"
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("verb", ["run", "ab main HEAD"])
def test_a_number_of_launches_takes_the_place_of_the_budget(verb: str) -> None:
    """As --budget states."""
    request = parse([*verb.split(), "--launches", "3"])
    assert isinstance(request, RunRequest | AbRequest)
    assert settings_of(request, "cpu").budget_s is None
