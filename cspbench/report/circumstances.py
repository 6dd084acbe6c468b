"""The circumstances of a run, as labelled lines: device, libraries, sampling, disturbances."""

import math
from collections.abc import Iterable, Sequence
from statistics import median

from ..plan.labels import plain
from ..records.base import Failure
from ..records.gate import THRESHOLD
from ..records.lines import Launch
from ..records.machine import Environment, Git, GpuActivity, GpuDescription, NoiseFloor
from ..records.run import Run, RunInfo, Settings
from ..text import listing
from ..units import bytes_text, percent_text, seconds_text
from ..verdicts.judge import ALPHA
from ..verdicts.launches import is_contended, is_throttled
from ..verdicts.stats import half_width
from .ceilings import brief
from .results import Results
from .rows import Row
from .words import AT, launches_text, plural


def circumstances(results: Results) -> list[tuple[str, str]]:
    """The label and text of each line; the texts are plain but not yet quoted."""
    run = results.run
    info, settings = run.info, run.info.settings
    environment = info.environment
    packages = [f"torch {environment.packages.get('torch', 'unknown')}"]
    packages += [f"Python {environment.python}", f"thop {_thop(run)}"]
    forms = [case.form for case in info.cases]
    packages += [f"{name} {version}" for name, version in environment.runtimes_of(forms).items()]
    lines = [
        ("device", f"{environment.device} ({settings.device})"),
        *(("libraries", _libraries(gpu)) for gpu in environment.gpus[:1]),
        ("threads", f"{settings.threads} on {plural(environment.physical_cores, 'core')}"),
        ("precision", _joined(case.precision for case in info.cases)),
        *([("int8", _int8(environment))] if any(form.endswith(":int8") for form in forms) else []),
        ("software", ", ".join([*packages, f"cspbench {info.version}"])),
    ]
    if settings.training:
        lines.append(("training", _training(settings)))
    if "latency" in info.stages:
        lines += _sampling(results)
    commit = _commit(info.git) if info.git else "not in a git repository"
    lines.append(("code" if not info.models else "cspbench", commit))
    if info.models:
        lines.append(
            (
                "models",
                ", ".join(_model(info, name, digest) for name, digest in info.models.items()),
            )
        )
    lines.append(("repeat", info.command))
    return [(label, plain(text)) for label, text in lines]


def _int8(environment: Environment) -> str:
    """The processor's instructions for 8-bit products."""
    if environment.int8 is None:
        return "the processor's instructions for it were not recorded"
    if isinstance(environment.int8, Failure):
        return f"the processor's instructions for it are not known: {environment.int8.reason}"
    if environment.int8 == "none":
        return "none: 8-bit products may saturate, and are slower"
    return environment.int8


def _model(info: RunInfo, name: str, digest: str) -> str:
    repository = info.repositories.get(name)
    return f"{name} {digest}" + (f" ({_commit(repository)})" if repository else "")


def _commit(git: Git) -> str:
    return f"commit {git.commit[:12]}" + (" with uncommitted changes" if git.dirty else "")


def _training(settings: Settings) -> str:
    assert settings.training is not None
    training = settings.training
    seeds = plural(training.seeds, "seed")
    head = "a 3x3 convolution and the pool" if training.head == "conv" else "the pool"
    steps = f"{training.steps} steps on {training.data}"
    return f"{seeds} from {settings.seed} x {steps}, before {head}"


def _sampling(results: Results) -> list[tuple[str, str]]:
    """The lines on sampling, disturbances and verdicts."""
    run = results.run
    info, settings = run.info, run.info.settings
    fewest, largest = results.launches()
    sampling = [
        f"{launches_text(fewest, largest, settings.launches)}{_turns(results.run)}",
        f"seed {settings.seed}",
        f"allocator {settings.allocator}",
    ]
    if settings.budget_s is not None:
        spent_s = math.fsum(launch.seconds for launch in run.launches)
        sampling.append(f"{seconds_text(spent_s)} of {seconds_text(settings.budget_s)} spent")
    lines = [("sampling", ", ".join(sampling))]
    if info.environment.gpus:
        lines.append(("cache", _cache(run)))
    lines.append(("clock", _clock(run)))
    on_gpus = [launch.gpu for launch in run.launches if launch.gpu]
    if on_gpus:
        lines += [
            ("GPU", _gpus(on_gpus)),
            ("flags", _flags(on_gpus)),
            ("throttling", _throttling(results)),
        ]
    if run.launches:
        before = _range(launch.activity.load_before for launch in run.launches)
        after = _range(launch.activity.load_after for launch in run.launches)
        lines.append(("load", f"{before} before a launch, {after} after"))
        lines.append(("contention", _contention(results)))
    lines.append(("noise floor", _noise_floor(info.noise_floor, fewest)))
    lines += [("ceilings", f"{plain(item.device)}: {brief(item)}") for item in info.ceilings]
    if judged := [row for row in results.rows if row.verdict]:
        lines.append(("verdicts", _verdict_rule(judged)))
    return lines


def _turns(run: Run) -> str:
    """The fewest and the most turns of a case in a launch."""
    turns = [len(line.samples_s) for record in run.records for line in record.latencies]
    if not turns:
        return ""
    fewest, most = min(turns), max(turns)
    return f" x {plural(most, 'turn')}" if fewest == most else f" x {fewest}–{most} turns"


def _clock(run: Run) -> str:
    """The governor, and the frequencies around launches, as far as they could be read."""
    governor = run.info.environment.governor
    text = "governor not readable" if isinstance(governor, Failure) else f"governor {governor}"
    readings = [
        mhz
        for launch in run.launches
        for mhz in (launch.activity.mhz_before, launch.activity.mhz_after)
        if not isinstance(mhz, Failure)
    ]
    if not readings:
        return f"{text}, frequency not readable"
    return f"{text}, {_span(readings, 'MHz')} around launches"


def _libraries(gpu: GpuDescription) -> str:
    driver = "not readable" if isinstance(gpu.driver, Failure) else gpu.driver
    memory, cache = bytes_text(gpu.memory_bytes), bytes_text(gpu.l2_bytes)
    return f"driver {driver}, CUDA {gpu.cuda}, cuDNN {gpu.cudnn}; {memory} of memory, {cache} of L2"


def _cache(run: Run) -> str:
    if run.info.settings.cold:
        return "cold: L2 flushed before each call"
    return "warm: calls follow each other (--cold flushes L2 in between)"


def _gpus(launches: Sequence[GpuActivity]) -> str:
    """The ranges of GPU states around launches, and the time of an empty region."""
    states = [state for launch in launches for state in (launch.before, launch.after)]
    empty_s = median(launch.empty_region_s for launch in launches)
    empty = f"an empty region reads {seconds_text(empty_s)}"
    mhz = states[0].sm_mhz
    if isinstance(mhz, Failure):
        return f"clocks not readable ({mhz.reason}); {empty}"
    words = [
        _span((state.sm_mhz for state in states), "MHz"),
        _span((state.celsius for state in states), "°C"),
        _span((state.watts for state in states), "W"),
        empty,
    ]
    return ", ".join(filter(None, words))


def _span(readings: Iterable[float | Failure], unit: str) -> str:
    values = [reading for reading in readings if not isinstance(reading, Failure)]
    if not values:
        return ""
    low, high = f"{min(values):,.0f}", f"{max(values):,.0f}"
    return f"{low if low == high else f'{low}–{high}'} {unit}"


def _flags(launches: Sequence[GpuActivity]) -> str:
    """The backend flags, on or off, or by precision if launches differ in them."""
    settings = {
        "TF32 in matrix products": {launch.flags.matmul_tf32 for launch in launches},
        "in convolutions": {launch.flags.cudnn_tf32 for launch in launches},
        "cuDNN's search": {launch.flags.cudnn_benchmark for launch in launches},
        "deterministic": {launch.flags.deterministic for launch in launches},
    }
    words = {frozenset({True}): "on", frozenset({False}): "off"}
    return ", ".join(
        f"{name} {words.get(frozenset(values), 'by precision')}"
        for name, values in settings.items()
    )


def _throttling(results: Results) -> str:
    """The number of throttled launches, the limits, and whether the launches count."""
    run = results.run
    throttled = [launch for launch in run.launches if is_throttled(launch)]
    number = f"{len(throttled)} of {plural(len(run.launches), 'launch')}"
    if not throttled:
        return number
    limits = {limit for launch in throttled if launch.gpu for limit in launch.gpu.limits}
    return f"{number}, by {listing(sorted(limits))}; {_treatment(results, throttled)}"


def _contention(results: Results) -> str:
    """The number of contended launches, by how much, and whether the launches count."""
    run = results.run
    shares = [launch.activity.taken_share for launch in run.launches]
    contended = [launch for launch in run.launches if is_contended(launch)]
    number = f"{len(contended)} of {plural(len(run.launches), 'launch')}"
    if not contended:
        return f"{number}; other processes took at most {max(shares):.1%} of the processor time"
    on_gpu = max((launch.gpu.others for launch in contended if launch.gpu), default=0)
    processes = f", up to {plural(on_gpu, 'process')} beside it on the GPU" if on_gpu else ""
    extent = f"other processes took up to {max(shares):.0%} of the processor time{processes}"
    return f"{number}: {extent}; {_treatment(results, contended)}"


def _treatment(results: Results, disturbed: Sequence[Launch]) -> str:
    """The numbers of ``disturbed`` launches that are left out and that count all the same."""
    numbers_left_out = {line.launch for row in results.rows for line in row.left_out}
    left_out = sum(launch.launch in numbers_left_out for launch in disturbed)
    counted = len(disturbed) - left_out
    return " and ".join(
        part
        for part in (
            f"{left_out} left out" if left_out else "",
            f"{counted} kept, as too few others remain" if counted else "",
        )
        if part
    )


def _noise_floor(floor: NoiseFloor | None, launches: int) -> str:
    if floor is None:
        return "not measured on this machine (python -m cspbench doctor measures it)"
    widths = {mode: half_width(spread, launches) for mode, spread in floor.in_turns.items()}
    return (
        ", ".join(
            f"{percent_text(width)} {AT[mode]}"
            for mode, width in widths.items()
            if width is not None
        )
        or f"known, but {'no launch was made' if not launches else 'a single launch has none'}"
    )


def _verdict_rule(rows: Sequence[Row]) -> str:
    """The thresholds of verdicts, and the median of the detectable changes."""
    thresholds = [row.verdict.criterion.threshold for row in rows if row.verdict]
    beyond = _percents(thresholds or [THRESHOLD]).removeprefix("over ")
    text = f"threshold {beyond}, false alarms below {ALPHA:.0%}"
    detectable = [
        row.verdict.detectable for row in rows if row.verdict and row.verdict.detectable is not None
    ]
    if not detectable:
        return text
    middle = median(detectable)
    change = f"{percent_text(middle)} (median)" if middle <= 1 else "a factor of 2 or more"
    return f"{text}; smallest detectable change {change}"


def _percents(shares: Iterable[float]) -> str:
    ordered = sorted(shares)
    low, high = percent_text(ordered[0]), percent_text(ordered[-1])
    return low if low == high else f"{low.removesuffix('%')}–{high}"


def _range(values: Iterable[float]) -> str:
    ordered = sorted(values)
    low, high = f"{ordered[0]:.2f}", f"{ordered[-1]:.2f}"
    return low if low == high else f"{low}–{high}"


def _joined(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _thop(run: Run) -> str:
    distribution = run.info.environment.thop_distribution
    version = run.info.environment.packages.get(distribution, "")
    return version if distribution == "thop" else f"{distribution} {version}".strip()
