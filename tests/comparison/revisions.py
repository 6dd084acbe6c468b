"""A run of two revisions with a yardstick, as `ab` makes it of entries in two modes."""

import random
from collections.abc import Mapping, Sequence

import msgspec
from compared_runs import make_small_run, scaled, with_yardstick
from factories import with_measurements
from synthetic import change, make_run

from cspbench.plan.case import Case
from cspbench.records.lines import Latency
from cspbench.records.measurements import Equivalence, UnsharedWeights
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


def make_changed_run(
    labels: Sequence[str],
    *,
    slower: Mapping[int, float] | None = None,
    grown: Mapping[int, Mapping[str, float]] | None = None,
    spread: float = 0.002,
) -> Run:
    """A run of two revisions: entries in two modes, some of whose records changed by factors.

    ``slower`` are factors of latency by index of the record, ``grown`` those of exact figures by
    name; launches differ by ``spread``.
    """
    chance = random.Random(1)
    before = with_yardstick(make_run(labels, noise=0.002))
    after = before
    for index, record in enumerate(before.records):
        factor = (slower or {}).get(index, 1.0)
        latencies = tuple(
            scaled(line, factor * (1 + chance.gauss(0, spread))) for line in record.latencies
        )
        after = change(after, index, latencies=latencies)
        factors = (grown or {}).get(index, {})
        for measurement in record.measurements.values():
            figures = {
                name: round(getattr(measurement, name) * factors[name])
                for name in factors
                if name in type(measurement).exact
            }
            after = change(after, index, msgspec.structs.replace(measurement, **figures))
    return make_ab_run(before, after)


def with_outputs(run: Run, index: int, **fields: object) -> Run:
    """The run with outputs of the candidate of case ``index``: equal unless ``fields`` say more."""
    values: dict[str, object] = {
        "case": run.records[2 * index + 1].case.key,
        "is_equal": True,
        "distance": 0.0,
        "rtol": 1.3e-6,
        "atol": 1e-5,
        "weights": "shared",
    }
    return change(run, 2 * index + 1, Equivalence(**{**values, **fields}))  # type: ignore[arg-type]


UNSHARED = UnsharedWeights(differ_in=("shape",), detail="conv.weight: 32x64x1x1 and 48x64x1x1")
