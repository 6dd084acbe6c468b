"""The split of a run's time between launches and turns, which follows what the run measures.

After Kalibera and Jones (Rigorous benchmarking in reasonable time, ISMM 2013): a ratio is known
best for its time with √((cost of a launch / cost of a turn) x (variance of a turn / variance
between launches)) turns a launch. Nothing here measures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..plan.case import Case
from ..records.lines import YARDSTICK, Latency, Launch
from ..records.run import Record, Run, Settings
from ..verdicts.launches import launches_by_case
from ..verdicts.turns import Variances, ratios_of, variances_of
from .launch_plan import LaunchPlan

_FIRST_TURNS = 10  # of a case's first launch, and the fewest unless the budget is short of them
_FEWEST, _MOST = 3, 2_000
_SHORTEST_SHARE, _LONGEST_SHARE = 1 / 40, 1 / 10  # of the budget, for the turns of a launch
_OVERHEADS = 2.0  # its turns may take this many times as long as what comes before them
_UNLIMITED_S = 120.0  # the budget that stands in for none


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The seconds that a case takes in a launch before the turns, and in one turn."""

    launch_s: float
    turn_s: float

    def with_share(self, reference: "Cost", number: int) -> "Cost":
        """The cost together with a share of that of the reference of ``number`` cases."""
        return Cost(
            launch_s=self.launch_s + reference.launch_s / number,
            turn_s=self.turn_s + reference.turn_s / number,
        )

    @property
    def least_s(self) -> float:
        """The seconds of a launch with the usual fewest turns."""
        return self.launch_s + _FIRST_TURNS * self.turn_s


def costs(run: Run) -> dict[str, Cost]:
    """The cost of each case that has been launched, by its last launch.

    What a launch takes before its turns is shared alike by its cases, its turns by their samples.
    """
    latencies = {
        (line.case, line.launch): line for record in run.records for line in record.latencies
    }
    yardstick = {line.launch: line for line in run.yardstick}
    costs_by_case: dict[str, Cost] = {}
    for launch in run.launches:
        identities = ((key, launch.launch) for key in launch.cases)
        lines = [latencies[identity] for identity in identities if identity in latencies]
        costs_by_case |= _costs(launch, lines, yardstick.get(launch.launch))
    return costs_by_case


def _costs(launch: Launch, lines: Sequence[Latency], yardstick: Latency | None) -> dict[str, Cost]:
    turns_s = launch.activity.wall_s
    sampled_s = {line.case: _sampled_s(line) for line in lines}
    total_s = math.fsum(sampled_s.values()) + (_sampled_s(yardstick) if yardstick else 0.0)
    overhead_s = max(0.0, launch.seconds - turns_s) / max(1, len(lines))
    scale = turns_s / total_s if total_s else 0.0
    return {
        line.case: Cost(
            launch_s=overhead_s, turn_s=sampled_s[line.case] * scale / len(line.samples_s)
        )
        for line in lines
    }


def _sampled_s(line: Latency) -> float:
    """The seconds of a case's samples, with the untimed iterations before each."""
    return math.fsum(line.samples_s) * (line.iterations + line.untimed)


def best_turns(variances: Variances, cost: Cost) -> float:
    """The turns a launch that buy the narrowest interval a second; infinite if launches agree."""
    if not variances.between or not cost.turn_s:
        return math.inf
    return math.sqrt(cost.launch_s / cost.turn_s * variances.within / variances.between)


def plan(run: Run, group: Sequence[Case], remaining_s: float = math.inf) -> LaunchPlan:
    """The plan of the next launch, of ``group``, in a run whose budget has ``remaining_s`` left."""
    settings, records = run.info.settings, {record.case.key: record for record in run.records}
    in_group = [records[case.key] for case in group]
    if settings.turns is not None:
        turns = dict.fromkeys((case.key for case in group), settings.turns)
    else:
        turns = _turns(run, in_group, remaining_s)
    fewest = min(turns.values()) if run.info.revisions else max(turns.values())
    last = [*(record.latencies[-1] for record in in_group if record.latencies), *run.yardstick[-1:]]
    return LaunchPlan(
        turns=turns | {YARDSTICK: fewest},
        iterations={line.case: line.iterations for line in last if line.steady},
        seconds=remaining_s,
    )


def _turns(run: Run, group: Sequence[Record], remaining_s: float) -> dict[str, int]:
    """The turns of each case: its own best, as far as the time of a launch allows."""
    costs_by_case = costs(run)
    known = [record for record in group if record.case.key in costs_by_case]
    wanted = {record.case.key: float(_FIRST_TURNS) for record in group}
    wanted |= _wanted(run, known, costs_by_case)
    overhead_s = math.fsum(costs_by_case[record.case.key].launch_s for record in known)
    turn_s = {record.case.key: costs_by_case[record.case.key].turn_s for record in known}
    limit_s = min(_limit_s(run.info.settings, overhead_s), remaining_s - overhead_s)
    return _within(wanted, turn_s, limit_s)


def _wanted(
    run: Run, group: Sequence[Record], costs_by_case: Mapping[str, Cost]
) -> dict[str, float]:
    """The best turns of each case; a reference takes those of all that are compared with it."""
    launches = launches_by_case(run)
    dependents: dict[str, list[str]] = {}
    for record in group:
        if record.case.reference not in {None, record.case.key}:
            dependents.setdefault(record.case.reference or "", []).append(record.case.key)
    wanted: dict[str, float] = {}
    for record in group:
        key, reference = record.case.key, record.case.reference or ""
        if key in dependents and reference in {"", key}:
            continue
        samples = launches[key].samples
        cost = costs_by_case[key]
        others = launches[reference].samples if reference in launches else {}
        if others and reference in costs_by_case:
            cost = cost.with_share(costs_by_case[reference], len(dependents[reference]))
        else:
            others = {launch: (1.0,) * len(values) for launch, values in samples.items()}
        ratios = ratios_of(samples, others)
        best = best_turns(variances_of(ratios), cost) if ratios else _FIRST_TURNS
        wanted[key] = min(max(best, _FIRST_TURNS), _MOST)
    for _ in range(2):  # a reference of other forms may have a reference itself
        for reference, keys in dependents.items():
            turns = [wanted.get(key, _FIRST_TURNS) for key in keys]
            wanted[reference] = max(wanted.get(reference, 0.0), *turns)
    return wanted


def _limit_s(settings: Settings, overhead_s: float) -> float:
    """The seconds that the turns of a launch may take."""
    budget_s = _UNLIMITED_S if settings.budget_s is None else settings.budget_s
    shortest_s, longest_s = _SHORTEST_SHARE * budget_s, _LONGEST_SHARE * budget_s
    return min(max(shortest_s, _OVERHEADS * overhead_s), longest_s)


def _within(
    wanted: Mapping[str, float], turn_s: Mapping[str, float], limit_s: float
) -> dict[str, int]:
    """``wanted`` turns, reduced alike until they take ``limit_s``, but to no fewer than `_FEWEST`.

    Those with the most turns are reduced first.
    """

    def seconds(most: float) -> float:
        return math.fsum(min(turns, most) * turn_s.get(key, 0.0) for key, turns in wanted.items())

    most = max(wanted.values())
    if seconds(most) > limit_s:
        low, high = float(_FEWEST), most
        while high - low > 0.5:
            middle = (low + high) / 2
            low, high = (low, middle) if seconds(middle) > limit_s else (middle, high)
        most = low
    return {key: round(min(turns, most)) for key, turns in wanted.items()}
