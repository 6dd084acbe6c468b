"""The verbs: what each is for, its options and its examples."""

from collections.abc import Callable

from ..choices import EXPORT_FORMATS, HEADS, PRINTED_FORMATS, TENSORBOARD
from ..engine import defaults
from . import option_groups as options
from . import values
from .examples import EXAMPLES
from .exit_codes import ExitCode
from .help_format import listed
from .parser import Parser, Version, choice
from .wrong_usage import PROGRAM

VERBS = ("run", "show", "list", "compare", "ab", "report", "doctor", "gradients", "verify")
"""In the order in which a user needs them."""

EXIT_CODES = {
    ExitCode.OK: "success",
    ExitCode.REGRESSION: "something got worse, or verify found an unexplained difference",
    ExitCode.USAGE: "wrong usage, or an input that cannot be read",
    ExitCode.FAILED_CASE: "a case failed; all others are reported",
    ExitCode.UNDECIDED: "no latency could be compared, or --strict and a case is undecided",
    ExitCode.FAULT: "a bug in cspbench",
    ExitCode.INTERRUPTED: "interrupted; what was measured is kept",
}

_WHERE_TO_READ = (
    "README.md and docs/ of the source code say how it measures and how to read its numbers."
)

AddVerb = Callable[..., Parser]


def make_parser() -> Parser:
    """The parser of all verbs; ``verb`` of its result is the one that was given."""
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [VERB] [OPTIONS]",
        description="Measure what a CNN building block costs before it is trained (parameters, "
        "MACs, latency and peak memory, on a CPU or a GPU), and whether a change to it makes it "
        "slower. Without a verb, or with an option first, the verb is run.",
        examples=EXAMPLES[""],
        notes=(
            listed("exit codes", [(str(int(code)), text) for code, text in EXIT_CODES.items()]),
            f"More: {PROGRAM} VERB --help. {_WHERE_TO_READ}",
        ),
    )
    add_verb = parser.add_verbs("verbs")
    for add in (
        *(_add_run, _add_show, _add_list, _add_compare, _add_ab),
        *(_add_report, _add_doctor, _add_gradients, _add_verify),
    ):
        add(add_verb)
    other = options.add_other(parser)
    other.add("--version", action=Version, nargs=0, help="print versions and exit")
    return parser


def _add_run(add_verb: AddVerb) -> None:
    run = add_verb(
        "run",
        "measure a suite, catalogue entries or models of your own",
        usage=f"{PROGRAM} run [OPTIONS] [SUITE|ENTRY,…]",
        description="Measure a suite or entries, print the tables and write a run folder. Counts "
        "and memory come first, then latency with 95% confidence intervals. Latency is "
        "also given as a ratio to a reference entry: the one that the suite names, or the first of "
        "several entries.",
        examples=EXAMPLES["run"],
    )
    what = options.add_what(run, defaults.SUITES["run"])
    options.add_cases(what, fits_batches=True)
    options.add_by_module(what)
    options.add_how(run)
    options.add_sampling(run, "run")
    output = run.group(options.OUTPUT)
    options.add_out(output, "results/SUITE-DEVICE-TIME")
    options.add_columns(output)
    options.add_resume(run)
    options.add_other(run)


def _add_show(add_verb: AddVerb) -> None:
    show = add_verb(
        "show",
        "parameters, MACs and peak memory of one entry, layer by layer",
        usage=f"{PROGRAM} show [OPTIONS] ENTRY",
        description="Print the exact counts and the peak of live tensors of an entry, layer by "
        "layer, at inference and in training, and whether it fits into memory. Nothing is "
        "allocated without --time and --roofline, so any batch size can be asked for.",
        examples=EXAMPLES["show"],
    )
    what = show.group(options.WHAT)
    what.add(
        "entry",
        metavar="ENTRY",
        help="a name from the catalogue (the verb list names all), or a model of your own: "
        "file.py:Class or package.module:Class",
    )
    options.add_arguments(what)
    what.add_flag("time", "also run the entry and measure the time of each module")
    what.add_flag(
        "memory", "also show live tensors over a call by module, and what to checkpoint in training"
    )
    what.add_flag(
        "roofline",
        "as --time, and how near each module comes to what this machine computes and moves at most",
    )
    output = show.group(options.OUTPUT)
    output.add_value(
        "depth",
        "levels of modules that get rows of their own; all: every module, and none is folded",
        parse=values.depth,
        metavar="N|all",
        default="as many as fit in 60 rows",
    )
    options.add_json(output)
    options.add_other(show)


def _add_list(add_verb: AddVerb) -> None:
    listing = add_verb(
        "list",
        "the entries, suites, measures and columns there are",
        usage=f"{PROGRAM} list [OPTIONS]",
        description="List the entries of the catalogue with their parameters, the built-in "
        "suites, the measures, and the columns of reports.",
        examples=EXAMPLES["list"],
    )
    options.add_json(listing.group(options.OUTPUT))
    options.add_other(listing)


def _add_compare(add_verb: AddVerb) -> None:
    compare = add_verb(
        "compare",
        "what changed between two runs, and whether it is real",
        usage=f"{PROGRAM} compare [OPTIONS] BASELINE CANDIDATE",
        description="Compare two runs. Counts and tensor peaks (the most memory that live tensors "
        "take) compare exactly, latencies through the yardstick, a fixed workload that every run "
        "times. The exit code is 1 if something got worse.",
        examples=EXAMPLES["compare"],
    )
    runs = compare.group("runs")
    runs.add(
        "baseline",
        metavar="BASELINE",
        help="the run before: its folder or record file, a report or comment saved from a pull "
        "request, or JSON of pytest-benchmark",
    )
    runs.add("candidate", metavar="CANDIDATE", help="the run after, in any of these forms")
    options.add_verdict(compare, "2.5%")
    options.add_comparison_format(compare.group(options.OUTPUT))
    options.add_other(compare)


def _add_ab(add_verb: AddVerb) -> None:
    ab = add_verb(
        "ab",
        "whether one git revision is slower than another",
        usage=f"{PROGRAM} ab [OPTIONS] BASE_REV HEAD_REV [SUITE|ENTRY,…]",
        description="Check out two git revisions in temporary folders, build the same cases from "
        "both, and time them in turns in the same processes. Counts, memory and outputs are "
        "compared, too. The exit code is 1 if something got worse. Your checkout stays as it is.",
        examples=EXAMPLES["ab"],
    )
    revisions = ab.group("revisions")
    revisions.add("baseline", metavar="BASE_REV", help="the revision before: commit, branch or tag")
    revisions.add("candidate", metavar="HEAD_REV", help="the revision after")
    revisions.add_value(
        "path",
        "repository of the code; paths of models begin at its root",
        metavar="REPO",
        default="that of the current folder",
    )
    revisions.add_flag(
        "no_merge_base", "measure BASE_REV itself, not its last commit in common with HEAD_REV"
    )
    options.add_cases(options.add_what(ab, defaults.SUITES["ab"]), fits_batches=False)
    options.add_how(ab)
    options.add_sampling(ab, "ab")
    options.add_verdict(ab, "1%")
    output = ab.group(options.OUTPUT)
    options.add_comparison_format(output)
    options.add_out(output, "results/ab-SUITE-DEVICE-TIME")
    options.add_other(ab)


def _add_report(add_verb: AddVerb) -> None:
    report = add_verb(
        "report",
        "print the tables of a run again, or export them",
        usage=f"{PROGRAM} report [OPTIONS] RUN…",
        description="Print the tables of runs from their records, and write their reports and "
        "plots anew. With --history, follow one measure over all runs instead; several runs with "
        "--format html give a page of all measures over them, history.html.",
        examples=EXAMPLES["report"],
    )
    report.group("runs").add("runs", nargs="+", metavar="RUN", help="a run folder")
    output = report.group(options.OUTPUT)
    own = [name for name in PRINTED_FORMATS if name not in EXPORT_FORMATS]
    output.add_value(
        "format",
        f"form of the printed report: {', '.join(own)}; or for other tools: "
        f"{', '.join(EXPORT_FORMATS)}; or {TENSORBOARD}: files that TensorBoard shows",
        parse=values.report_format,
        metavar="FORMAT",
        default=PRINTED_FORMATS[0],
    )
    options.add_columns(output)
    output.add_value(
        "trace",
        f"with --format {TENSORBOARD}: also run the code of these models of your own, as run.json "
        "names them, to trace their graphs",
        parse=values.code_names,
        metavar="NAME,…",
    )
    output.add_optional_value(
        "history",
        "print and plot one column over all runs, oldest first; with --format html, the one that "
        "the page shows first",
        metavar="MEASURE",
        value="latency_ratio",
    )
    output.add_value("out", "folder for the files of a history", metavar="DIR", default="results")
    options.add_other(report)


def _add_doctor(add_verb: AddVerb) -> None:
    doctor = add_verb(
        "doctor",
        "check whether this machine is fit to measure on",
        usage=f"{PROGRAM} doctor [OPTIONS]",
        description="Check what makes latencies differ on this machine, and say how to fix it. "
        "Then measure the noise floor, the difference that identical code seems to have here, in "
        "at most a minute, and the ceilings, what the device computes and moves at most, in about "
        "half a minute. Later runs use the floor for verdicts, the ceilings for rooflines.",
        examples=EXAMPLES["doctor"],
    )
    how = doctor.group(options.HOW)
    how.add_value(
        "device",
        "cpu, cuda, cuda:1, or auto, a GPU if there is one",
        parse=values.device,
        metavar="DEVICE",
        default=defaults.DEVICE,
    )
    options.add_threads(how, "the number of physical cores")
    options.add_allocator(how)
    options.add_json(doctor.group(options.OUTPUT))
    options.add_other(doctor)


def _add_gradients(add_verb: AddVerb) -> None:
    gradients = add_verb(
        "gradients",
        "how much gradient information a block reuses",
        usage=f"{PROGRAM} gradients [OPTIONS] [SUITE|ENTRY,…]",
        description="Trace which gradient terms take part in the update of each weight, exactly "
        "and without running anything. Then train each block briefly on real images and compare "
        "the gradients of its feature maps. Networks are traced only. It runs on the CPU.",
        examples=EXAMPLES["gradients"],
    )
    options.add_what(gradients, defaults.SUITES["gradients"])
    how = gradients.group(options.HOW)
    options.add_threads(how, defaults.TRAINING_THREADS)
    options.add_time_limit(how, defaults.TRAINING_TIME_LIMIT_S)
    _add_training(gradients)
    options.add_out(gradients.group(options.OUTPUT), "results/SUITE-cpu-TIME")
    options.add_resume(gradients)
    options.add_other(gradients)


def _add_training(gradients: Parser) -> None:
    training = gradients.group(options.TRAINING)
    training.add_flag("no_training", "trace the gradient terms only")
    add = training.add_value
    add(
        "seeds",
        "trainings of each block, with a seed each",
        parse=values.count,
        metavar="N",
        default=defaults.TRAINING_SEEDS,
    )
    add("seed", "the first seed", parse=values.seed, metavar="N", default=defaults.SEED)
    add(
        "steps",
        "steps of each training",
        parse=values.steps,
        metavar="N",
        default=defaults.TRAINING_STEPS,
    )
    add(
        "data",
        "digits (those of scikit-learn), or package.module:function that yields pairs of images "
        "and labels",
        metavar="DATA",
        default=defaults.TRAINING_DATA,
    )
    add(
        "head",
        "what follows the block: a global average pool, or a 3x3 convolution and the pool",
        parse=values.head,
        metavar=choice(HEADS),
        default=defaults.TRAINING_HEAD,
    )


def _add_verify(add_verb: AddVerb) -> None:
    verify = add_verb(
        "verify",
        "published figures beside ours, each with its source",
        usage=f"{PROGRAM} verify [OPTIONS]",
        description="Compare parameters, MACs, activations and memory traffic of the catalogue "
        "with published figures, each by the convention of its source. Nothing is allocated. The "
        "exit code is 1 if a figure differs for no known reason.",
        examples=EXAMPLES["verify"],
    )
    options.add_json(verify.group(options.OUTPUT))
    options.add_other(verify)
