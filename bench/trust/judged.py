"""The trials, judged as the product judges."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev

from cspbench.records.lines import YARDSTICK
from cspbench.verdicts.judge import Criterion, Verdict, judge
from cspbench.verdicts.launches import is_contended
from cspbench.verdicts.stats import half_width, log_median, paired, t_quantile, welch
from cspbench.verdicts.turns import log_ratio

from .rules import Side
from .trials import COPIES, LAUNCHES, LEAST_THRESHOLD, PAIRS, PLANTED, Trial


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one trial, by case and launch."""

    by_case: dict[str, dict[int, tuple[float, ...]]]

    @classmethod
    def of(cls, trial: Trial) -> "Samples":
        """Contended launches are left out where at least half are quiet, as the product does."""
        quiet = {launch.launch for launch in trial.launches if not is_contended(launch)}
        numbers = {launch.launch for launch in trial.launches}
        used = quiet if 2 * len(quiet) >= len(numbers) else numbers
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
        case_samples, yardstick_samples = self.by_case[key], self.by_case[YARDSTICK]
        return [
            log_median(case_samples[launch]) - log_median(yardstick_samples[launch])
            for launch in case_samples
        ]


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
        self.in_turns = self._in_turns([(samples, None) for samples in judged])
        # Half as many launches again: those of a trial, and half of the next's.
        self.longer = self._in_turns(list(zip(judged[0::2], judged[1::2], strict=False)))
        self.between: list[Verdict] = []
        keys = (*COPIES, *PLANTED)
        for baseline, candidate in pairwise(self.samples):
            differences = {
                key: welch(baseline.through_yardstick(key), candidate.through_yardstick(key))
                for key in keys
            }
            criterion = Criterion(threshold=self.between_threshold)
            self.between += judge(differences, dict.fromkeys(keys, criterion)).values()

    def _in_turns(
        self, trials: Sequence[tuple[Samples, Samples | None]]
    ) -> list[tuple[str, Verdict]]:
        """Kind and verdict of all cases beside each copy, judged together trial by trial."""
        judged: list[tuple[str, Verdict]] = []
        for samples, later_samples in trials:
            for bottom in COPIES:
                copies = [top for first, top in PAIRS if first == bottom]
                logs = {key: samples.log_ratios(key, bottom) for key in (*copies, *PLANTED)}
                if later_samples:
                    for key, values in logs.items():
                        further = later_samples.log_ratios(key, bottom)
                        values.extend(further[: len(further) // 2])
                differences = {key: paired(values) for key, values in logs.items()}
                criterion = Criterion(threshold=self.threshold)
                verdicts = judge(differences, dict.fromkeys(differences, criterion))
                judged += [
                    ("same" if key in COPIES else key, verdict) for key, verdict in verdicts.items()
                ]
        return judged

    def truth(self, kind: str) -> float:
        """The long-run ratio of a planted change, over all judged trials; 1 for identical code."""
        if kind == "same":
            return 1.0
        logs = [
            log
            for samples in self.samples[1:]
            for bottom in COPIES
            for log in samples.log_ratios(kind, bottom)
        ]
        return math.exp(fmean(logs))
