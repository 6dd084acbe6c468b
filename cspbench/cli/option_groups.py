"""Groups of options that several verbs share, with the same titles everywhere.

Help texts state units and the defaults of `engine.defaults`. A test compares each stated default
with the one that applies.
"""

from ..choices import ALLOCATORS, COMPARISON_FORMATS, FORMS, MODES, PRECISIONS
from ..engine import defaults
from . import values
from .parser import OptionGroup, Parser, choice

WHAT = "what to measure"
HOW = "how it runs"
SAMPLING = "sampling"
TRAINING = "training"
GPU = "GPU"
VERDICT = "verdict"
OUTPUT = "output"
RESUMING = "resuming"
OTHER = "other"


def add_what(parser: Parser, default: str) -> OptionGroup:
    """Add arguments that name a suite or entries, the parameters and inputs of entries."""
    what = parser.group(WHAT, "A case is one entry with one input in one mode.")
    _add_suite(what, default)
    add_arguments(what)
    what.add_value(
        "only",
        "measure only cases whose entry or label matches, such as 'csp*'",
        metavar="GLOB",
    )
    return what


def _add_suite(what: OptionGroup, default: str) -> None:
    """Add the argument that names a suite or entries."""
    what.add(
        "suite",
        nargs="?",
        metavar="SUITE|ENTRY,…",
        help="a built-in suite, a suite file (.toml), or entries: names from the catalogue or "
        "models of your own (file.py:Class or package.module:Class), separated by commas "
        f"(default: {default})",
    )


def add_arguments(what: OptionGroup) -> None:
    """Add options for the arguments of an entry's builder and for the inputs of its model."""
    what.add_list(
        "overrides",
        "set a parameter of the entry, such as gamma=0.25; repeat it for several",
        metavar="KEY=VALUE",
    )
    what.add_list(
        "inputs",
        "an input of the model, such as 1,3,640,640 or ids=1,77:int64:49408; repeat it for several "
        "inputs, or name a function that returns them all: file.py:function",
        parse=values.input_word,
        metavar="[NAME=]SHAPE[:TYPE[:HIGH]]",
        default="the input of the entry",
    )


def add_cases(what: OptionGroup, *, fits_batches: bool) -> None:
    """Add options for the modes and the input sizes of cases."""
    what.add_value(
        "mode",
        "inference, training steps or both",
        parse=values.modes,
        metavar=choice((*MODES, "both")),
        default="that of the suite, else both",
    )
    fitted = "; auto: the largest that fits into memory" if fits_batches else ""
    what.add_value(
        "batch_size",
        f"batch size of every input; with several, each is measured{fitted}",
        parse=values.batch_sizes,
        metavar="N,…|auto" if fits_batches else "N,…",
        default="that of the suite or entry",
    )
    what.add_value(
        "img_size",
        "height and width of every input in pixels; with several, each is measured",
        parse=values.counts,
        metavar="N,…",
        default="that of the suite or entry",
    )


def add_by_module(what: OptionGroup) -> None:
    """Add the option for measures by module."""
    what.add_flag(
        "by_module", "also measure time, memory over the call and memory traffic by module"
    )


def add_how(parser: Parser) -> None:
    """Add options for the device and what cases run with on it."""
    how = parser.group(HOW)
    how.add_value(
        "device",
        "cpu, cuda, cuda:1, several GPUs as cuda:0,cuda:1, or auto, a GPU if there is one",
        parse=values.device,
        metavar="DEVICE",
        default=defaults.DEVICE,
    )
    how.add_value(
        "precision",
        "data type of inputs and weights; amp is autocast, tf32 is for GPUs",
        parse=values.precision,
        metavar=choice(PRECISIONS),
        default=f"that of the suite, else {PRECISIONS[0]}",
    )
    how.add_flag("channels_last", "keep images in the channels_last (NHWC) memory format")
    how.add_value(
        "form",
        f"what each model is deployed as, each form beside the first: {', '.join(FORMS)}; only "
        "eager and compiled ones can be trained",
        parse=values.forms,
        metavar="FORM,…",
        default=f"that of the suite, else {FORMS[0]}",
    )
    how.add_optional_value(
        "compiler",
        f"the form compiled, which is torch.compile; BACKEND is one of {choice(values.BACKENDS)}",
        metavar="BACKEND",
        value=next(iter(values.BACKENDS)),
        option="--compile",
    )
    add_threads(how, "the number of physical cores")
    add_allocator(how)
    add_time_limit(how, defaults.TIME_LIMIT_S)


def add_threads(how: OptionGroup, default: object) -> None:
    """Add the option for the number of threads."""
    how.add_value(
        "threads", "CPU threads of a case", parse=values.count, metavar="N", default=default
    )


def add_allocator(how: OptionGroup) -> None:
    """Add the option for the allocator of CPU memory."""
    how.add_value(
        "allocator",
        "settings of malloc: pinned (fixed, so that launches agree), or the system's own",
        parse=values.word("allocator", ALLOCATORS),
        metavar=choice(ALLOCATORS),
        default=defaults.ALLOCATOR,
    )


def add_time_limit(how: OptionGroup, default: float) -> None:
    """Add the option for the time limit of a step."""
    how.add_value(
        "time_limit_s",
        "give up on a case when one of its steps takes longer, in seconds",
        parse=values.seconds(0.1),
        metavar="S",
        default=default,
    )


def add_sampling(parser: Parser, verb: str) -> None:
    """Add options for the numbers of launches and samples, and options that need a GPU."""
    add = parser.group(
        SAMPLING,
        "A launch is a fresh process. In it all cases take turns: a turn is one timed sample of "
        "each case. Launches go on until each case has a verdict, such as faster or same, or the "
        "budget is spent.",
    ).add_value
    add(
        "budget_s",
        "seconds for launches, most of them of undecided cases; counts and memory come before",
        parse=values.seconds(0.1),
        metavar="S",
        default=f"{defaults.BUDGETS_S[verb]:g}; none with --launches",
    )
    add(
        "launches",
        "launches of each case; with --budget, those before the first verdict",
        parse=values.count,
        metavar="N",
        default=f"{defaults.LAUNCHES}, then as many as the budget allows",
    )
    add(
        "turns",
        "turns in each launch",
        parse=values.count,
        metavar="N",
        default="chosen for each case and launch",
    )
    add(
        "min_time_s",
        "shortest sample, in seconds; a fast call is repeated to fill it",
        parse=values.seconds(1e-6),
        metavar="S",
        default=defaults.MIN_TIME_S,
    )
    add(
        "seed",
        "seed of weights, inputs and the order of turns",
        parse=values.seed,
        metavar="N",
        default=defaults.SEED,
    )
    gpu = parser.group(GPU, "These need --device cuda.")
    gpu.add_flag("cold", "flush the L2 cache before each call")
    gpu.add_flag("cuda_graph", "also time each case as a replayed CUDA graph")
    gpu.add_flag("energy", "also measure the energy of a call, in about 9 s a case")


def add_verdict(parser: Parser, latency: str) -> None:
    """Add options for the verdicts of a comparison; ``latency`` is its default threshold."""
    verdict = parser.group(
        VERDICT,
        "The noise floor is how much identical code seems to differ on this machine; the verb "
        "doctor measures it. The nearest pyproject.toml can set these options, too, in its table "
        "[tool.cspbench].",
    )
    verdict.add_list(
        "thresholds",
        "smallest change that counts: 2% (of latency), params=1% (of another measure) or "
        "'c3*:latency=5%' (of some entries); repeat it for several",
        metavar="[[GLOB:]MEASURE=]SHARE",
        default=f"{latency} of latency, or the noise floor if that is higher; 0% of exact counts",
    )
    verdict.add_flag("is_strict", "exit with code 4 if any case is undecided")


def add_comparison_format(output: OptionGroup) -> None:
    """Add the option for the format of a comparison."""
    output.add_value(
        "format",
        "form of the printed comparison",
        parse=values.word("format", COMPARISON_FORMATS),
        metavar=choice(COMPARISON_FORMATS),
        default=COMPARISON_FORMATS[0],
    )


def add_out(output: OptionGroup, default: str) -> None:
    """Add the option for the run folder."""
    output.add_value("out", "run folder to create", metavar="DIR", default=default)


def add_columns(output: OptionGroup) -> None:
    """Add the option for the columns of a report."""
    output.add_value(
        "columns",
        "columns of the tables; python -m cspbench list names all",
        parse=values.names,
        metavar="NAME,…",
        default="chosen by what was measured",
    )


def add_json(output: OptionGroup) -> None:
    """Add the option for output as JSON."""
    output.add_flag("as_json", "print one JSON object")


def add_resume(parser: Parser) -> None:
    """Add options for going on with an interrupted run."""
    resuming = parser.group(RESUMING)
    resuming.add_value(
        "resume", "go on with the run in DIR: measure only what is missing", metavar="DIR"
    )
    resuming.add_flag(
        "trust",
        "with --resume: also run model code that only the folder names; use it only for folders "
        "that you trust, as that may be any code",
    )


def add_other(parser: Parser) -> OptionGroup:
    """Add ``--help``."""
    other = parser.group(OTHER)
    other.add("-h", "--help", action="help", help="print this help and exit")
    return other
