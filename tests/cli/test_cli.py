"""The command line as a user types it: one line for bad input, exit codes, and what is printed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cspbench.cli.output import command_line
from cspbench.cli.verbs import VERBS
from cspbench.records.folder import read

ROOT = Path(__file__).parents[2]
slow = pytest.mark.slow
HEAVY = ("torch", "numpy", "pandas", "matplotlib", "scipy", "seaborn", "rich", "prettytable")


def cspbench(*words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cspbench", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        check=False,
    )


SUITES = (
    "'batch', 'blocks', 'depth', 'designs', 'detectors', 'gamma', 'growth', 'necks', 'networks', "
    "'resolution', 'smoke', 'width', 'yolo', 'yolo_line'"
)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["rnu"],
            "no verb 'rnu'; nearest: 'run' (python -m cspbench --help lists all verbs)",
        ),
        (
            ["run", "bloks"],
            (
                "no suite 'bloks'; nearest: 'blocks' "
                "(python -m cspbench list shows all; your own: path/to/suite.toml)"
            ),
        ),
        (
            ["show", "csp_fusion_lst"],
            (
                "no catalogue entry 'csp_fusion_lst'; nearest: 'csp_fusion_last', "
                "'csp_fusion_first' (python -m cspbench list shows all)"
            ),
        ),
        (["show", "csp", "--set", "gama=1"], "csp has no parameter 'gama'; nearest: 'gamma'"),
        (
            ["show", "csp", "--set", "gamma=1.5"],
            "csp: gamma must be a number in (0, 1), got 1.5",
        ),
        (
            ["show", "csp", "--set", "layers=0"],
            "csp: layers must be an integer from 1 to 1000, got 0",
        ),
        (
            ["show", "csp", "--set", "layers=" + "9" * 30],
            f"csp: layers must be an integer from 1 to 1000, got '{'9' * 30}'",
        ),
        (["show", "csp", "--set", "gamma=nan"], "csp: gamma must be a number in (0, 1), got nan"),
        (["show", "csp", "--set", "gamma="], "csp: gamma must be a number in (0, 1), got ''"),
        (
            ["show", "dense", "--input", "1,64," + "9" * 18 + ",56"],
            (
                "--input: an input has more elements than a torch tensor can hold (1.15e+18), got "
                "1x64x999999999999999999x56"
            ),
        ),
        (
            ["run", ""],
            (
                f"no suite ''; allowed: {SUITES} "
                "(python -m cspbench list shows all; your own: path/to/suite.toml)"
            ),
        ),
        (
            ["run", "x" * 300],
            (
                f"no suite {'x' * 300!r}; allowed: {SUITES} "
                "(python -m cspbench list shows all; your own: path/to/suite.toml)"
            ),
        ),
        (
            ["run", "densse"],
            (
                "no suite or entry 'densse'; nearest: 'dense' "
                "(python -m cspbench list shows all; your own: path/to/suite.toml)"
            ),
        ),
        (["--out", ""], "--out: expected a folder, got ''"),
        (["--seed", "-1"], f"--seed: expected an integer from 0 to {2**40:,}, got '-1'"),
        (["--batch-size", "1,1"], "--batch-size: expected each number once, got '1,1'"),
        (["show", "csp", "--set", "layers"], "--set: expected KEY=VALUE, got 'layers'"),
        (
            ["show", "dense", "--input", "1,63,56,56"],
            (
                "dense with channels=64 takes an input N,64,H,W, got 1,63,56,56; "
                "set channels=63 or change the shape"
            ),
        ),
        (
            ["show", "dense", "--input", "1,64,56"],
            "dense: expected an input N,C,H,W of four positive numbers, got 1,64,56",
        ),
        (
            ["--precision", "fp31"],
            "--precision: no precision 'fp31'; nearest: 'fp32', 'fp16'",
        ),
        (
            ["--device", "gpu"],
            "--device: no device 'gpu'; allowed: 'cpu', 'cuda', 'cuda:0', 'cuda:0,cuda:1', 'auto'",
        ),
        (
            ["--device", "cuda:0,cpu"],
            "--device: expected one device, or GPUs as in cuda:0,cuda:1, got 'cuda:0,cpu'",
        ),
        (["--device", "cuda:1,cuda:1"], "--device: expected each device once, got 'cuda:1,cuda:1'"),
        (
            ["run", "smoke", "--compile", "gcc"],
            "--compile: no backend 'gcc'; allowed: 'inductor', 'cudagraphs', 'aot_eager', 'eager'",
        ),
        (
            ["run", "--compile", "smock"],
            (
                "no suite 'smock'; nearest: 'smoke' "
                "(python -m cspbench list shows all; your own: path/to/suite.toml)"
            ),
        ),
        (
            ["--cold"],
            "--cold needs a GPU, got --device cpu (use --device cuda, or leave out --cold)",
        ),
        (
            ["--cuda-graph"],
            (
                "--cuda-graph needs a GPU, got --device cpu (use --device cuda, or leave out "
                "--cuda-graph)"
            ),
        ),
        (["--launches", "0"], "--launches: expected an integer from 1 to 1,000,000, got '0'"),
        (
            ["--batch-size", "1,-8"],
            (
                "--batch-size: expected integers from 1 to 1,000,000 separated by commas, or auto, "
                "got '1,-8'"
            ),
        ),
        (
            ["--threads", "9999"],
            (
                f"--threads: expected at most the {len(os.sched_getaffinity(0))} logical cores "
                "that "
                "this process may use, got 9999; more would measure the scheduler"
            ),
        ),
        (
            ["--min-time", "soon"],
            "--min-time: expected seconds from 1e-06 to 1,000,000, got 'soon'",
        ),
        (
            ["--precision", "tf32"],
            (
                "--precision tf32 needs a CUDA device, got --device cpu (on a CPU: fp32, bf16, "
                "fp16 "
                "or amp)"
            ),
        ),
        (
            ["--lanches", "2"],
            (
                "run has no option '--lanches'; nearest: '--launches' "
                "(python -m cspbench run --help lists all options)"
            ),
        ),
        (["report", "nowhere"], "nowhere is not a run folder: there is no such folder"),
        (
            ["run", "--resume", "nowhere"],
            "cannot resume nowhere: it has no run.json (give the folder of an earlier run)",
        ),
        (["run", "--out", "/proc/run"], "cannot write into /proc/run: No such file or directory"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    words: list[str], message: str, tmp_path: Path
) -> None:
    """Nothing else is printed, and nothing is left behind."""
    completed = cspbench(*words, cwd=tmp_path)
    assert (completed.returncode, completed.stdout) == (2, "")
    assert completed.stderr == f"cspbench: {message}\n"
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_column_names_the_nearest_before_anything_is_measured(tmp_path: Path) -> None:
    """A typing error costs no run."""
    completed = cspbench("run", "smoke", "--columns", "parms", cwd=tmp_path)
    assert completed.returncode == 2
    assert completed.stderr.startswith("cspbench: --columns: no column 'parms'; nearest: 'params'")
    assert completed.stderr.count("\n") == 1


def test_a_python_without_what_is_needed_is_one_line_that_says_where_it_is() -> None:
    """As when a command is typed with the system's own."""
    code = (
        "import sys\nsys.modules['msgspec'] = None\n"
        "from cspbench import cli\nsys.exit(cli.main(['list']))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 2
    assert process.stderr.startswith(
        f"cspbench: msgspec is not installed for {sys.executable}; run make setup"
    )
    assert process.stderr.count("\n") == 1


@pytest.mark.parametrize(("on_path", "word"), [(True, "python"), (False, "")])
def test_the_next_command_names_an_interpreter_that_has_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, on_path: bool, word: str
) -> None:
    """``python`` where that is this one, else the way to it from here."""
    folder = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(folder) if on_path else "/nowhere")
    monkeypatch.chdir(folder.parent)
    word = word or f"{folder.name}/{Path(sys.executable).name}"
    assert command_line("show", "a b") == f"{word} -m cspbench show 'a b'"


@slow
def test_cuda_without_cuda_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """It never falls back in silence."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    completed = cspbench("--device", "cuda", cwd=tmp_path)
    assert (completed.returncode, completed.stdout) == (2, "")
    assert completed.stderr == (
        f"cspbench: --device cuda: torch {torch.__version__} sees no CUDA device; install a CUDA "
        "build of torch and a driver, or measure on the CPU (device cpu)\n"
    )


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["list"], ["list", "--json"]])
def test_help_and_list_load_nothing_heavy(words: list[str]) -> None:
    """They answer at once, also where torch is absent."""
    heavy = (*HEAVY, "msgspec") if "--help" in words else HEAVY
    code = (
        "import sys\nfrom cspbench import cli\n"
        f"try: cli.main({words!r})\n"
        "except SystemExit: pass\n"
        f"heavy = [name for name in {heavy!r} if name in sys.modules]\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout


def test_help_names_only_verbs_that_work() -> None:
    """And says what an exit code means."""
    completed = cspbench("--help")
    assert completed.returncode == 0
    for verb in VERBS:
        assert re.search(rf"^  {verb}\b", completed.stdout, re.MULTILINE)
    assert "130  interrupted" in completed.stdout


def test_version_names_what_counts_and_what_runs() -> None:
    """The versions that a figure depends on."""
    completed = cspbench("--version")
    assert completed.returncode == 0
    assert completed.stdout.startswith("cspbench ")
    assert "torch " in completed.stdout
    assert "thop " in completed.stdout


def test_list_as_json_names_entries_suites_and_measures() -> None:
    """One object, for other programs."""
    listed = json.loads(cspbench("list", "--json").stdout)
    assert {"blocks", "smoke"} <= set(listed["suites"])
    assert set(listed["measures"]) == {
        *("counts", "disk_size", "tensor_peak", "allocated", "energy", "graph", "resident"),
        *("memory_series", "traffic", "module_times"),
        "deployment",
        "latency",
        *("gradient_terms", "training"),
    }
    assert {"latency", "graph_bytes", "macs"} <= set(listed["columns"])
    csp = next(entry for entry in listed["entries"] if entry["name"] == "csp")
    assert csp["input_shape"] == [1, 64, 56, 56]
    assert csp["inputs"] == ["1,64,56,56"]
    assert csp["parameters"]["gamma"] == 0.5
    neck = next(entry for entry in listed["entries"] if entry["name"] == "fpn")
    assert neck["inputs"] == ["1,256,32,32", "1,512,16,16", "1,1024,8,8"]


def test_show_as_json_holds_the_contracts_keys_and_the_known_figures() -> None:
    """`dense`: derived by hand from its structure."""
    profile = json.loads(cspbench("show", "dense", "--json").stdout)
    figures = {
        "entry": "dense",
        "input_shape": [1, 64, 56, 56],
        "inputs": ["1,64,56,56"],
        "params": 368_320,
        "weights": 864 * 128 + 6 * 128 * 32 * 9 + 256 * 128,
        "macs": 1_143_209_984,
        "flops": 2 * 1_143_209_984,
        "backward_flops": 4 * 1_143_209_984,
        "activations": (6 * (128 + 32) + 128) * 56 * 56,
        "cio": 9_332_736,
    }
    assert {key: profile[key] for key in figures} == figures
    assert {"thop_macs", "uncounted", "layers"} <= set(profile)
    assert profile["tensor_peak"]["infer"]["split"]["activations"] == 9_232_384


def test_show_answers_for_a_batch_that_would_never_fit() -> None:
    """100,000 images: terabytes in training, said in seconds."""
    completed = cspbench("show", "csp", "--set", "gamma=0.25", "--input", "100000,64,56,56")
    assert completed.returncode == 0
    assert "GiB" in completed.stdout


@slow
def test_a_run_writes_its_folder_and_prints_table_paths_and_the_next_command(
    tmp_path: Path,
) -> None:
    """Option first means `run`; the plain progress says what is done, and the folder is whole."""
    completed = cspbench(
        *("run", "smoke", "--launches", "2", "--turns", "2", "--mode", "infer"), cwd=tmp_path
    )
    assert completed.returncode == 0, completed.stderr
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name.startswith("smoke-cpu-20")
    assert {path.name for path in folder.iterdir()} == {
        *(".gitignore", "run.json", "records.jsonl"),
        *("report.txt", "report.md", "report.csv", "report.html", "plots"),
    }
    assert (folder / "report.txt").read_text() in completed.stdout
    end = completed.stdout.partition((folder / "report.txt").read_text())[2]
    assert re.match(r"\n(csp_fusion_first|dense|No entry)[^|]*\n\nRun folder: ", end)  # concludes
    assert f"Run folder: results/{folder.name}\n" in end
    assert re.search(r"(?m)^Next: \S*python\S* -m cspbench show csp_fusion_first", completed.stdout)
    commands = ("repeat", "Next: ", "Run folder: ")  # which stay whole, to be copied
    lines = [line for line in completed.stdout.splitlines() if not line.startswith(commands)]
    assert max(map(len, lines)) <= 100
    assert "counted case 2 of 2: csp_fusion_first" in completed.stderr
    assert re.search(r"(?m)^latency: 2 cases take turns", completed.stderr)
    run = read(folder)
    assert run.info.command == ("python -m cspbench run smoke --mode infer --launches 2 --turns 2")
    record = run.records[0]
    assert {len(line.samples_s) for line in record.latencies} == {2}
    # on a busy machine a contended launch is repeated
    assert len(record.latencies) == len(run.launches) in {2, 3}
    assert {launch.allocator for launch in run.launches} == {"pinned"}

    contents = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    redrawn = cspbench("report", str(folder))
    assert redrawn.returncode == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == contents
    for text in (path.read_text() for path in (folder / "report.txt", folder / "report.md")):
        assert str(tmp_path) not in text


def test_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A full disk under standard output."""
    with Path("/dev/full").open("w") as full:
        completed = subprocess.run(
            [sys.executable, "-m", "cspbench", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (completed.returncode, completed.stderr) == (
        2,
        "cspbench: cannot write the output: No space left on device\n",
    )


@slow
def test_a_reader_that_leaves_does_not_end_the_run(tmp_path: Path) -> None:
    """`2>&1 | head -1`: the progress has no reader any more, and the run is whole."""
    command = f"{sys.executable} -m cspbench run smoke --mode infer --launches 1 --turns 2 --out r"
    subprocess.run(
        f"{command} 2>&1 | head -1", shell=True, cwd=tmp_path, capture_output=True, check=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "r" / "plots" / "samples.svg").exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert 1 <= len(read(tmp_path / "r").launches) <= 2  # a contended one is repeated


@slow
@pytest.mark.parametrize("after_s", [0.3, 1.2, 3.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_leaves_no_traceback(
    tmp_path: Path, after_s: float, number: signal.Signals
) -> None:
    """From the first import to the counts: exit code 130 and nothing but progress on stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cspbench", "run", "smoke", "--out", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(after_s)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    assert process.returncode == 130


@slow
def test_an_interrupt_keeps_what_was_measured_and_a_resume_goes_on(tmp_path: Path) -> None:
    """Ctrl-C in the first launch: report and exit code 130; other settings are refused; then on."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cspbench", "run", "smoke", "--mode", "infer"),
            *("--launches", "2", "--turns", "1000", "--out", "run"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("latency: "):
            break
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "1,143,209,984" not in output
    assert "368,320" in output
    assert re.search(r"Continue with: \S*python\S* -m cspbench run --resume run\n", output)

    refused = cspbench("run", "--resume", "run", "--turns", "3", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "cspbench: cannot resume run: it was started with --turns 1000, not 3 "
        "(use --turns 1000, or start a new run without --resume)\n"
    )
    refused = cspbench("run", "blocks", "--resume", "run", "--mode", "infer", cwd=tmp_path)
    assert refused.returncode == 2
    assert "; it lacks 'dense 1x64x56x56 cpu fp32 infer', " in refused.stderr

    path = tmp_path / "run" / "run.json"
    path.write_text(path.read_text().replace('"turns": 1000', '"turns": 2'))
    completed = cspbench("run", "--resume", "run", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert 2 <= len(read(tmp_path / "run").launches) <= 3  # a contended one is repeated


@slow
def test_a_failing_case_gives_exit_code_3_and_the_rest_is_reported(tmp_path: Path) -> None:
    """A group count that does not divide the channels cannot be built; the other case is whole."""
    (tmp_path / "mine.toml").write_text(
        'description = "one fails"\nmode = ["infer"]\n'
        '[[case]]\nentry = "c3"\ninput = [1, 128, 8, 8]\n'
        '[[case]]\nentry = "c3"\ninput = [1, 128, 8, 8]\nset = { groups = 7 }\n'
    )
    completed = cspbench("run", "mine.toml", "--launches", "1", "--turns", "2", cwd=tmp_path)
    assert completed.returncode == 3, completed.stderr
    assert "FAILED (raised): ValueError" in completed.stderr
    assert "groups=7" in completed.stdout
    assert "Traceback" not in completed.stdout + completed.stderr


@slow
def test_a_compiled_run_says_so_and_a_backend_or_the_suite_may_follow_the_option(
    tmp_path: Path,
) -> None:
    """Repeated by its command; compiling has a column, and what was not compiled a note."""
    words = ("--mode", "infer", "--launches", "1", "--turns", "1", "--only", "dense")
    completed = cspbench("run", "smoke", "--compile", "eager", *words, "--out", "run", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    run = read(tmp_path / "run")
    assert {case.form for case in run.info.cases} == {"compiled:eager"}
    assert "--form compiled:eager" in run.info.command
    assert "compile" in completed.stdout
    printed = " ".join(completed.stdout.split())
    assert "describe the modules as written" in printed
    assert "for its own calls" not in printed  # what the compiler changes is no doing of the model
    refused = cspbench("run", "smoke", *words, "--resume", "run", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == (
        "cspbench: cannot resume run: it has 'dense 1x64x28x28 cpu fp32 compiled:eager infer', "
        "which this command does not measure; it lacks 'dense 1x64x28x28 cpu fp32 infer' (start a "
        "new run without --resume)\n"
    )
