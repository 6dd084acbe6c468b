"""`show` of models that print, fail or leave: one line, an exit code, and nothing else said."""

import json
import re
from pathlib import Path

import pytest

from cspbench import cli

MODELS = """
import atexit, ctypes, logging, os, sys, time, warnings
import torch
from torch import nn

if os.environ.get("LOUD"):
    print("printed at import")
    warnings.warn("warned at import")
    logging.warning("logged at import")
    atexit.register(print, "printed at exit")


class Loud(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 4, 1, bias=False)
        os.write(1, b"written when built\\n")
        ctypes.CDLL(None).puts(b"put by C")
        print("no end of line", end="")

    def forward(self, x):
        print("called", file=sys.stderr)
        os.write(2, b"\\x1b[2Jwritten when called \\xff\\n")
        return super().forward(x)


class OneValue(nn.BatchNorm2d):
    def __init__(self):
        super().__init__(3)


class Frozen(nn.Module):
    def forward(self, x):
        return x.detach() * 2


class Raises(nn.Module):
    def forward(self, x):
        raise RuntimeError("always\\nwith a second line")


class Recurses(nn.Module):
    def forward(self, x):
        return self.forward(x)


class Odd(BaseException):
    pass


def odd():
    raise Odd("odd")


def exits():
    sys.exit(5)


def exits_well():
    sys.exit(0)


def interrupts():
    raise KeyboardInterrupt


def leaves():
    os._exit(0)


def kills():
    ctypes.string_at(0)


def returns_text():
    return "a module"


number = 3
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").write_text(MODELS)
    return tmp_path


def show(name: str, *words: str, shape: str = "1,3,8,8") -> int:
    return cli.main(["show", f"models.py:{name}", "--input", shape, *words])


@pytest.mark.usefixtures("models")
def test_what_a_model_prints_is_no_part_of_the_json(capfd: pytest.CaptureFixture[str]) -> None:
    """By Python, by the system or by C; it stands in the object instead."""
    assert show("Loud", "--json") == 0
    shown = capfd.readouterr()
    profile = json.loads(shown.out)
    assert shown.err == ""
    assert profile["macs"] == 3 * 4 * 64
    text = "\n".join(printed["text"] for printed in profile["printed"])
    for words in ("written when built", "put by C", "no end of line", "called", "\ufffd"):
        assert words in text


@pytest.mark.usefixtures("models")
def test_a_summary_quotes_the_last_line_that_was_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without control characters; what is printed at import and at exit is swallowed, too."""
    monkeypatch.setenv("LOUD", "1")
    assert show("Loud") == 0
    out = capfd.readouterr().out
    assert "the last one: ?[2Jwritten when called" in out
    assert "printed at" not in out
    assert "\x1b" not in out


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("name", "shape", "reason"),
    [
        ("OneValue", "1,3,1,1", "ValueError: Expected more than 1 value per channel"),
        ("Frozen", "1,3,8,8", "nothing to train"),
    ],
)
def test_inference_is_shown_where_a_training_step_cannot_run(
    capfd: pytest.CaptureFixture[str], name: str, shape: str, reason: str
) -> None:
    """And why it cannot; this is no failure of the command."""
    assert show(name, shape=shape) == 0
    out = capfd.readouterr().out
    assert "Inference: peak tensor memory" in out
    assert reason in out
    assert "Training: peak" not in out
    assert f"{name} fits at inference (" in out
    assert show(name, "--json", shape=shape) == 0
    profile = json.loads(capfd.readouterr().out)
    assert profile["tensor_peak"]["infer"]["peak_tensor_bytes"] > 0
    assert profile["tensor_peak"]["train"] is None
    assert profile["failures"]["infer"] == []
    assert reason in profile["failures"]["train"][0]["reason"]


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("Raises", 3, "does not run: RuntimeError: always"),
        ("Recurses", 3, "RecursionError: maximum recursion depth exceeded"),
        ("odd", 3, "Odd: odd"),
        ("exits", 3, "SystemExit: 5"),
        ("exits_well", 3, "SystemExit: 0"),
        ("interrupts", 3, "KeyboardInterrupt"),
        ("leaves", 3, "the process exited early with code 0"),
        ("kills", 3, "killed by SIGSEGV"),
        ("returns_text", 3, "TypeError: models.py:returns_text returned str, not an nn.Module"),
        ("number", 2, "is 3, which cannot be called"),
        ("absent", 2, "models.py has no callable 'absent'"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_a_model_does_is_one_line(
    capfd: pytest.CaptureFixture[str], name: str, code: int, message: str, form: tuple[str, ...]
) -> None:
    """Exit code 3 for what it does, 2 for a name that means no model; never a traceback."""
    assert show(name, *form) == code
    shown = capfd.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("cspbench: ")
    assert message in line


@pytest.mark.parametrize("prefix", ["./", "../{}/"])
def test_a_file_named_from_a_folder_above_is_no_builder_of_ours(
    models: Path, capfd: pytest.CaptureFixture[str], prefix: str
) -> None:
    """Although builders of the package begin with a dot, too."""
    name = f"{prefix.format(models.name)}models.py"
    assert cli.main(["show", f"{name}:absent", "--input", "1,3,8,8"]) == 2
    assert cli.main(["show", f"{name}:Frozen", "--input", "1,7"]) == 0
    assert f"{name} has no callable 'absent'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("shape", "answer"),
    [
        (
            "1,64,8,8",
            (
                r"csp fits at inference \([\d.]+ MiB\) and in training \([\d.]+ MiB\): "
                r"a case may use 512\.00 MiB here"
            ),
        ),
        (
            "1000,64,8,8",
            (
                r"csp fits at inference \([\d.]+ MiB\) but not in training \(1,[\d.]+ MiB\): "
                r"a case may use 512\.00 MiB here"
            ),
        ),
        (
            "9999,64,99,99",
            (
                r"csp does not fit at inference \([\d.]+ GiB\) or in training \(1,[\d.]+ GiB\): "
                r"a case may use 512\.00 MiB here"
            ),
        ),
    ],
)
def test_show_concludes_whether_it_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shape: str, answer: str
) -> None:
    """On a machine of which a case may use 512 MiB; both peaks are in one unit."""
    monkeypatch.setattr("cspbench.machine.environment.memory_budget_bytes", lambda *_: 2**29)
    assert cli.main(["show", "csp", "--input", shape]) == 0
    end = " ".join(capsys.readouterr().out.split("\n\n")[-1].split())
    assert re.match(answer, end)
    assert end.endswith(" here, 60% of the available memory.")


def test_show_folds_a_network_and_gives_every_layer_where_asked_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without an option in about 60 rows; JSON has all modules whatever the depth."""

    def rows(*words: str) -> list[str]:
        assert cli.main(["show", "densenet121", *words]) == 0
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]

    folded = rows()
    assert len(folded) <= 61
    assert any("24 × DenseLayer" in row for row in folded)
    assert len(rows("--depth", "1")) == 5
    assert cli.main(["show", "densenet121", "--depth", "1", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert len(layers) > 500
    assert len(rows("--depth", "all")) > len(layers)


def test_a_detectors_costs_are_given_by_part(capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters and MACs of its parts are those of the whole; a swap changes one part."""

    def parts(*words: str) -> dict[str, tuple[int, int]]:
        command = ["show", "yolo11n", *words, "--input", "1,3,64,64", "--depth", "1"]
        assert cli.main(command) == 0
        text = capsys.readouterr().out
        rows = [re.split(r"\s*\|\s*", line) for line in text.splitlines() if "(Part)" in line]
        counts = {
            row[1].split()[0]: (int(row[3].replace(",", "")), int(row[4].replace(",", "")))
            for row in rows
            if row[3].strip()
        }
        totals = [
            int(line.split()[1].replace(",", ""))
            for line in text.splitlines()
            if re.match(r"(parameters|MACs) +[0-9]", line)
        ]
        assert [sum(column) for column in zip(*counts.values(), strict=True)] == totals
        return counts

    plain, swapped = parts(), parts("--set", "backbone.c3k2=c2f")
    assert list(plain) == ["backbone", "neck", "head"]
    assert [name for name in plain if plain[name] != swapped[name]] == ["backbone"]


@pytest.mark.slow
@pytest.mark.usefixtures("models")
def test_show_time_gives_the_times_of_modules_in_both_modes(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a table under the counts, or as the records of three profiles a mode."""
    monkeypatch.setattr("cspbench.machine.contention.taken_cores", lambda: 1.2)
    monkeypatch.setattr("cspbench.machine.environment.usable_cores", lambda: 2)
    assert show("Frozen", "--time", "--json") == 0
    out, err = capfd.readouterr()
    warning, *progress = err.splitlines()
    assert warning == (
        "other processes use 1.2 of 2 cores: timings will be poor; wait until they end"
    )
    assert [line.partition(", ")[2] for line in progress] == [
        f"infer: time by module, profile {number} of 3" for number in (1, 2, 3)
    ]
    profiles = json.loads(out)["module_times"]
    assert [times["number"] for times in profiles["infer"]] == [1, 2, 3]
    assert profiles["train"] == []  # it cannot be trained
    assert show("OneValue", "--time", shape="2,3,8,8") == 0
    shown = capfd.readouterr().out
    assert shown.index("Inference: time by module") < shown.index("Training: time by module")
    assert show("Raises", "--time") == 3


@pytest.mark.usefixtures("models")
def test_show_time_of_what_exceeds_the_memory_still_gives_the_counts(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """And says why there are no times; 9.8 TB are counted, not run."""
    assert show("Frozen", "--time", shape="100000000,3,64,64") == 3
    shown = " ".join(capfd.readouterr().out.split())
    assert "Inference: peak tensor memory" in shown
    assert "Inference: no module times: its tensors alone need" in shown


@pytest.mark.parametrize("depth", ["0", "two"])
def test_a_depth_is_a_number_of_levels_or_all(
    depth: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what is allowed."""
    assert cli.main(["show", "csp", "--depth", depth]) == 2
    message = f"--depth: expected an integer from 1 to 1,000,000, or all, got '{depth}'"
    assert message in capsys.readouterr().err
