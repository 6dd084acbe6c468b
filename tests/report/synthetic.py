"""Runs made up for the report's tests: plausible numbers, seeded noise, no device."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from factories import by_stage, lines_of, with_measurements

from cspbench import report
from cspbench.plan.case import Case, Mode
from cspbench.records.folder import RunFolder
from cspbench.records.layers import Disagreement, Layer, Uncounted
from cspbench.records.lines import Latency, Launch
from cspbench.records.machine import Activity, Environment, Git
from cspbench.records.measurements import (
    Allocated,
    AnyMeasurement,
    Counts,
    Resident,
)
from cspbench.records.run import SCHEMA, Record, Run, RunInfo, Settings
from cspbench.records.tensor_peak import Split, TensorPeak

FIGURE_3 = (
    "dense",
    "csp",
    "csp_fusion_first",
    "csp_fusion_last",
    "csp_split_only",
    "csp_both_transitions",
)
BOTH: tuple[Mode, ...] = ("infer", "train")


def make_run(
    labels: Sequence[str] = FIGURE_3,
    *,
    modes: Sequence[Mode] = BOTH,
    launches: int = 6,
    turns: int = 10,
    launches_asked: int | None = None,
    reference: str | None = "dense",
    noise: float = 0.01,
    arguments: Mapping[str, Mapping[str, float]] | None = None,
) -> Run:
    """A whole run: entry i costs 1 / (1 + i / 10) of the first; training costs three times more.

    ``arguments`` are those of the entries by their labels.
    """
    draw = random.Random(0)
    shifts = [draw.gauss(1.0, noise) for _ in range(launches)]
    keys = {
        (label, mode): f"{label} 1x64x56x56 cpu fp32 {mode}" for label in labels for mode in modes
    }
    records = []
    for index, label in enumerate(labels):
        for mode in modes:
            case = Case(
                key=keys[label, mode],
                label=label,
                entry=label.split(" ")[0],
                build=".blocks.csp:CSP",
                arguments=dict((arguments or {}).get(label, {})),
                input_shape=(1, 64, 56, 56),
                device="cpu",
                precision="fp32",
                channels_last=False,
                input_gradient=True,
                mode=mode,
                reference=keys.get((reference, mode)) if reference else None,
            )
            share = 1 / (1 + index / 10)
            seconds = 0.020 * share * (3 if mode == "train" else 1)
            records.append(
                Record(
                    case=case,
                    measurements=by_stage(
                        make_counts(case, share),
                        make_peak(case, share),
                        Allocated(
                            case=case.key,
                            peak_tensor_bytes=make_peak(case, share).peak_tensor_bytes,
                            peak_alloc_bytes=round(
                                9_000_000 * share * (3 if mode == "train" else 1)
                            ),
                        ),
                        Resident(
                            case=case.key,
                            peak_rss_bytes=round(
                                11_000_000 * share * (3 if mode == "train" else 1)
                            ),
                        ),
                    ),
                    latencies=tuple(
                        Latency(
                            case=case.key,
                            launch=launch,
                            samples_s=tuple(
                                seconds * shifts[launch] * abs(draw.gauss(1.0, noise))
                                for _ in range(turns)
                            ),
                            iterations=1,
                            first_call_s=seconds * 4,
                            warmup_iterations=12,
                            steady=True,
                        )
                        for launch in range(launches)
                    ),
                )
            )
    return Run(
        info=make_info(
            [record.case for record in records], launches=launches_asked or launches, turns=turns
        ),
        records=tuple(records),
        launches=tuple(
            Launch(
                launch=launch,
                cases=tuple(keys.values()),
                seed=launch,
                threads=2,
                allocator="pinned",
                activity=Activity(
                    threads=2,
                    wall_s=10.0,
                    cpu_s=19.0,
                    others_s=0.5,
                    steal_s=0.0,
                    load_before=0.25 + launch / 10,
                    load_after=1.5,
                    mhz_before=2000.0,
                    mhz_after=2000.0,
                ),
                seconds=12.0,
            )
            for launch in range(launches)
        ),
        yardstick=(),
    )


def make_large_run(entries: int = 500, *, launches: int = 6, turns: int = 10) -> Run:
    """A run of many entries in two modes: ``dense``, the reference, and a sweep of one CSP block.

    500 entries are 1,000 cases.
    """
    arguments = {
        f"csp gamma={gamma} layers={layers}": {"gamma": gamma, "layers": layers}
        for layers in range(1, 2 + entries // 19)
        for gamma in (round(0.05 * step, 2) for step in range(1, 20))
    }
    labels = ["dense", *list(arguments)[: entries - 1]]
    return make_run(labels, launches=launches, turns=turns, arguments=arguments)


def write_folder(run: Run, path: Path) -> None:
    """Writes ``run`` into a new run folder."""
    with RunFolder.create(path, run.info) as folder:
        folder.append(lines_of(run))


def make_counts(case: Case, share: float = 1.0) -> Counts:
    """Counts of one Conv2d 64 -> 128, 3x3, on 56x56 and its BatchNorm, scaled by ``share``."""
    macs = round(64 * 128 * 9 * 56 * 56 * share)
    params = round(64 * 128 * 9 * share)
    return Counts(
        case=case.key,
        params=params + 256,
        weights=params,
        macs=macs,
        thop_macs=macs + 802_816,
        flops=2 * macs,
        backward_flops=4 * macs if case.mode == "train" else None,
        activations=401_408,
        cio=602_112,
        uncounted=(
            Uncounted(counter="thop", name="SiLU", calls=1, reason="thop counts 0 for this module"),
        ),
        disagreements=(
            Disagreement(
                path="bn",
                type="BatchNorm2d",
                thop_macs=802_816,
                torch_macs=0,
                explanation="thop adds 2 operations an element for BatchNorm",
            ),
        ),
        layers=(
            Layer(path="", type="Block", output_shape=(1, 128, 56, 56), params=0, macs=0, calls=1),
            Layer(
                path="conv",
                type="Conv2d",
                output_shape=(1, 128, 56, 56),
                params=params,
                macs=macs,
                calls=1,
            ),
            Layer(
                path="bn",
                type="BatchNorm2d",
                output_shape=(1, 128, 56, 56),
                params=256,
                macs=0,
                calls=1,
            ),
            Layer(path="spare", type="Identity", output_shape=None, params=0, macs=0, calls=0),
        ),
    )


def make_peak(case: Case, share: float = 1.0) -> TensorPeak:
    """A tensor peak whose split adds up."""
    training = case.mode == "train"
    weights = round(300_000 * share)
    split = Split(
        weights=weights,
        buffers=1_024,
        inputs=802_816,
        activations=round(4_000_000 * share) * (2 if training else 1),
        gradients=weights if training else 0,
        optimizer_state=weights if training else 0,
        other=0,
    )
    return TensorPeak(
        case=case.key,
        peak_tensor_bytes=split.total,
        baseline_bytes=weights + 1_024 + 802_816 + (weights if training else 0),
        split=split,
        operator="aten.convolution_backward" if training else "aten.convolution",
        module="conv",
    )


def make_info(cases: Sequence[Case], *, launches: int = 6, turns: int = 10) -> RunInfo:
    """What was asked for and on what it ran."""
    return RunInfo(
        schema=SCHEMA,
        version="0.1.0",
        command="python -m cspbench run blocks --threads 2",
        suite="blocks",
        description="the dense block and its CSP designs",
        cases=tuple(cases),
        settings=Settings(
            device="cpu",
            threads=2,
            launches=launches,
            turns=turns,
            min_time_s=0.001,
            time_limit_s=600.0,
            allocator="pinned",
            seed=0,
            memory_budget_bytes=1 << 33,
        ),
        environment=Environment(
            device="Imaginary Xeon 8000",
            system="Linux 6.1",
            python="3.11.9",
            packages={"torch": "2.13.0", "thop": "0.1.1"},
            thop_distribution="thop",
            physical_cores=2,
            logical_cores=4,
            affinity=(0, 1),
            memory_bytes=8 << 30,
            governor="performance",
            hypervisor=False,
        ),
        git=Git(commit="0123456789abcdef0123456789abcdef01234567", dirty=True),
        source="0",
        yardstick="sha256:0",
        started="2026-01-02T03:04:05Z",
    )


def change(run: Run, index: int, *measurements: AnyMeasurement, **fields: object) -> Run:
    """The run with some measurements and fields of one record replaced."""
    records = list(run.records)
    records[index] = with_measurements(records[index], *measurements, **fields)
    return msgspec.structs.replace(run, records=tuple(records))


def change_case(run: Run, index: int, **fields: object) -> Run:
    """The run with some fields of one case replaced."""
    return change(run, index, case=msgspec.structs.replace(run.records[index].case, **fields))


def report_text(run: Run, columns: Sequence[str] | None = None) -> str:
    """``report.txt`` of ``run``."""
    return report.text(report.derive(run), columns)


def render_report(run: Run, form: str) -> str:
    """The report of ``run`` in one form."""
    return report.render(report.derive(run), form)


def write_report(run: Run, folder: Path) -> list[Path]:
    """Write the report of ``run`` into ``folder``."""
    return report.write(report.derive(run), folder)
