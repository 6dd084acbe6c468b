"""The page: the trials judged as the product judges, beside the rules of other tools."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median, quantiles

from cspbench.catalogue import find
from cspbench.plan.case import Case, make_case
from cspbench.report.tables import Strip, draw
from cspbench.verdicts.judge import Verdict
from cspbench.verdicts.launches import is_contended
from cspbench.verdicts.stats import (
    Estimate,
    log_estimate,
    paired,
)

from .judged import Judged, Samples
from .rules import RULES
from .trials import (
    ADAPTIVE,
    COPIES,
    FULL_TRIALS,
    LAUNCHES,
    PAIRS,
    PLANTED,
    Peaks,
    Results,
    Tool,
    Trial,
)


def share(hits: int, number: int) -> str:
    """A share with what it is a share of."""
    return f"{hits / number:.1%} of {number}" if number else "–"


def alarms(judged: Judged) -> list[tuple[str, ...]]:
    """False alarms and what was found, ours and by the rules of other tools."""
    turns = [verdict for kind, verdict in judged.in_turns if kind == "same"]
    ours = [
        "cspbench",
        share(sum(v.answer in {"worse", "better"} for v in turns), len(turns)),
        share(sum(v.answer in {"worse", "better"} for v in judged.between), len(judged.between)),
    ]
    rows: list[tuple[str, ...]] = [(*ours, _shares_text(_planted(judged)))]
    for name, rule in RULES.items():
        interleaved = [
            rule(samples.side(bottom), samples.side(top))
            for samples in judged.samples[1:]
            for bottom, top in PAIRS
        ]
        blocked = [
            rule(baseline.side(key), candidate.side(key))
            for baseline, candidate in pairwise(judged.samples)
            for key in COPIES
        ]
        alarms_by_kind = {
            kind: [rule(samples.side("A1"), samples.side(kind)) for samples in judged.samples[1:]]
            for kind in PLANTED
        }
        rows.append(
            (
                name,
                share(sum(interleaved), len(interleaved)),
                share(sum(blocked), len(blocked)),
                _shares_text(alarms_by_kind),
            )
        )
    return rows


def _planted(judged: Judged) -> dict[str, list[bool]]:
    return {
        kind: [verdict.answer == "worse" for name, verdict in judged.in_turns if name == kind]
        for kind in PLANTED
    }


def _shares_text(alarms_by_kind: dict[str, list[bool]]) -> str:
    return ", ".join(f"{sum(hits) / max(1, len(hits)):.0%}" for hits in alarms_by_kind.values())


def planted(judged: Judged, judged_cases: Sequence[tuple[str, Verdict]]) -> list[tuple[str, ...]]:
    """Each planted change: its true size, and the answers that it got."""
    rows = []
    for kind in ("same", *PLANTED):
        verdicts = [verdict for name, verdict in judged_cases if name == kind]
        if not verdicts:
            continue  # stopped before the second trial
        answers = [verdict.answer for verdict in verdicts]
        widths = [width for v in verdicts if (width := v.ratio.relative_half_width) is not None]
        rows.append(
            (
                "identical" if kind == "same" else kind,
                f"{judged.truth(kind) - 1:+.2%}",
                *(
                    f"{answers.count(answer) / len(answers):.1%}"
                    for answer in ("worse", "undecided", "same", "better")
                ),
                f"±{median(widths):.2%}",
                str(len(answers)),
            )
        )
    return rows


def coverage(judged: Judged, tools: Sequence[Tool]) -> list[tuple[str, ...]]:
    """How often a stated interval holds the long-run value, and how much too narrow it is."""
    rows: list[tuple[str, ...]] = []
    ratios = [(kind, (verdict.ratio, judged.truth(kind))) for kind, verdict in judged.in_turns]
    title = "cspbench, ratio in turns (95%)"
    rows.append((title, *_coverage([pair for _, pair in ratios])))
    for kind in ("same", *PLANTED):
        label = "identical, 1 by design" if kind == "same" else f"{kind}, mean of all trials"
        rows.append((f"  {label}", *_coverage([pair for name, pair in ratios if name == kind])))
    latencies = [
        log_estimate([median(launch) for launch in samples.side(COPIES[0])])
        for samples in judged.samples
    ]
    long_run = math.exp(fmean(math.log(latency.value) for latency in latencies))
    rows.append(
        ("cspbench, latency (95%)", *_coverage([(latency, long_run) for latency in latencies]))
    )
    for name in dict.fromkeys(tool.tool for tool in tools):
        tool_runs = [tool for tool in tools if tool.tool == name]
        truth = math.exp(fmean(math.log(tool.latency_s) for tool in tool_runs))
        estimates = [
            Estimate(
                value=tool.latency_s,
                low=tool.latency_s * (1 - tool.half_width),
                high=tool.latency_s * (1 + tool.half_width),
                launches=1,
            )
            for tool in tool_runs
        ]
        rows.append(
            (
                f"{name} (median ± half its IQR)",
                *_coverage([(estimate, truth) for estimate in estimates]),
            )
        )
    return rows


def _coverage(intervals: Sequence[tuple[Estimate, float]]) -> tuple[str, str, str]:
    """The median width, the share that holds the truth, and the factor that would make it 95%."""
    widths, needed, hits = [], [], 0
    for estimate, truth in intervals:
        width = estimate.relative_half_width
        if width is None or estimate.low is None or estimate.high is None:
            continue
        widths.append(width)
        hits += estimate.low <= truth <= estimate.high
        needed.append(abs(estimate.value / truth - 1) / width if width else math.inf)
    factor = quantiles(needed, n=20, method="inclusive")[-1]
    return f"±{median(widths):.2%}", share(hits, len(widths)), f"{factor:.1f}"


def times(judged: Judged, trials: Sequence[Trial], tools: Sequence[Tool]) -> list[tuple[str, str]]:
    """Seconds to ±2%: ours until the interval of a ratio has it, and what other tools take."""
    cases = len(COPIES) + len(PLANTED)
    seconds = [
        _seconds_to(0.02, samples, trial) / cases
        for trial, samples in zip(trials, judged.samples, strict=True)
    ]
    trial_seconds = [trial.seconds / cases for trial in trials]
    reached = sum(map(math.isfinite, seconds))
    rows = [
        ("cspbench, seconds a case to ±2% (ratio in turns, 95%)", f"{median(seconds):.2f}"),
        ("trials that reached it", share(reached, len(seconds))),
        (f"cspbench, seconds a case for {LAUNCHES} launches", f"{median(trial_seconds):.2f}"),
        (
            f"cspbench, seconds a case for {LAUNCHES * 3 // 2} launches",
            f"{median(trial_seconds) * 1.5:.2f}",
        ),
    ]
    for name in dict.fromkeys(tool.tool for tool in tools):
        tool_runs = [tool for tool in tools if tool.tool == name]
        stated = median(tool.half_width for tool in tool_runs)
        tool_seconds = median(tool.seconds for tool in tool_runs)
        rows.append(
            (f"{name}, seconds to its own end (then states ±{stated:.1%})", f"{tool_seconds:.2f}")
        )
        if name == ADAPTIVE:
            rows.append(("cspbench's seconds over these", f"{median(seconds) / tool_seconds:.2f}"))
    return rows


def _seconds_to(width: float, samples: Samples, trial: Trial) -> float:
    """What launches took until two copies' ratio was known so well; infinite if it never was."""
    logs = samples.log_ratios(COPIES[1], COPIES[0])
    numbers = list(samples.by_case[COPIES[0]])
    for count in range(3, len(logs) + 1):
        width_reached = paired(logs[:count]).estimate().relative_half_width
        if width_reached is not None and width_reached <= width:
            last_launch = numbers[count - 1]
            return sum(launch.seconds for launch in trial.launches if launch.launch <= last_launch)
    return math.inf


# Live sets at inference written out by hand, for the entries' defaults: what stands beside weights,
# buffers and input when the peak is reached, in channels of the feature map.
# Dense layer 6: five new features of 32, their concat with the block's input (a view of half the
# base in the CSP designs), the concat normalised, the 1x1 convolution's output.
# YOLO modules, at the last BatchNorm: the fusing convolution's input, its output, normalised.
_CSP_LIVE = 5 * 32 + (32 + 5 * 32) + (32 + 5 * 32) + 128
HAND_COUNTED = {
    "dense": 5 * 32 + (64 + 5 * 32) + (64 + 5 * 32) + 128,
    "csp": _CSP_LIVE,
    "csp_fusion_first": _CSP_LIVE,
    "csp_fusion_last": _CSP_LIVE,
    "csp_split_only": _CSP_LIVE,
    "csp_both_transitions": _CSP_LIVE,
    "bottleneck_csp": 128 + 128 + 128,
    "c3": 128 + 128 + 128,
}


def memory(peaks: Sequence[Peaks]) -> list[tuple[str, str]]:
    """The peak's spread over processes, and its distance from a live set counted by hand."""
    keys = list(peaks[0].real)
    spread = 0
    for key in keys:
        values = [
            peaks_by_case[key]
            for process in peaks
            for peaks_by_case in (process.real, process.fake)
        ]
        spread = max(spread, max(values) - min(values))
    distances = []
    for entry, channels in HAND_COUNTED.items():
        case = make_case(find(entry), {})
        height, width = case.input_shape[2:]
        live = _baseline_bytes(case) + channels * height * width * 4
        distances.append(abs(peaks[0].real[case.key] - live))
    over = f"{len(peaks)} processes, real and fake tensors, {len(keys)} cases"
    return [
        (f"largest spread of a tensor peak over {over}", f"{spread} bytes"),
        (
            f"largest distance from the live set counted by hand, {len(distances)} entries",
            f"{max(distances)} bytes",
        ),
    ]


def _baseline_bytes(case: Case) -> int:
    """Weights, buffers and the input: what stands before the call."""
    from cspbench.measures.execution.subject import BuiltSubject

    module = BuiltSubject(case).meta()
    tensors = [*module.parameters(), *module.buffers()]
    stored_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return stored_bytes + 4 * math.prod(case.input_shape)


def page(results: Results) -> str:
    """The whole page."""
    judged = Judged(results.trials)
    about, chosen = results.about, results.about["settings"]
    launches = [launch for trial in results.trials for launch in trial.launches]
    contended = sum(is_contended(launch) for launch in launches)
    commit = about["git"]["commit"][:12] if about["git"] else "unknown"
    dirty = " with uncommitted changes" if about["git"] and about["git"]["dirty"] else ""
    between = f"{judged.between_threshold:.2%}"
    header = [
        ("device", f"{about['environment']['device']}, {chosen['threads']} threads"),
        ("software", f"torch {about['environment']['packages']['torch']}"),
        (
            "trials",
            f"{len(results.trials)}, the first of them the pilot that gives the noise floor",
        ),
        ("each", f"{chosen['launches']} launches x {chosen['turns']} turns"),
        ("contention", f"{contended} of {len(launches)} launches"),
        ("noise floor", f"{judged.floor:.2%} in turns"),
        ("thresholds", f"{judged.threshold:.2%} in turns, {between} between runs"),
        ("code", f"commit {commit}{dirty}"),
        ("repeat", "make fidelity" + (" FULL=1" if about["trials"] >= FULL_TRIALS else "")),
    ]
    answers = (
        *("convolutions", "true size", "worse", "undecided", "same", "better"),
        *("95% interval", "verdicts"),
    )
    tables: list[tuple[str, Sequence[str], Sequence[Sequence[str]]]] = [
        (
            "False alarms on identical code, and planted changes found in turns (1, 2, 5 more)",
            ("rule", "identical, in turns", "identical, runs one\nafter the other", "found"),
            alarms(judged),
        ),
        (
            "Verdicts in turns, all cases beside one copy judged together (Holm)",
            answers,
            planted(judged, judged.in_turns),
        ),
        (
            f"The same with {LAUNCHES * 3 // 2} launches: a trial's, and half of the next's",
            answers,
            planted(judged, judged.longer),
        ),
        (
            "Intervals: how often the stated one holds the long-run value",
            ("interval", "median width", "holds the value", "times too narrow"),
            coverage(judged, results.tools),
        ),
        (
            "Time",
            ("", "value"),
            [
                *times(judged, results.trials, results.tools),
                ("harness's overhead on a call of 1 ms", f"{results.overhead.seconds / 1e-3:.3%}"),
            ],
        ),
        ("Memory", ("", "value"), memory(results.peaks)),
    ]
    return (
        "\n\n".join(
            [
                "How far the verdicts can be trusted\n===================================",
                "\n".join(f"{label:12} {text}" for label, text in header),
                *(f"{title}\n{_draw(headers, rows)}" for title, headers, rows in tables),
            ]
        )
        + "\n"
    )


def _draw(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return draw(
        [
            Strip(header=header, cells=tuple(row[index] for row in rows), left=index == 0)
            for index, header in enumerate(headers)
        ]
    )
