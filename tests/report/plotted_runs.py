"""Runs whose plots are hard to lay out: many entries, other inputs, long names, sweeps."""

from collections.abc import Callable, Sequence

import msgspec
from factories import make_energy, make_gpu_activity
from rendered import HOSTILE
from synthetic import BOTH, change, change_case, make_run
from trained_runs import DENSE, make_trained_run

from cspbench.plan.case import Accuracy, Form, Mode
from cspbench.records.lines import CaseFailure
from cspbench.records.run import Run

LONG = "a_long_name_of_a_package." * 4


def with_inputs(run: Run, *shapes: tuple[int, ...]) -> Run:
    """The run with its entries dealt out over ``shapes``, in turn."""
    places = {record.case.label: index for index, record in enumerate(run.records)}
    order = sorted(places, key=places.__getitem__)
    for index, record in enumerate(run.records):
        shape = shapes[order.index(record.case.label) % len(shapes)]
        text = "x".join(map(str, shape))
        key = record.case.key.replace("1x64x56x56", text)
        reference = (record.case.reference or "").replace("1x64x56x56", text)
        run = change_case(run, index, input_shape=shape, key=key, reference=reference or None)
        case = run.records[index].case
        run = change(
            run,
            index,
            *(
                msgspec.structs.replace(each, case=case.key)
                for each in record.measurements.values()
            ),
            latencies=tuple(
                msgspec.structs.replace(line, case=case.key) for line in record.latencies
            ),
        )
    return run


def with_accuracies(run: Run) -> Run:
    """The run with a published top-1 accuracy of every entry."""
    for index in range(len(run.records)):
        accuracy = Accuracy(top1=75.0 + index / 10, img_size=56, source="a paper")
        run = change_case(run, index, accuracy=accuracy)
    return run


def with_failures(run: Run, *indices: int) -> Run:
    """The run with some cases that failed and have nothing but their failure."""
    for index in indices:
        failure = CaseFailure(
            case=run.records[index].case.key,
            stage="counts",
            cause="raised",
            reason="ValueError: no",
        )
        run = change(run, index, measurements={}, latencies=(), failures=(failure,))
    return run


def with_contended(run: Run, *numbers: int) -> Run:
    """The run with some launches in which other processes took half of the processor time."""
    launches = tuple(
        msgspec.structs.replace(
            launch,
            activity=msgspec.structs.replace(launch.activity, cpu_s=10.0, others_s=10.0),
        )
        if launch.launch in numbers
        else launch
        for launch in run.launches
    )
    return msgspec.structs.replace(run, launches=launches)


def with_throttled(run: Run, number: int) -> Run:
    """The run with one launch during which heat held the clocks of a GPU down."""
    launches = tuple(
        msgspec.structs.replace(launch, gpu=make_gpu_activity(limits=("heat",)))
        if launch.launch == number
        else launch
        for launch in run.launches
    )
    return msgspec.structs.replace(run, launches=launches)


def with_energies(run: Run) -> Run:
    """The run with an energy of every case."""
    for index, record in enumerate(run.records):
        around = 100.0 + 10 * index
        run = change(run, index, make_energy(record.case.key, around - 2, around, around + 2))
    return run


def named(count: int) -> list[str]:
    """The names of ``count`` entries."""
    return [f"entry_{index}" for index in range(count)]


def sweep_of(
    entries: Sequence[str], *, modes: Sequence[Mode] = ("infer",), **values: Sequence[float]
) -> Run:
    """A run of ``entries`` with every combination of the arguments' values, after a reference."""
    grid: list[dict[str, float]] = [{}]
    for name, numbers in values.items():
        grid = [{**point, name: number} for point in grid for number in numbers]
    arguments = {
        " ".join([entry, *(f"{key}={value}" for key, value in point.items())]): point
        for entry in entries
        for point in grid
    }
    return make_run(["dense", *arguments], modes=modes, launches=3, turns=3, arguments=arguments)


def batches_of(entries: Sequence[str], *batches: int) -> Run:
    """A run of ``entries`` with inputs of several batch sizes; the time grows with them."""
    labels = [f"{entry} {batch}x64x56x56" for entry in entries for batch in batches]
    run = make_run(labels, modes=("infer",), launches=3, turns=3, reference=None)
    run = with_inputs(run, *((batch, 64, 56, 56) for batch in batches))
    for index, record in enumerate(run.records):
        batch = record.case.input_shape[0]
        slower = tuple(
            msgspec.structs.replace(
                line, samples_s=tuple(batch * sample for sample in line.samples_s)
            )
            for line in record.latencies
        )
        run = change(run, index, latencies=slower)
    return run


def spread_over(run: Run, factor: float) -> Run:
    """The run with latencies from the first to the last case ``factor`` times apart, and peaks."""
    for index, record in enumerate(run.records):
        slower = factor ** (index / (len(run.records) - 1))
        latencies = tuple(
            msgspec.structs.replace(
                line, samples_s=tuple(slower * sample for sample in line.samples_s)
            )
            for line in record.latencies
        )
        peak = record.tensor_peak
        assert peak is not None
        larger = msgspec.structs.replace(
            peak, peak_tensor_bytes=round(peak.peak_tensor_bytes * slower)
        )
        run = change(run, index, larger, latencies=latencies)
    return run


def forms_of(entries: Sequence[str], *forms: Form) -> Run:
    """A run of ``entries`` as written and in other forms, which are compared with the first."""
    labels = [f"{entry} {form}" for form in ("eager", *forms) for entry in entries]
    run = make_run(labels, modes=("infer",), launches=3, turns=3, reference=None)
    first = {record.case.entry: record.case.key for record in run.records[: len(entries)]}
    for index, record in enumerate(run.records):
        form = ("eager", *forms)[index // len(entries)]
        reference = first[entries[0]] if form == "eager" else first[record.case.entry]
        run = change_case(run, index, form=form, reference=reference)
    return run


SHAPES = ((1, 64, 56, 56), (1, 128, 32, 32))
GAMMAS = [round(0.05 * step, 2) for step in range(1, 20)]

RUNS: dict[str, Callable[[], Run]] = {
    "one entry": lambda: with_energies(with_accuracies(make_run(named(1), reference=None))),
    "one mode": lambda: with_accuracies(make_run(named(2), modes=("train",))),
    "eleven entries": lambda: with_energies(make_run(named(11), launches=2)),
    "thirty entries": lambda: make_run(named(30), launches=2, turns=2),
    "two inputs": lambda: with_energies(with_inputs(make_run(named(6)), *SHAPES)),
    "eight inputs": lambda: with_inputs(
        make_run(named(8), modes=("infer",), launches=2), *((n, 3, 8, 8) for n in range(1, 9))
    ),
    "failed cases": lambda: with_failures(make_run(named(4)), 2, 3, 5),
    "contended launches": lambda: with_throttled(with_contended(make_run(named(4)), 1, 4), 2),
    "contended launches that count": lambda: with_contended(make_run(named(3)), 0, 1, 2, 3),
    "long names": lambda: with_accuracies(
        make_run([f"{LONG}{index} gamma=0.{index}" for index in range(6)], launches=2)
    ),
    "hostile names": lambda: with_accuracies(
        make_run([f"{HOSTILE}{index}" for index in range(4)], launches=2)
    ),
    "times a thousandfold apart": lambda: spread_over(make_run(named(6)), 1000.0),
    "forms": lambda: forms_of(named(6), "fused", "onnxruntime", "openvino", "openvino:int8"),
    "a sweep of nineteen values": lambda: sweep_of(("csp", "c3"), modes=BOTH, gamma=GAMMAS),
    "a sweep of batch sizes": lambda: batches_of(("csp", "c3"), 1, 2, 4, 8, 16, 32, 64),
    "a sweep of two arguments": lambda: sweep_of(
        ("csp", "c3", "csp_fusion_first"), modes=BOTH, channels=[16, 32, 64], growth=[8, 16, 24]
    ),
    "a sweep of twelve entries": lambda: sweep_of(named(13)[1:], gamma=[0.25, 0.5, 0.75]),
    "trained blocks": lambda: make_trained_run(
        {"dense": DENSE, **{entry: [0.3, 0.29, 0.31, 0.32] for entry in named(11)}}
    ),
}
"""By what is hard about them."""
