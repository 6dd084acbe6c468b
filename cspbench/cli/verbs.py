"""The commands, their options and their help texts."""

from collections.abc import Callable

from . import values
from .parser import Parser, Version

VERBS = ("run", "list", "show", "verify", "compare", "ab", "report", "gradients", "doctor")

AddParser = Callable[..., Parser]


def make_parser() -> Parser:
    """The parser of all commands; ``verb`` of its result is the command."""
    parser = Parser(
        prog="python -m cspbench",
        description="What a CNN building block costs before it is trained. "
        "Without a verb, or with an option first, the verb is run.",
        epilog="Exit codes: 0 all well, 1 a regression, 2 wrong usage or unreadable input, "
        "3 some case failed (the rest is reported), 4 latency was comparable nowhere or, with "
        "--strict, undecided, 70 a fault of cspbench, 130 interrupted (what was measured is kept).",
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print versions and exit")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for add_verb in (
        *(_add_run, _add_list, _add_show, _add_verify, _add_report, _add_compare, _add_ab),
        *(_add_gradients, _add_doctor),
    ):
        add_verb(verbs.add_parser)
    return parser


def _add_run(add_parser: AddParser) -> None:
    run = add_parser(
        "run",
        help="measure a suite or entries, write a run folder, print the table",
        description="Measures a suite, or entries of which the first is the reference of the "
        "others: counts and memory first, then launches in which the cases take turns. Lists are "
        "comma-separated.",
    )
    _add_suite(run, "blocks")
    _add_arguments(run)
    _add_selection(run)
    _add_sampling(run)
    _add_columns(run)
    _add_resume(run)


def _add_list(add_parser: AddParser) -> None:
    listing = add_parser("list", help="entries, suites, measures and columns")
    _add_json(listing)


def _add_show(add_parser: AddParser) -> None:
    show = add_parser(
        "show",
        help="the static profile of an entry, layer by layer",
        description="Counts, and the exact tensor peak at inference and in training: will it fit? "
        "Nothing is allocated, so any batch can be asked for.",
    )
    show.add_argument("entry", metavar="ENTRY", help="a catalogue entry (see list)")
    _add_arguments(show)
    _add_json(show)


def _add_verify(add_parser: AddParser) -> None:
    verify = add_parser(
        "verify",
        help="published figures beside ours, each with its source",
        description="Parameters, MACs, activations and traffic of the catalogue beside what was "
        "published, by the convention of each source; nothing is allocated. Exit code 1: a figure "
        "differs, and why is not known.",
    )
    _add_json(verify)


def _add_report(add_parser: AddParser) -> None:
    report = add_parser(
        "report",
        help="print a run's tables, and write its report and plots anew from its records",
    )
    report.add_argument("runs", nargs="+", metavar="RUN", help="a run folder")
    report.add_value(
        "format",
        "table, markdown, csv; for other tools: pytest-benchmark, github-action-benchmark, "
        "bencher, hyperfine",
        parse=values.report_format,
    )
    _add_columns(report)
    report.add_optional_value(
        "history",
        "latency_ratio",
        "MEASURE",
        "one column's figure over all these runs, oldest first (latency_ratio)",
    )
    report.add_value("out", "where history files go (results)", metavar="DIR")


def _add_compare(add_parser: AddParser) -> None:
    compare = add_parser(
        "compare",
        help="what changed between two runs, and whether it is real",
        description="Counts and tensor peaks compare exactly, latencies through the yardstick that "
        "both runs hold, all cases judged together. Exit code 1: something got worse.",
    )
    compare.add_argument(
        "baseline",
        metavar="BASELINE",
        help="a run folder or its record file, a report or comment saved from a pull request, or "
        "pytest-benchmark's JSON",
    )
    compare.add_argument("candidate", metavar="CANDIDATE", help="likewise")
    _add_judging(compare)


def _add_ab(add_parser: AddParser) -> None:
    ab = add_parser(
        "ab",
        help="two git revisions of the measured code, taking turns in one process",
        description="Checks both revisions out beside the repository, builds the suite's cases "
        "from each, and lets them take turns in the same processes. The baseline is where the two "
        "revisions parted. Launches go on until all is decided or 60 s are spent (--budget, "
        "--launches). Outputs are compared, too. Your checkout stays as it is.",
    )
    ab.add_argument("baseline", metavar="BASE_REV", help="a commit, branch or tag")
    ab.add_argument("candidate", metavar="HEAD_REV", help="likewise")
    _add_suite(ab, "blocks")
    _add_arguments(ab)
    ab.add_value("path", "the repository that holds the code (this one)", metavar="REPO")
    ab.add_flag(
        "no_merge_base", "take BASE_REV itself, not its last commit in common with HEAD_REV"
    )
    _add_selection(ab)
    _add_sampling(ab)
    _add_judging(ab)


def _add_gradients(add_parser: AddParser) -> None:
    gradients = add_parser(
        "gradients",
        help="how much gradient information is reused: which terms, and how alike they are",
        description="Traces which gradient terms take part in each weight's update, exactly and "
        "without running anything; then trains each block briefly on real images and compares the "
        "gradients of its feature maps, of the two parts of its base above all. Networks are "
        "traced only.",
    )
    _add_suite(gradients, "designs")
    _add_arguments(gradients)
    _add_only(gradients)
    gradients.add_flag("no_training", "trace the terms only")
    add = gradients.add_value
    add("seeds", "trainings of each block (5)", parse=values.count, metavar="N")
    add("steps", "steps of a training (200)", parse=values.steps, metavar="N")
    add(
        "data",
        "digits (of scikit-learn), or package.module:callable that yields pairs of images and "
        "labels (digits)",
        metavar="DATA",
    )
    add(
        "head",
        "what follows the block: pool, or conv, a 3x3 convolution before the pool (pool)",
        parse=values.head,
    )
    _add_threads(gradients)
    add(
        "time_limit_s",
        "longest that a training may take (600 s)",
        parse=values.seconds(0.1),
        metavar="S",
    )
    add("seed", "the first seed (0)", parse=values.seed, metavar="N")
    _add_out(gradients)
    _add_resume(gradients)


def _add_doctor(add_parser: AddParser) -> None:
    doctor = add_parser(
        "doctor",
        help="is this machine fit to measure on",
        description="Looks at what makes latencies differ, measures how far identical code seems "
        "to differ here (the noise floor, in at most a minute), and says what mends it. Later runs "
        "use the noise floor for their verdicts.",
    )
    doctor.add_value("device", "cpu, cuda, cuda:N, or auto (cpu)", parse=values.device)
    _add_threads(doctor)
    _add_allocator(doctor)
    _add_json(doctor)


def _add_selection(parser: Parser) -> None:
    """Add options for the device, the cases of a suite, and their form."""
    add = parser.add_value
    add("device", "cpu, cuda, cuda:N, several as cuda:0,cuda:1, or auto (cpu)", parse=values.device)
    _add_only(parser)
    add("mode", "infer, train or both", parse=values.modes)
    add("precision", "fp32, tf32, bf16, fp16 or amp (fp32)", parse=values.precision)
    add(
        "batch_size",
        "replace N of every input; auto: the largest that fits, of each case",
        parse=values.batch_sizes,
        metavar="N,…",
    )
    add("img_size", "replace H and W of every input", parse=values.counts, metavar="N,…")
    parser.add_flag("channels_last", "NHWC memory format")
    parser.add_optional_value(
        "compiler",
        "inductor",
        "BACKEND",
        "torch.compile: inductor (unless named), cudagraphs, aot_eager or eager",
    )


def _add_sampling(parser: Parser) -> None:
    """Add options for timing and for the run folder."""
    add = parser.add_value
    _add_threads(parser)
    add("launches", "fresh processes that measure each case", parse=values.count, metavar="N")
    add("turns", "samples of a case in a launch (chosen)", parse=values.count, metavar="N")
    add("min_time_s", "least length of a sample (0.001 s)", parse=values.seconds(1e-6), metavar="S")
    add(
        "time_limit_s",
        "longest a step of a case may take (120 s)",
        parse=values.seconds(0.1),
        metavar="S",
    )
    add(
        "budget_s",
        "seconds of launches, spent on what is open (run 120, ab 60)",
        parse=values.seconds(0.1),
        metavar="S",
    )
    _add_allocator(parser)
    add("seed", "seed of weights, inputs and turns (0)", parse=values.seed, metavar="N")
    parser.add_flag("cold", "on a GPU: flush its L2 cache before each call")
    parser.add_flag("cuda_graph", "on a GPU: time a replayed graph beside each case")
    parser.add_flag("energy", "on a GPU: the energy of a call, some 9 s a case")
    _add_out(parser)


def _add_judging(parser: Parser) -> None:
    parser.add_value("format", parse=values.word("format", ("table", "markdown", "json")))
    parser.add_list(
        "thresholds",
        "[[GLOB:]MEASURE=]1%",
        "least change that matters: of latency (1%%; two runs: 2.5%% at least), of another "
        "measure (0), of some entries",
    )
    parser.add_flag("is_strict", "exit code 4 where anything is undecided")


def _add_suite(parser: Parser, default: str) -> None:
    parser.add_argument(
        "suite",
        nargs="?",
        metavar="SUITE|ENTRY,…",
        help=f"a suite by its name or TOML path, or entries and models of yours ({default})",
    )


def _add_arguments(parser: Parser) -> None:
    """Add options of entries: arguments of the builder, and inputs of the model."""
    parser.add_list("overrides", "KEY=VALUE", "an argument of the entry's builder")
    parser.add_list(
        "inputs",
        "[NAME=]SHAPE[:TYPE[:HIGH]]",
        "an input, such as 1,3,640,640 or ids=1,77:int64:49408 (repeated for several), or "
        "what makes all: path/to/file.py:callable",
        parse=values.input_word,
    )


def _add_only(parser: Parser) -> None:
    parser.add_value("only", "only the cases whose entry, label or key matches", metavar="GLOB")


def _add_threads(parser: Parser) -> None:
    parser.add_value(
        "threads",
        "threads (the physical cores; 1 for trainings)",
        parse=values.count,
        metavar="N",
    )


def _add_allocator(parser: Parser) -> None:
    allocator = values.word("allocator", ("pinned", "system"))
    parser.add_value("allocator", "pinned or system (pinned)", parse=allocator)


def _add_out(parser: Parser) -> None:
    parser.add_value("out", "the run folder (results/SUITE-DEVICE-TIME)", metavar="DIR")


def _add_resume(parser: Parser) -> None:
    parser.add_value(
        "resume", "go on with the run in DIR: measure only what is missing", metavar="DIR"
    )
    parser.add_flag(
        "trust", "with --resume: run what the folder names as models, which may be any code"
    )


def _add_columns(parser: Parser) -> None:
    parser.add_value("columns", "the report's columns", parse=values.names, metavar="NAME,…")


def _add_json(parser: Parser) -> None:
    parser.add_flag("as_json", "one JSON object")
