"""Values that several tests start from."""

import msgspec

from cspbench.plan.case import Case, Mode
from cspbench.records.base import Failure
from cspbench.records.ceilings import Bandwidth, Ceilings, Peak
from cspbench.records.lines import BlockTraining, Latency, Launch, Line
from cspbench.records.machine import (
    Activity,
    AvailableGpu,
    Environment,
    GpuActivity,
    GpuDescription,
    GpuFlags,
    GpuState,
    NoiseFloor,
)
from cspbench.records.measurements import AnyMeasurement, Energy, EnergyWindow
from cspbench.records.module_times import ModuleTime, ModuleTimes
from cspbench.records.run import SCHEMA, Record, Run, RunInfo, Settings

WITH_ATTENTION = frozenset({"c3tr", "c3ah", "psa", "c2psa", "c2fpsa", "a2c2f"})
"""The blocks of the catalogue with attention among positions, at their default arguments."""

SETTINGS = Settings(
    device="cpu",
    threads=1,
    launches=1,
    turns=2,
    min_time_s=1e-4,
    time_limit_s=60.0,
    allocator="pinned",
    seed=0,
    memory_budget_bytes=1 << 30,
)

CEILINGS = Ceilings(
    machine="here",
    device="cpu",
    threads=1,
    torch="2.13.0",
    peaks={
        "fp32": Peak(
            product_flops=(100e9, 95e9),
            convolution_flops=(72e9, 80e9),
            product="1024 x 1024",
            convolution="1x1",
        ),
        "bf16": Peak(
            product_flops=(400e9, 400e9),
            convolution_flops=(300e9, 300e9),
            product="1024 x 1024",
            convolution="1x1",
        ),
    },
    bandwidths=(
        Bandwidth(
            level="L2",
            capacity_bytes=1 << 20,
            array_bytes=1 << 18,
            copy_bytes=(80e9, 76e9),
            triad_bytes=(100e9, 98e9),
            sum_bytes=(90e9, 90e9),
        ),
        Bandwidth(
            level="memory",
            capacity_bytes=None,
            array_bytes=1 << 28,
            copy_bytes=(8e9, 8e9),
            triad_bytes=(10e9, 10e9),
            sum_bytes=(9e9, 9e9),
        ),
    ),
    measured="2026-01-01T00:00:00+00:00",
)
"""A peak of 100 GFLOP/s in single precision, 100 GB/s in a cache of 1 MiB, and 10 GB/s beyond."""


def make_case(build: str, *, mode: Mode = "infer", reference: str | None = None) -> Case:
    """A case of a module in `misbehaving_models`, on an input of 1x4x8x8."""
    return Case(
        key=f"{build} {mode}",
        label=build,
        entry=build,
        build=f"misbehaving_models:{build}",
        arguments={},
        input_shape=(1, 4, 8, 8),
        device="cpu",
        precision="fp32",
        channels_last=False,
        mode=mode,
        input_gradient=True,
        reference=reference,
    )


def by_stage(*measurements: AnyMeasurement) -> dict[str, AnyMeasurement]:
    """Measurements as a record holds them."""
    return {measurement.stage: measurement for measurement in measurements}


def with_measurements(record: Record, *measurements: AnyMeasurement, **fields: object) -> Record:
    """``record`` with some measurements and fields replaced."""
    if measurements:
        fields["measurements"] = {**record.measurements, **by_stage(*measurements)}
    return msgspec.structs.replace(record, **fields)


def make_info(*cases: Case, settings: Settings = SETTINGS, **changes: object) -> RunInfo:
    """What a run of ``cases`` would say of itself on a machine that does not exist."""
    info = RunInfo(
        schema=SCHEMA,
        version="0",
        command="python -m cspbench run test",
        suite="test",
        description="for tests",
        cases=cases,
        settings=settings,
        environment=Environment(
            device="a processor",
            system="Linux",
            python="3.11",
            packages={"torch": "2.13.0"},
            thop_distribution="thop",
            physical_cores=2,
            logical_cores=2,
            affinity=(0, 1),
            memory_bytes=1 << 34,
            governor=Failure(reason="not readable"),
            hypervisor=True,
        ),
        git=None,
        source="0",
        yardstick="0",
        started="2026-01-01T00:00:00+00:00",
    )
    return msgspec.structs.replace(info, **changes)


def make_latency(case: Case, launch: int, *samples_s: float) -> Latency:
    """Samples of one case in one launch; two of 1 and 2 ms where none are given."""
    return Latency(
        case=case.key,
        launch=launch,
        samples_s=samples_s or (1e-3, 2e-3),
        iterations=1,
        first_call_s=1e-2,
        warmup_iterations=8,
        steady=True,
    )


def make_launch(launch: int, *cases: Case, taken: float = 0.0) -> Launch:
    """The closing line of a launch of ``cases``; others took the share ``taken`` of the core."""
    return Launch(
        launch=launch,
        cases=tuple(case.key for case in cases),
        seed=1,
        threads=1,
        allocator="pinned",
        activity=make_activity(taken),
        seconds=1.0,
    )


def make_activity(taken: float = 0.0, *, threads: int = 1) -> Activity:
    """A second on one core, of which others took the share ``taken``."""
    return Activity(
        threads=threads,
        wall_s=1.0,
        cpu_s=threads * (1.0 - taken),
        others_s=threads * taken,
        steal_s=0.0,
        load_before=0.0,
        load_after=0.0,
        mhz_before=2000.0,
        mhz_after=2000.0,
    )


def make_times(
    case: Case, number: int, /, other_s: float = 0.0, **self_s: float | tuple[float, float]
) -> ModuleTimes:
    """Profile ``number`` of ``case``, in which each module ran once for so many seconds.

    A pair holds the seconds of forward and backward. The module ``model`` is the whole model.
    """
    modules = []
    for name, seconds in self_s.items():
        forward_s, backward_s = seconds if isinstance(seconds, tuple) else (seconds, 0.0)
        path = "" if name == "model" else name.replace("__", ".")
        modules.append(ModuleTime(path=path, calls=1, forward_s=forward_s, backward_s=backward_s))
    total_s = sum(module.self_s for module in modules) + other_s
    return ModuleTimes(
        case=case.key,
        number=number,
        passes=5,
        latency_s=total_s,
        profiled_s=1.25 * total_s,
        observing_s=0.25 * total_s,
        modules=tuple(modules),
        other_s=other_s,
        operators_s=total_s / 2,
    )


def make_floor(spread: float) -> NoiseFloor:
    """A noise floor that holds for `SETTINGS` on the machine called here."""
    return NoiseFloor(
        machine="here",
        device="cpu",
        threads=1,
        allocator="pinned",
        launches=6,
        turns=10,
        in_turns={"infer": spread, "train": spread},
        between_runs={"infer": spread, "train": spread},
        measured="2026-01-01T00:00:00+00:00",
    )


def make_gpu(name: str = "a GPU", state: GpuState | None = None) -> AvailableGpu:
    """A GPU with 80 GB of memory and 50 MB of L2, of which all is free; idle unless told."""
    return AvailableGpu(
        description=GpuDescription(
            name=name,
            driver="570.1",
            cuda="12.8",
            cudnn="91002",
            memory_bytes=80_000_000_000,
            l2_bytes=50_000_000,
        ),
        state=state or make_gpu_state(),
        free_bytes=80_000_000_000,
    )


def make_energy(
    case: str, *window_j: float | Failure, power: float | Failure = 1.1, **fields: object
) -> Energy:
    """Windows of 2 s and 1,000 calls that take so much by the counter, and ``power`` times it.

    Without calls, the device takes 80 W.
    """

    def window(counter_j: float | Failure) -> EnergyWindow:
        power_j = power
        if not isinstance(power, Failure):
            power_j = power * (400.0 if isinstance(counter_j, Failure) else counter_j)
        return EnergyWindow(calls=1000, seconds=2.0, counter_j=counter_j, power_j=power_j)

    idle = EnergyWindow(calls=0, seconds=1.0, counter_j=80.0, power_j=80.0)
    energy = Energy(
        case=case,
        windows=tuple(map(window, window_j)),
        idle=idle,
        power_sensor="instant",
        counter_period_s=0.1,
        power_period_s=0.1,
        others=0,
    )
    return msgspec.structs.replace(energy, **fields)


def make_gpu_state(*, limits: tuple[str, ...] = (), others: int = 0) -> GpuState:
    """One reading of a GPU that is alone and held back by nothing."""
    return GpuState(
        sm_mhz=1980.0,
        memory_mhz=2619.0,
        celsius=41.0,
        watts=Failure(reason="NVML says: Not Supported"),
        limits=limits,
        others=others,
    )


def make_gpu_activity(*, limits: tuple[str, ...] = (), others: int = 0) -> GpuActivity:
    """What was seen of it around a launch."""
    return GpuActivity(
        device="cuda",
        before=make_gpu_state(),
        after=make_gpu_state(limits=limits, others=others),
        limits=limits,
        empty_region_s=2e-6,
        flags=GpuFlags(
            matmul_tf32=False, cudnn_tf32=False, cudnn_benchmark=False, deterministic=False
        ),
    )


def lines_of(run: Run) -> list[Line]:
    """The lines that make up ``run``."""
    lines: list[Line] = []
    for record in run.records:
        key = record.case.key
        lines += [*record.measurements.values(), *record.latencies, *record.failures]
        lines += [BlockTraining(case=key, training=training) for training in record.trainings]
        lines += record.module_times
    return [*lines, *run.yardstick, *run.launches]
