"""A run of two revisions with a yardstick, as `ab` makes it of entries in two modes."""

import msgspec
from compared_runs import make_small_run
from factories import with_measurements

from cspbench.plan.case import Case
from cspbench.records.lines import Latency
from cspbench.records.run import SIDES, Record, Run, Side

COMMITS = {"baseline": "a" * 40, "candidate": "b" * 40}


def make_ab_run(baseline: Run | None = None, candidate: Run | None = None) -> Run:
    """A run in which the two runs' records are the sides, and the baseline's yardstick is both's.

    Without a ``candidate``, its `csp` takes 5% longer in training.
    """
    sides = {
        "baseline": baseline or make_small_run(),
        "candidate": candidate or make_small_run(slower={3: 1.05}, seed=1),
    }
    run = sides["baseline"]
    records = [
        _on_side(record, side)
        for pair in zip(*(sides[side].records for side in SIDES), strict=True)
        for record, side in zip(pair, SIDES, strict=True)
    ]
    keys = tuple(record.case.key for record in records)
    info = msgspec.structs.replace(
        run.info,
        suite=f"ab-{run.info.suite}",
        cases=tuple(record.case for record in records),
        revisions=COMMITS,
    )
    launches = tuple(msgspec.structs.replace(launch, cases=keys) for launch in run.launches)
    return msgspec.structs.replace(run, info=info, records=tuple(records), launches=launches)


def _on_side(record: Record, side: Side) -> Record:
    case: Case = msgspec.structs.replace(
        record.case,
        key=f"{record.case.key} @ {side}",
        label=f"{record.case.label} @ {side}",
        reference=f"{record.case.key} @ baseline" if side == "candidate" else None,
        side=side,
    )
    latencies: tuple[Latency, ...] = tuple(
        msgspec.structs.replace(line, case=case.key) for line in record.latencies
    )
    measurements = [
        msgspec.structs.replace(measurement, case=case.key)
        for measurement in record.measurements.values()
    ]
    failures = tuple(msgspec.structs.replace(item, case=case.key) for item in record.failures)
    return with_measurements(
        record, *measurements, case=case, latencies=latencies, failures=failures
    )
