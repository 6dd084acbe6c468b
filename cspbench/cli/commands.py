"""The command line's verbs: the only place that prints and chooses exit codes."""

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..errors import CspbenchError
from .options import parse

EXIT_OK, EXIT_REGRESSION, EXIT_USAGE, EXIT_FAILED_CASE = 0, 1, 2, 3
EXIT_UNDECIDED, EXIT_INTERRUPTED = 4, 130
_LONGEST_LINE = 1000  # of an error: what it quotes may be anything
_AB_BUDGET_S = 60.0  # unless --budget or --launches says otherwise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options = parse(words)
        code = _VERBS[options.verb_name](options)
        sys.stdout.flush()  # so that a full disk is met here
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away: `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except CspbenchError as error:
        message = str(error)
    except ModuleNotFoundError as error:
        message = (
            f"{error.name} is not installed for {sys.executable}; make setup fills an environment "
            "of its own (.venv/bin/python), or: pip install -e ."
        )
    except OSError as error:  # a full disk under the output or the temporary folder
        message = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    else:
        return code
    with contextlib.suppress(OSError):
        print(f"cspbench: {_one_line(message)}", file=sys.stderr)
    return EXIT_USAGE


def _one_line(text: str) -> str:
    shown = text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
    visible = "".join(c if c.isprintable() else " " for c in shown)
    return " ".join(visible.split())


def _run(options: argparse.Namespace) -> int:
    from .. import report
    from ..catalogue import find
    from ..engine.session import Session
    from ..plan.case import show_words

    columns = _checked_columns(options.columns)
    with Session.begin(vars(options), _to_stderr) as session:
        progress = _progress()
        try:
            interrupted = not session.measure(progress)
        finally:
            progress.close()
        run = session.read()
        try:
            paths = report.write(run, session.path, columns)
        finally:  # the table is shown also where its files cannot be written
            print(report.text(run, columns))
    folder = _shown(session.path)
    print(f"\nRun folder: {folder}")
    print(_written(paths, session.path))
    if interrupted:
        print(f"Interrupted. Go on: {_command(options.verb_name, '--resume', folder)}")
        return EXIT_INTERRUPTED
    cases = [record.case for record in run.records]
    failed = [record.case for record in run.records if record.failures]
    case = (failed or cases)[-1]
    print(f"Next: {_command(*show_words(case, find(case.entry)))}")
    return EXIT_FAILED_CASE if failed else EXIT_OK


def _command(*words: str) -> str:
    """A command line that this very interpreter understands."""
    own = Path(sys.executable)
    python = "python" if shutil.which("python") == str(own) else _shown(own)
    return shlex.join([python, "-m", "cspbench", *words])


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress() -> Any:
    from .progress import LiveProgress, PlainProgress

    return (LiveProgress if sys.stderr.isatty() else PlainProgress)(sys.stderr)


def _checked_columns(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is not None:
        from ..report import choose

        choose(names)
    return names


def _written(paths: Sequence[Path], folder: Path) -> str:
    """Which files were written below ``folder``, each form of a plot behind its name."""
    forms: dict[Path, list[str]] = {}
    for path in paths:
        own = path.relative_to(folder) if path.is_relative_to(folder) else path
        forms.setdefault(own.with_suffix(""), []).append(own.suffix)
    names = [
        f"{name}{suffixes[0]}" if len(suffixes) == 1 else f"{name}{{{','.join(suffixes)}}}"
        for name, suffixes in forms.items()
    ]
    return _filled(f"Written: {', '.join(names)}")


def _filled(sentence: str) -> str:
    from ..report.tables import WIDTH, wrap

    return "\n".join(wrap(sentence, WIDTH))


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(path.cwd()) else str(path)


def _list(options: argparse.Namespace) -> int:
    from ..catalogue import ENTRIES
    from ..measures.registry import MEASURES
    from ..plan.suite import built_in
    from ..report.columns import COLUMNS

    if options.json:
        found = {
            "entries": [
                {
                    "name": entry.name,
                    "description": entry.description,
                    "source": entry.source,
                    "input_shape": entry.input_shape,
                    "parameters": entry.arguments(),
                }
                for entry in ENTRIES.values()
            ],
            "suites": built_in(),
            "measures": {stage: measure.help for stage, measure in MEASURES.items()},
            "columns": {column.key: column.help for column in COLUMNS},
        }
        print(json.dumps(found, indent=1))
        return EXIT_OK
    width = max(map(len, [*ENTRIES, *MEASURES]))
    print("Entries (python -m cspbench show ENTRY)")
    for entry in ENTRIES.values():
        print(f"  {entry.name:{width}}  {entry.description}")
        arguments = " ".join(f"{name}={value}" for name, value in entry.arguments().items())
        print(f"  {'':{width}}  --set {arguments}")
    print("\nSuites (python -m cspbench run SUITE)")
    for name, description in built_in().items():
        print(f"  {name:{width}}  {description}")
    print("\nMeasures")
    for stage, measure in MEASURES.items():
        print(f"  {stage:{width}}  {measure.help}")
    print("\nColumns of a report (--columns NAME,…)")
    for column in COLUMNS:
        print(f"  {column.key:{width}}  {column.help}")
    return EXIT_OK


def _show(options: argparse.Namespace) -> int:
    from ..catalogue import find
    from ..plan.suite import shape_of

    entry = find(options.entry)
    overrides = dict(entry.parse(text) for text in options.overrides)
    shape = shape_of(options.input) if options.input is not None else None
    entry.shape(entry.arguments(overrides), shape)  # refused before torch is loaded

    from ..api import profile
    from ..report import summary

    try:
        records = [
            profile(entry, shape, mode=mode, arguments=overrides) for mode in ("infer", "train")
        ]
    except (ValueError, TypeError, OverflowError, RuntimeError, MemoryError) as error:
        raise CspbenchError(f"{entry.name} cannot be built or run so: {error}") from error
    if not options.json:
        print(summary.text(records))
        peaks = [record.tensor_peak for record in records]
        print("\n" + _fits([peak.peak_tensor_bytes for peak in peaks if peak is not None]))
        return EXIT_OK
    inference, training = (record.to_dict() for record in records)
    counts = inference["counts"]
    counts.pop("case"), counts.pop("kind")
    found = {
        "entry": entry.name,
        "arguments": inference["case"]["arguments"],
        "input_shape": inference["case"]["input_shape"],
        **counts,
        "backward_flops": training["counts"]["backward_flops"],
        "tensor_peak": {"infer": inference["tensor_peak"], "train": training["tensor_peak"]},
    }
    print(json.dumps(found, indent=1))
    return EXIT_OK


def _verify(options: argparse.Namespace) -> int:
    from ..engine.verify import verify
    from ..report import verification

    checks = list(verify())
    if options.json:
        print(json.dumps({"figures": [check.to_dict() for check in checks]}, indent=1))
    else:
        print(verification.text(checks))
    return EXIT_REGRESSION if any(check.answer == "differs" for check in checks) else EXIT_OK


def _fits(peaks: Sequence[int]) -> str:
    from ..machine.environment import memory_budget_bytes
    from ..units import bytes_text

    room = memory_budget_bytes()
    inference, training = ("fits" if peak < room else "does not fit" for peak in peaks)
    return _filled(
        f"In the {bytes_text(room)} that a case may use here (60% of the available memory) "
        f"an inference {inference} and a training step {training}."
    )


def _report(options: argparse.Namespace) -> int:
    from .. import report
    from ..records import folder as store

    columns = _checked_columns(options.columns)
    if options.history is not None:
        runs = [store.read(Path(name)) for name in options.runs]
        shown, paths = report.write_history(runs, options.history, Path(options.out))
        print(shown)
        print("\n" + _written(paths, Path()))
        return EXIT_OK
    for name in options.runs:
        run = store.read(Path(name))
        try:
            paths = report.write(run, Path(name), columns)
        finally:
            print(report.render(run, options.format, columns))
        if options.format == "table":
            print(f"\nIn {name}\n{_written(paths, Path(name))}")
    return EXIT_OK


def _compare(options: argparse.Namespace) -> int:
    from ..comparison.compare import compare
    from ..comparison.thresholds import gate

    rules = gate(options.threshold, strict=options.strict)
    found = compare(options.baseline, options.candidate, gate=rules)
    _print_comparison(found, options.format)
    return comparison_exit_code(found, strict=rules.is_strict)


def _ab(options: argparse.Namespace) -> int:
    from .. import report
    from ..comparison.in_turns import in_turns
    from ..comparison.thresholds import gate
    from ..engine.session import Session
    from ..engine.worktrees import Repository
    from ..records.run import Side

    rules = gate(options.threshold, strict=options.strict)
    repository = Repository(Path(options.path))
    candidate = repository.commit(options.candidate)
    baseline = repository.commit(options.baseline)
    if not options.no_merge_base:
        baseline = repository.merge_base(baseline, candidate)
    revisions: dict[Side, str] = {"baseline": baseline, "candidate": candidate}
    with (
        repository.checked_out(revisions) as roots,
        Session.begin_ab(_with_budget(options), revisions, roots) as session,
    ):
        progress = _progress()
        try:
            interrupted = not session.measure(progress)
        finally:
            progress.close()
        run = session.read()
    found = in_turns(run, rules)
    try:
        paths = report.write(run, session.path)
    finally:
        _print_comparison(found, options.format)
    if interrupted:
        _to_stderr("cspbench: interrupted; what was measured by then is all that was compared")
    if options.format == "table":
        print(f"\nbaseline {baseline[:12]}, candidate {candidate[:12]}")
        print(f"Run folder: {_shown(session.path)}")
        print(_written(paths, session.path))
    return EXIT_INTERRUPTED if interrupted else comparison_exit_code(found, strict=rules.is_strict)


def _with_budget(options: argparse.Namespace) -> dict[str, Any]:
    """The options, with time for what is undecided unless launches or time were chosen."""
    given = dict(vars(options))
    if given["budget"] is None and given["launches"] is None:
        given["budget"] = _AB_BUDGET_S
    return given


def _print_comparison(found: Any, form: str) -> None:
    from ..report import comparison

    if form == "json":
        print(json.dumps(found.to_dict(), indent=1))
    else:
        print((comparison.markdown if form == "markdown" else comparison.text)(found))


def comparison_exit_code(found: Any, *, strict: bool) -> int:
    """A regression first, then failed cases, then what could not be told."""
    if found.verdict == "regression":
        return EXIT_REGRESSION
    if found.failed:
        return EXIT_FAILED_CASE
    is_open = found.answers["undecided"] + found.answers["changed"] > 0
    if not found.is_latency_comparable or (strict and is_open):
        return EXIT_UNDECIDED
    return EXIT_OK


def _doctor(options: argparse.Namespace) -> int:
    from ..engine import doctor
    from ..engine.preflight import devices_of
    from ..engine.session import settings_of
    from ..report import diagnosis

    device, gpus = devices_of(options.device or "cpu")
    if len(gpus) > 1:
        raise CspbenchError(f"doctor looks at one device at a time, got {device!r}")
    settings = settings_of(vars(options), device, gpus)
    found = doctor.diagnose(settings, gpus, _to_stderr)
    if options.json:
        print(json.dumps(diagnosis.plain_values(found), indent=1))
    else:
        print(diagnosis.text(found))
    return EXIT_OK


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "list": _list,
    "show": _show,
    "verify": _verify,
    "compare": _compare,
    "ab": _ab,
    "report": _report,
    "gradients": _run,
    "doctor": _doctor,
}
