"""What the command line takes: verbs, options, and what their values mean.

Nothing here measures, prints or ends the process, but for ``--help`` and ``--version``.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .. import __version__
from ..errors import CspbenchError, unknown

VERBS = ("run", "list", "show", "verify", "compare", "ab", "report", "gradients", "doctor")


class _Parser(argparse.ArgumentParser):
    """argparse, with its complaints as our errors."""

    def error(self, message: str) -> NoReturn:
        raise CspbenchError(f"{message} ({self.prog} --help shows what is allowed)")


def parse(words: list[str]) -> argparse.Namespace:
    """The options that a command line asks for, the verb's name among them.

    Raises `CspbenchError` for what is not allowed.
    """
    first = words[0] if words else "--"
    if first.startswith("-") and first not in {"-h", "--help", "--version"}:
        words = ["run", *words]
    elif not first.startswith("-") and first not in VERBS:
        raise unknown("verb", first, VERBS, hint="a suite is measured with: run SUITE")
    parser = _parser()
    options, rest = parser.parse_known_args(words)
    # argparse takes no optional word that stands behind options: ab main HEAD --mode infer SUITE
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(options, "suite", "") is None:
        options.suite = rest[0]
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    _check_compiler(options)
    return options


def _check_compiler(options: argparse.Namespace) -> None:
    """Make sure of a known backend; what stands behind ``--compile`` may be the suite."""
    from ..plan.case import COMPILERS

    given = getattr(options, "compiler", None)
    if given is None or given in COMPILERS:
        return
    if options.suite is not None:
        raise unknown("backend", given, COMPILERS)
    options.suite, options.compiler = given, COMPILERS[0]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m cspbench",
        description="What a CNN building block costs before it is trained. "
        "Without a verb, or with an option first, the verb is run.",
        epilog="Exit codes: 0 all well, 1 a regression, 2 wrong usage or unreadable input, "
        "3 some case failed (the rest is reported), 4 latency was comparable nowhere or, with "
        "--strict, undecided, 130 interrupted (what was measured is kept).",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print versions and exit")
    verbs = parser.add_subparsers(metavar="VERB", required=True, parser_class=_Parser)
    _add_run(verbs)
    listing = verbs.add_parser(
        "list", help="entries, suites, measures and columns", allow_abbrev=False
    )
    listing.add_argument("--json", action="store_true", help="one JSON object")
    listing.set_defaults(verb_name="list")
    _add_show(verbs)
    verify = verbs.add_parser(
        "verify",
        help="published figures beside ours, each with its source",
        description="Parameters, MACs, activations and traffic of the catalogue beside what was "
        "published, by the convention of each source; nothing is allocated. Exit code 1: a figure "
        "differs, and why is not known.",
        allow_abbrev=False,
    )
    verify.add_argument("--json", action="store_true", help="one JSON object")
    verify.set_defaults(verb_name="verify")
    report = verbs.add_parser(
        "report",
        help="print a run's tables, and write its report and plots anew from its records",
        allow_abbrev=False,
    )
    report.add_argument("runs", nargs="+", metavar="RUN", help="a run folder")
    report.add_argument(
        "--format",
        type=_report_format,
        default="table",
        help="table, markdown, csv; for other tools: pytest-benchmark, github-action-benchmark, "
        "bencher, hyperfine",
    )
    _add_columns(report)
    report.add_argument(
        "--history",
        nargs="?",
        const="latency_ratio",
        metavar="MEASURE",
        help="one column's figure over all these runs, oldest first (latency_ratio)",
    )
    report.add_argument(
        "--out", metavar="DIR", default="results", help="where history files go (results)"
    )
    report.set_defaults(verb_name="report")
    _add_compare(verbs)
    _add_ab(verbs)
    _add_gradients(verbs)
    _add_doctor(verbs)
    return parser


def _add_run(verbs: Any) -> None:
    run = verbs.add_parser(
        "run",
        help="measure a suite, write a run folder, print the table",
        description="Measures a suite: counts and memory first, then launches in which the cases "
        "take turns. Lists are comma-separated.",
        allow_abbrev=False,
    )
    run.add_argument(
        "suite", nargs="?", metavar="SUITE", help="a built-in name or a TOML path (blocks)"
    )
    _add_measuring(run)
    _add_columns(run)
    run.add_argument(
        "--resume", metavar="DIR", help="go on with the run in DIR: measure only what is missing"
    )
    run.set_defaults(verb_name="run")


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    """What to measure of a suite, and how: shared by all that measure one."""
    add = parser.add_argument
    add(
        "--device",
        type=_device,
        help="cpu, cuda, cuda:N, several as cuda:0,cuda:1, or auto (cpu)",
    )
    add("--only", metavar="GLOB", help="only the cases whose entry, label or key matches")
    add("--mode", type=_word("mode", ("infer", "train", "both")), help="infer, train or both")
    add("--precision", type=_precision, help="fp32, tf32, bf16, fp16 or amp (fp32)")
    add(
        "--batch-size",
        type=lambda text: text if text == "auto" else _counts(text),
        metavar="N,…",
        help="replace N of every input; auto: the largest that fits, of each case",
    )
    add("--img-size", type=_counts, metavar="N,…", help="replace H and W of every input")
    add("--channels-last", action="store_true", help="NHWC memory format")
    add(
        "--compile",
        nargs="?",
        const="inductor",
        dest="compiler",
        metavar="BACKEND",
        help="torch.compile: inductor (unless named), cudagraphs, aot_eager or eager",
    )
    _add_threads(add)
    add("--launches", type=_count, metavar="N", help="fresh processes that measure (6)")
    add("--turns", type=_count, metavar="N", help="samples of a case in a launch (10)")
    add("--min-time", type=_seconds, metavar="S", help="least length of a sample (0.001 s)")
    add(
        "--time-limit", type=_seconds, metavar="S", help="longest a step of a case may take (120 s)"
    )
    add("--budget", type=_seconds, metavar="S", help="seconds of launches, spent on what is open")
    _add_allocator(add)
    add("--seed", type=_seed, metavar="N", help="seed of weights, inputs and turns (0)")
    for flag, what in (
        ("--cold", "on a GPU: flush its L2 cache before each call"),
        ("--cuda-graph", "on a GPU: time a replayed graph beside each case"),
    ):
        add(flag, action="store_true", default=None, help=what)
    add("--out", metavar="DIR", help="the run folder (results/SUITE-DEVICE-TIME)")


def _add_show(verbs: Any) -> None:
    show = verbs.add_parser(
        "show",
        help="the static profile of an entry, layer by layer",
        description="Counts, and the exact tensor peak at inference and in training: will it fit? "
        "Nothing is allocated, so any batch can be asked for.",
        allow_abbrev=False,
    )
    show.add_argument("entry", metavar="ENTRY", help="a catalogue entry (see list)")
    show.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    show.add_argument("--input", metavar="N,C,H,W", help="the input's shape")
    show.add_argument("--json", action="store_true", help="one JSON object")
    show.set_defaults(verb_name="show")


def _add_compare(verbs: Any) -> None:
    compare = verbs.add_parser(
        "compare",
        help="what changed between two runs, and whether it is real",
        description="Counts and tensor peaks compare exactly, latencies through the yardstick that "
        "both runs hold, all cases judged together. Exit code 1: something got worse.",
        allow_abbrev=False,
    )
    compare.add_argument(
        "baseline",
        metavar="BASELINE",
        help="a run folder or its record file, a report or comment saved from a pull request, or "
        "pytest-benchmark's JSON",
    )
    compare.add_argument("candidate", metavar="CANDIDATE", help="likewise")
    _add_gate(compare)
    compare.set_defaults(verb_name="compare")


def _add_ab(verbs: Any) -> None:
    ab = verbs.add_parser(
        "ab",
        help="two git revisions of the measured code, taking turns in one process",
        description="Checks both revisions out beside the repository, builds the suite's cases "
        "from each, and lets them take turns in the same processes. The baseline is where the two "
        "revisions parted. Launches go on until all is decided or 60 s are spent (--budget, "
        "--launches). Outputs are compared, too. Your checkout stays as it is.",
        allow_abbrev=False,
    )
    add = ab.add_argument
    add("baseline", metavar="BASE_REV", help="a commit, branch or tag")
    add("candidate", metavar="HEAD_REV", help="likewise")
    add("suite", nargs="?", metavar="SUITE", help="a built-in name or a TOML path (blocks)")
    add("--path", metavar="REPO", default=".", help="the repository that holds the code (this one)")
    add(
        "--no-merge-base",
        action="store_true",
        help="take BASE_REV itself, not its last commit in common with HEAD_REV",
    )
    _add_measuring(ab)
    _add_gate(ab)
    ab.set_defaults(verb_name="ab")


def _add_gradients(verbs: Any) -> None:
    gradients = verbs.add_parser(
        "gradients",
        help="how much gradient information is reused: which terms, and how alike they are",
        description="Traces which gradient terms take part in each weight's update, exactly and "
        "without running anything; then trains each block briefly on real images and compares the "
        "gradients of its feature maps, of the two parts of its base above all. Networks are "
        "traced only.",
        allow_abbrev=False,
    )
    add = gradients.add_argument
    add(
        "suite",
        nargs="?",
        metavar="SUITE|ENTRY",
        help="a suite, or one entry or model of yours (designs)",
    )
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    add("--input", metavar="N,C,H,W", help="the entry's input")
    add("--only", metavar="GLOB", help="only the cases whose entry, label or key matches")
    add("--no-training", action="store_true", help="trace the terms only")
    add("--seeds", type=_count, metavar="N", help="trainings of each block (5)")
    add("--steps", type=_steps, metavar="N", help="steps of a training (200)")
    add(
        "--data",
        metavar="DATA",
        help="digits (of scikit-learn), or package.module:callable that yields pairs of images and "
        "labels (digits)",
    )
    add(
        "--head",
        type=_head,
        help="what follows the block: pool, or conv, a 3x3 convolution before the pool (pool)",
    )
    _add_threads(add)
    add("--time-limit", type=_seconds, metavar="S", help="longest that a training may take (600 s)")
    add("--seed", type=_seed, metavar="N", help="the first seed (0)")
    add("--out", metavar="DIR", help="the run folder (results/SUITE-DEVICE-TIME)")
    add("--resume", metavar="DIR", help="go on with the run in DIR: measure only what is missing")
    absent = dict.fromkeys(
        ("device", "mode", "precision", "batch_size", "img_size", "columns", "compiler")
    )
    gradients.set_defaults(verb_name="gradients", channels_last=False, **absent)


def _add_gate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", type=_word("format", ("table", "markdown", "json")), default="table"
    )
    parser.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="[[GLOB:]MEASURE=]1%",
        help="least change that matters: of latency (1%%), of another measure (0), of some entries",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit code 4 where anything is undecided"
    )


def _add_doctor(verbs: Any) -> None:
    doctor = verbs.add_parser(
        "doctor",
        help="is this machine fit to measure on",
        description="Looks at what makes latencies differ, measures how far identical code seems "
        "to differ here (the noise floor, in at most a minute), and says what mends it. Later runs "
        "use the noise floor for their verdicts.",
        allow_abbrev=False,
    )
    add = doctor.add_argument
    add("--device", type=_device, help="cpu, cuda, cuda:N, or auto (cpu)")
    _add_threads(add)
    _add_allocator(add)
    add("--json", action="store_true", help="one JSON object")
    doctor.set_defaults(verb_name="doctor")


def _add_threads(add: Callable[..., object]) -> None:
    add("--threads", type=_count, metavar="N", help="threads (the physical cores; 1 for trainings)")


def _add_allocator(add: Callable[..., object]) -> None:
    allocator = _word("allocator", ("pinned", "system"))
    add("--allocator", type=allocator, help="pinned or system (pinned)")


def _add_columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--columns",
        type=lambda text: tuple(text.split(",")),
        metavar="NAME,…",
        help="the report's columns",
    )


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        import platform
        from importlib import metadata

        packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "thop"))
        python = platform.python_version()
        sys.stdout.write(f"cspbench {__version__} (Python {python}, {packages})\n")
        parser.exit(0)


def _word(kind: str, allowed: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise unknown(kind, text, allowed)
        return text

    return parse


def _report_format(text: str) -> str:
    from ..report import FORMATS

    return _word("format", FORMATS)(text)


def _precision(text: str) -> str:
    from ..plan.case import PRECISIONS

    return _word("precision", PRECISIONS)(text)


def _head(text: str) -> str:
    from ..records.trainings import HEADS

    return _word("head", HEADS)(text)


def _device(text: str) -> str:
    names = text.split(",")
    for name in names:
        if not re.fullmatch(r"cpu|cuda|auto|cuda:[0-9]+", name):
            raise unknown("device", name, ("cpu", "cuda", "cuda:0", "cuda:0,cuda:1", "auto"))
        if len(names) > 1 and ":" not in name:
            raise CspbenchError(f"several devices are GPUs by number, cuda:0,cuda:1; got {text!r}")
    if len(set(names)) < len(names):
        raise CspbenchError(f"a list names each device once, got {text!r}")
    return text


def _count(text: str) -> int:
    return _whole("a count", text, 1, 1_000_000)


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(_count(part) for part in text.split(","))
    if len(set(counts)) < len(counts):
        raise CspbenchError(f"a list names each number once, got {text!r}")
    return counts


def _steps(text: str) -> int:
    return _whole("a number of steps", text, 4, 1_000_000)


def _seed(text: str) -> int:
    from ..records.run import MOST_SEED

    return _whole("a seed", text, 0, MOST_SEED)


def _whole(what: str, text: str, least: int, most: int) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) else -1
    if not least <= number <= most:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        raise CspbenchError(f"{what} is a whole number from {least} to {most}, got {shown!r}")
    return number


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise CspbenchError(f"a time is a number of seconds above 0, got {text!r}")
    return value
