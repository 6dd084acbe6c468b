"""Whole runs with something in every field, from which damaged ones are made."""

from collections.abc import Callable

import msgspec
from compared_runs import make_small_run
from factories import (
    make_energy,
    make_floor,
    make_gpu,
    make_gpu_activity,
    with_measurements,
)
from trained_runs import DENSE, make_trained_run

from cspbench.plan.case import Case
from cspbench.records.base import Failure
from cspbench.records.lines import CaseFailure, Latency
from cspbench.records.machine import Git
from cspbench.records.measurements import Equivalence, Graph
from cspbench.records.run import SIDES, Record, Run


def make_full_run() -> Run:
    """A run on a GPU with all measures, a noise floor, models of the user's, and a failure."""
    run = make_small_run()
    records = [_on_gpu(record) for record in run.records]
    last = records[-1]
    failure = CaseFailure(
        case=last.case.key, stage="allocated", cause="raised", reason="RuntimeError: no",
        detail="Traceback\n  line", requested_bytes=1 << 40, is_fatal=False,
    )  # fmt: skip
    records[-1] = msgspec.structs.replace(last, failures=(failure,))
    floor = msgspec.structs.replace(make_floor(0.004), device="cuda", threads=2)
    info = msgspec.structs.replace(
        run.info,
        cases=tuple(record.case for record in records),
        settings=msgspec.structs.replace(
            run.info.settings, device="cuda", budget_s=60.0, energy=True, cuda_graph=True
        ),
        environment=msgspec.structs.replace(
            run.info.environment, gpus=(make_gpu().description,), device="a GPU"
        ),
        noise_floor=floor,
        models={"models/net.py:Net": "sha256:0"},
        repositories={"models/net.py:Net": Git(commit="1" * 40, dirty=False)},
    )
    launches = tuple(
        msgspec.structs.replace(launch, gpu=make_gpu_activity(limits=("heat",)))
        for launch in run.launches
    )
    return msgspec.structs.replace(run, info=info, records=tuple(records), launches=launches)


def _on_gpu(record: Record) -> Record:
    """The record with all that a GPU adds."""
    case = msgspec.structs.replace(record.case, device="cuda")
    latencies = tuple(
        msgspec.structs.replace(
            line,
            host_samples_s=tuple(1.1 * seconds for seconds in line.samples_s),
            graph_samples_s=tuple(seconds / 2 for seconds in line.samples_s),
            issued_share=0.9,
            throttled=1,
        )
        for line in record.latencies
    )
    return with_measurements(
        record,
        make_energy(case.key, 400.0, Failure(reason="no counter")),
        Graph(case=case.key, graph_bytes=1 << 20),
        case=case,
        latencies=latencies,
        alters=("sets the number of threads",),
    )


def make_ab_run() -> Run:
    """A run of two revisions whose candidate is slower and computes something else."""
    run = make_small_run()
    record = run.records[0]
    sides = []
    for side in SIDES:
        key = f"{record.case.key} @ {side}"
        case: Case = msgspec.structs.replace(
            record.case,
            key=key,
            label=f"{record.case.label} @ {side}",
            side=side,
            reference=f"{record.case.key} @ baseline" if side == "candidate" else None,
        )
        measurements = {
            stage: msgspec.structs.replace(measurement, case=key)
            for stage, measurement in record.measurements.items()
        }
        if side == "candidate":
            measurements["equivalence"] = Equivalence(
                case=key, is_equal=False, distance=3.5, rtol=1e-4, atol=1e-5,
                weights="shared", reason="an output differs",
            )  # fmt: skip
        sides.append(Record(case=case, measurements=measurements, latencies=_of_case(record, key)))
    info = msgspec.structs.replace(
        run.info,
        cases=tuple(side.case for side in sides),
        revisions={"baseline": "0" * 40, "candidate": "1" * 40},
    )
    launches = tuple(
        msgspec.structs.replace(launch, cases=tuple(side.case.key for side in sides))
        for launch in run.launches
    )
    return msgspec.structs.replace(run, info=info, records=tuple(sides), launches=launches)


def _of_case(record: Record, key: str) -> tuple[Latency, ...]:
    return tuple(msgspec.structs.replace(line, case=key) for line in record.latencies)


RUNS: dict[str, Callable[[], Run]] = {
    "costs": make_small_run,
    "all fields": make_full_run,
    "two revisions": make_ab_run,
    "gradients": lambda: make_trained_run({"dense": DENSE, "csp": DENSE}),
}
