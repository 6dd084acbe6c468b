"""The page: the trials judged as the product judges, beside the rules of other tools."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, quantiles, stdev

from cspbench.catalogue import find
from cspbench.plan.case import Case, make_case
from cspbench.records.lines import YARDSTICK
from cspbench.report.tables import Strip, draw
from cspbench.verdicts.judge import Criterion, Verdict, judge
from cspbench.verdicts.launches import is_contended
from cspbench.verdicts.stats import (
    Estimate,
    half_width,
    log_estimate,
    log_median,
    log_ratio,
    paired,
    t_quantile,
    welch,
)

from .rules import RULES, Side
from .trials import (
    ADAPTIVE,
    COPIES,
    FULL_TRIALS,
    LAUNCHES,
    LEAST_THRESHOLD,
    PAIRS,
    PLANTED,
    Found,
    Peaks,
    Tool,
    Trial,
)


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one trial, by case and launch."""

    by_case: dict[str, dict[int, tuple[float, ...]]]

    @classmethod
    def of(cls, trial: Trial) -> "Samples":
        """Contended launches are left out where at least half are quiet, as the product does."""
        quiet = {one.launch for one in trial.launches if not is_contended(one)}
        every = {one.launch for one in trial.launches}
        used = quiet if 2 * len(quiet) >= len(every) else every
        by_case: dict[str, dict[int, tuple[float, ...]]] = {}
        for line in trial.latencies:
            if line.launch in used:
                by_case.setdefault(line.case, {})[line.launch] = line.samples_s
        return cls(by_case)

    def side(self, key: str) -> Side:
        """A case's samples, launch by launch."""
        return list(self.by_case[key].values())

    def log_ratios(self, top: str, bottom: str) -> list[float]:
        """One a launch, in turns."""
        tops, bottoms = self.by_case[top], self.by_case[bottom]
        return [log_ratio(tops[launch], bottoms[launch]) for launch in tops]

    def through_yardstick(self, key: str) -> list[float]:
        """One a launch: the case's median over the yardstick's."""
        own, yard = self.by_case[key], self.by_case[YARDSTICK]
        return [log_median(own[launch]) - log_median(yard[launch]) for launch in own]


class Judged:
    """The trials, judged as the product judges.

    The first trial is the pilot: it gives the noise floor and is not judged in turns.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.samples = [Samples.of(trial) for trial in trials]
        pilot = self.samples[0]
        squares = [log**2 for bottom, top in PAIRS for log in pilot.log_ratios(top, bottom)]
        self.floor = half_width(math.sqrt(fmean(squares)), LAUNCHES) or 0.0
        self.threshold = max(LEAST_THRESHOLD, self.floor)
        spreads = [stdev(pilot.through_yardstick(key)) for key in COPIES]
        error = math.sqrt(fmean(spread**2 for spread in spreads) * 2 / LAUNCHES)
        self.between_threshold = max(
            LEAST_THRESHOLD, math.expm1(t_quantile(0.975, 2 * LAUNCHES - 2) * error)
        )
        judged = self.samples[1:]
        self.in_turns = self._in_turns([(one, None) for one in judged])
        # Half as many launches again: those of a trial, and half of the next's.
        self.longer = self._in_turns(list(zip(judged[0::2], judged[1::2], strict=False)))
        self.between: list[Verdict] = []
        keys = (*COPIES, *PLANTED)
        for before, after in pairwise(self.samples):
            differences = {
                key: welch(before.through_yardstick(key), after.through_yardstick(key))
                for key in keys
            }
            criterion = Criterion(threshold=self.between_threshold)
            self.between += judge(differences, dict.fromkeys(keys, criterion)).values()

    def _in_turns(
        self, trials: Sequence[tuple[Samples, Samples | None]]
    ) -> list[tuple[str, Verdict]]:
        """Kind and verdict of all cases beside each copy, judged together trial by trial."""
        found: list[tuple[str, Verdict]] = []
        for one, more in trials:
            for bottom in COPIES:
                copies = [top for first, top in PAIRS if first == bottom]
                logs = {key: one.log_ratios(key, bottom) for key in (*copies, *PLANTED)}
                if more:
                    for key, values in logs.items():
                        further = more.log_ratios(key, bottom)
                        values.extend(further[: len(further) // 2])
                differences = {key: paired(values) for key, values in logs.items()}
                criterion = Criterion(threshold=self.threshold)
                verdicts = judge(differences, dict.fromkeys(differences, criterion))
                found += [
                    ("same" if key in COPIES else key, verdict) for key, verdict in verdicts.items()
                ]
        return found

    def truth(self, kind: str) -> float:
        """The long-run ratio of a planted change, over all judged trials; 1 for identical code."""
        if kind == "same":
            return 1.0
        logs = [
            log
            for one in self.samples[1:]
            for bottom in COPIES
            for log in one.log_ratios(kind, bottom)
        ]
        return math.exp(fmean(logs))


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
    rows: list[tuple[str, ...]] = [(*ours, _found_text(_planted(judged)))]
    for name, rule in RULES.items():
        interleaved = [
            rule(one.side(bottom), one.side(top))
            for one in judged.samples[1:]
            for bottom, top in PAIRS
        ]
        blocked = [
            rule(before.side(key), after.side(key))
            for before, after in pairwise(judged.samples)
            for key in COPIES
        ]
        found = {
            kind: [rule(one.side("A1"), one.side(kind)) for one in judged.samples[1:]]
            for kind in PLANTED
        }
        rows.append(
            (
                name,
                share(sum(interleaved), len(interleaved)),
                share(sum(blocked), len(blocked)),
                _found_text(found),
            )
        )
    return rows


def _planted(judged: Judged) -> dict[str, list[bool]]:
    return {
        kind: [verdict.answer == "worse" for name, verdict in judged.in_turns if name == kind]
        for kind in PLANTED
    }


def _found_text(found: dict[str, list[bool]]) -> str:
    return ", ".join(f"{sum(hits) / max(1, len(hits)):.0%}" for hits in found.values())


def planted(judged: Judged, found: Sequence[tuple[str, Verdict]]) -> list[tuple[str, ...]]:
    """Each planted change: its true size, and the answers that it got."""
    rows = []
    for kind in ("same", *PLANTED):
        verdicts = [verdict for name, verdict in found if name == kind]
        if not verdicts:
            continue  # stopped before the second trial
        answers = [verdict.answer for verdict in verdicts]
        widths = [width for v in verdicts if (width := v.ratio.relative_half_width) is not None]
        rows.append(
            (
                "identical" if kind == "same" else kind,
                f"{judged.truth(kind) - 1:+.2%}",
                *(
                    f"{answers.count(one) / len(answers):.1%}"
                    for one in ("worse", "undecided", "same", "better")
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
        own_kind = "identical, 1 by design" if kind == "same" else f"{kind}, mean of all trials"
        rows.append((f"  {own_kind}", *_coverage([pair for one, pair in ratios if one == kind])))
    latencies = [
        log_estimate([median(launch) for launch in one.side(COPIES[0])]) for one in judged.samples
    ]
    long_run = math.exp(fmean(math.log(one.value) for one in latencies))
    rows.append(("cspbench, latency (95%)", *_coverage([(one, long_run) for one in latencies])))
    for name in dict.fromkeys(tool.tool for tool in tools):
        own = [tool for tool in tools if tool.tool == name]
        truth = math.exp(fmean(math.log(tool.latency_s) for tool in own))
        estimates = [
            Estimate(
                value=tool.latency_s,
                low=tool.latency_s * (1 - tool.half_width),
                high=tool.latency_s * (1 + tool.half_width),
                launches=1,
            )
            for tool in own
        ]
        rows.append(
            (f"{name} (median ± half its IQR)", *_coverage([(one, truth) for one in estimates]))
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
        _seconds_to(0.02, one, trial) / cases
        for trial, one in zip(trials, judged.samples, strict=True)
    ]
    whole = [trial.seconds / cases for trial in trials]
    reached = sum(map(math.isfinite, seconds))
    rows = [
        ("cspbench, seconds a case to ±2% (ratio in turns, 95%)", f"{median(seconds):.2f}"),
        ("trials that reached it", share(reached, len(seconds))),
        (f"cspbench, seconds a case for {LAUNCHES} launches", f"{median(whole):.2f}"),
        (
            f"cspbench, seconds a case for {LAUNCHES * 3 // 2} launches",
            f"{median(whole) * 1.5:.2f}",
        ),
    ]
    for name in dict.fromkeys(tool.tool for tool in tools):
        own = [tool for tool in tools if tool.tool == name]
        stated = median(tool.half_width for tool in own)
        taken = median(tool.seconds for tool in own)
        rows.append((f"{name}, seconds to its own end (then states ±{stated:.1%})", f"{taken:.2f}"))
        if name == ADAPTIVE:
            rows.append(("cspbench's seconds over these", f"{median(seconds) / taken:.2f}"))
    return rows


def _seconds_to(width: float, samples: Samples, trial: Trial) -> float:
    """What launches took until two copies' ratio was known so well; infinite if it never was."""
    logs = samples.log_ratios(COPIES[1], COPIES[0])
    numbers = list(samples.by_case[COPIES[0]])
    for count in range(3, len(logs) + 1):
        found = paired(logs[:count]).estimate().relative_half_width
        if found is not None and found <= width:
            last = numbers[count - 1]
            return sum(one.seconds for one in trial.launches if one.launch <= last)
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
        values = [found[key] for one in peaks for found in (one.real, one.fake)]
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
    held = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return held + 4 * math.prod(case.input_shape)


def page(found: Found) -> str:
    """The whole page."""
    judged = Judged(found.trials)
    about, chosen = found.about, found.about["settings"]
    launches = [launch for trial in found.trials for launch in trial.launches]
    contended = sum(is_contended(launch) for launch in launches)
    commit = about["git"]["commit"][:12] if about["git"] else "unknown"
    dirty = " with uncommitted changes" if about["git"] and about["git"]["dirty"] else ""
    between = f"{judged.between_threshold:.2%}"
    about_it = [
        ("device", f"{about['environment']['device']}, {chosen['threads']} threads"),
        ("software", f"torch {about['environment']['packages']['torch']}"),
        ("trials", f"{len(found.trials)}, the first of them the pilot that gives the noise floor"),
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
            coverage(judged, found.tools),
        ),
        (
            "Time",
            ("", "value"),
            [
                *times(judged, found.trials, found.tools),
                ("harness's overhead on a call of 1 ms", f"{found.overhead.seconds / 1e-3:.3%}"),
            ],
        ),
        ("Memory", ("", "value"), memory(found.peaks)),
    ]
    return (
        "\n\n".join(
            [
                "How far the verdicts can be trusted\n===================================",
                "\n".join(f"{label:12} {text}" for label, text in about_it),
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
