"""What is read off one record: numbers, words, and why there is neither."""

from collections.abc import Sequence

import msgspec
import pytest
from factories import by_stage, make_case, make_latency
from synthetic import make_counts, make_peak
from trained_runs import make_structure, make_training

from cspbench.plan.case import Accuracy
from cspbench.records.base import Failure
from cspbench.records.lines import CaseFailure, Latency
from cspbench.records.measurements import Allocated, GradientTerms
from cspbench.records.quantities import QUANTITIES
from cspbench.records.run import COSTS, Record
from cspbench.report.readings import Reading, case_readings, cuts_text, missing_reading
from cspbench.verdicts.launches import CaseLaunches
from cspbench.verdicts.stats import Estimate

CASE = make_case("Good")
GPU_CASE = msgspec.structs.replace(CASE, device="cuda:0", input_shape=(8, 4, 8, 8))
GRADIENTS = ("counts", "gradient_terms", "training")


def readings(
    record: Record, latencies: Sequence[Latency] = (), stages: Sequence[str] = COSTS
) -> dict[str, Reading]:
    return case_readings(record, CaseLaunches(count=tuple(latencies)), stages)


def failed(stage: str) -> Record:
    failure = CaseFailure(case=CASE.key, stage=stage, cause="timeout", reason="after 60 s")
    return Record(case=CASE, failures=(failure,))


def test_every_quantity_of_one_case_has_a_reading() -> None:
    """The ratio and the verdict on it need the reference entry, too, a roofline the run."""
    need_more = {"latency_ratio", "verdict", "detectable", "p", "permutation_p"}
    need_more |= {"intensity", "flops_per_s", "roof_share", "roof"}
    keys = {quantity.key for quantity in QUANTITIES}
    for record in (Record(case=CASE), Record(case=GPU_CASE)):
        assert set(readings(record)) == keys - need_more
        assert set(readings(record, [make_latency(CASE, 1)])) == keys - need_more


def test_measurements_are_read_by_the_quantitys_key() -> None:
    """Counts and bytes as they were recorded; a failure that stands in a field is its reading."""
    counts = msgspec.structs.replace(make_counts(CASE), thop_macs=Failure(reason="thop raised"))
    values = readings(Record(case=CASE, measurements=by_stage(counts, make_peak(CASE))))
    assert values["params"] == counts.params == 73_984
    assert values["peak_tensor_bytes"] == make_peak(CASE).peak_tensor_bytes
    assert values["thop_macs"] == Failure(reason="thop raised")
    assert values["backward_flops"] is None  # of an inference


@pytest.mark.parametrize(
    ("record", "stages", "expected"),
    [
        (Record(case=CASE), ("counts",), Failure(reason="not measured")),
        (Record(case=CASE), ("latency",), None),
        (failed("counts"), ("counts",), Failure(reason="failed: timeout")),
        (failed("counts"), ("latency",), None),
        (failed("tensor_peak"), ("counts",), Failure(reason="failed before")),
    ],
)
def test_a_reading_that_is_missing_has_a_reason_where_it_was_to_be_measured(
    record: Record, stages: tuple[str, ...], expected: Failure | None
) -> None:
    """What the run does not measure does not apply."""
    assert missing_reading(record, "counts", stages) == expected
    assert readings(record, stages=stages)["macs"] == expected


def test_what_only_a_gpu_or_a_compiled_module_has_does_not_apply_elsewhere() -> None:
    """Blank on a CPU, missing on a GPU."""
    missing = Failure(reason="not measured")
    compiled = msgspec.structs.replace(CASE, form="compiled")
    for case, reserved, compile_s in (
        (CASE, None, None),
        (GPU_CASE, missing, None),
        (compiled, None, missing),
    ):
        values = readings(Record(case=case))
        assert (values["peak_reserved_bytes"], values["compile_s"]) == (reserved, compile_s)
        assert values["peak_alloc_bytes"] == missing


def test_a_measured_field_that_is_none_does_not_apply() -> None:
    """On a CPU the allocator's record has no reserved bytes."""
    allocated = Allocated(case=CASE.key, peak_tensor_bytes=1, peak_alloc_bytes=2)
    values = readings(Record(case=CASE, measurements=by_stage(allocated)))
    assert (values["peak_alloc_bytes"], values["peak_reserved_bytes"]) == (2, None)


def test_the_published_accuracy_is_the_suites() -> None:
    """None where the suite states none."""
    accuracy = Accuracy(top1=77.2, img_size=224, source="a paper")
    stated = msgspec.structs.replace(CASE, accuracy=accuracy)
    assert readings(Record(case=stated))["top1"] == 77.2
    assert readings(Record(case=CASE))["top1"] is None


def test_latency_is_estimated_over_launches() -> None:
    """Medians of 2 and 8 ms: their geometric mean is 4 ms, and 8 images take 4 ms."""
    latencies = [make_latency(GPU_CASE, 1, 1e-3, 2e-3, 3e-3), make_latency(GPU_CASE, 2, 8e-3)]
    latencies[1] = msgspec.structs.replace(latencies[1], first_call_s=3e-2)
    values = readings(Record(case=GPU_CASE), latencies)
    latency = values["latency"]
    assert isinstance(latency, Estimate)
    assert latency.value == pytest.approx(4e-3)
    assert latency.launches == 2
    assert values["images_per_s"] == pytest.approx(8 / 4e-3)
    assert values["first_call"] == pytest.approx(2e-2)  # of 10 and 30 ms
    assert values["outliers"] == 0


def test_outliers_are_counted_within_their_launch() -> None:
    """One sample of ten stands far out, in one of two launches."""
    quiet = [1e-3 + index * 1e-6 for index in range(9)]
    latencies = [make_latency(CASE, 1, *quiet, 5e-3), make_latency(CASE, 2, *quiet, 1.01e-3)]
    assert readings(Record(case=CASE), latencies)["outliers"] == 1


def test_without_a_launch_that_counts_every_time_says_why() -> None:
    """The same reason for all of them; what only GPUs have does not apply."""
    values = readings(failed("latency"))
    reason = Failure(reason="failed: timeout")
    assert [values[key] for key in ("latency", "images_per_s", "first_call", "outliers")] == (
        [reason] * 4
    )
    assert values["host_latency"] is values["graph_latency"] is values["launch_overhead"] is None


def on_gpu(launch: int, **fields: object) -> Latency:
    return msgspec.structs.replace(make_latency(GPU_CASE, launch, 2e-3), **fields)


def test_on_a_gpu_the_hosts_clock_and_graphs_have_readings_of_their_own() -> None:
    """2 ms by events, 3 ms by the host, 1.5 ms as a graph: the graph saves a quarter."""
    latencies = [on_gpu(n, host_samples_s=(3e-3,), graph_samples_s=(1.5e-3,)) for n in (1, 2)]
    values = readings(Record(case=GPU_CASE), latencies)
    for key, seconds in (("latency", 2e-3), ("host_latency", 3e-3), ("graph_latency", 1.5e-3)):
        estimate = values[key]
        assert isinstance(estimate, Estimate)
        assert estimate.value == pytest.approx(seconds)
    assert values["launch_overhead"] == pytest.approx(0.25)


def test_a_graph_that_is_slower_saves_nothing() -> None:
    """No negative share."""
    values = readings(Record(case=GPU_CASE), [on_gpu(1, graph_samples_s=(2.5e-3,))])
    assert values["launch_overhead"] == 0.0


def test_a_refused_graph_is_the_reason_for_both_of_its_readings() -> None:
    """One launch of two is enough."""
    refusal = Failure(reason="no graph: it waits")
    latencies = [on_gpu(1, graph_samples_s=(1e-3,)), on_gpu(2, graph_samples_s=refusal)]
    values = readings(Record(case=GPU_CASE), latencies)
    assert values["graph_latency"] == values["launch_overhead"] == refusal
    assert isinstance(values["latency"], Estimate)


@pytest.mark.parametrize(
    ("shared", "unfollowed", "text"),
    [
        (False, False, "truncated"),
        (True, False, "shared"),
        (False, True, "truncated, not all followed"),
        (True, True, "shared"),
    ],
)
def test_the_flow_between_the_parts_of_one_cut(shared: bool, unfollowed: bool, text: str) -> None:
    """What is not followed could only hide that terms are shared."""
    structure = make_structure(shared=shared, unfollowed=unfollowed)
    assert cuts_text(structure) == text
    terms = GradientTerms(case=CASE.key, structure=structure, is_block=True)
    values = readings(Record(case=CASE, measurements=by_stage(terms)), stages=GRADIENTS)
    assert values["cuts"] == text
    assert values["shared_terms"] == structure.shared_terms == (2 if shared else 0)


def test_several_cuts_are_counted_and_without_one_no_term_can_be_shared() -> None:
    """Blank, not 0."""
    structure = make_structure()
    (split,) = structure.splits
    shared = make_structure(shared=True).splits[0]
    several = msgspec.structs.replace(structure, splits=(split, shared, split))
    assert cuts_text(several) == "2 of 3 truncated"
    uncut = msgspec.structs.replace(structure, splits=())
    terms = GradientTerms(case=CASE.key, structure=uncut, is_block=True)
    values = readings(Record(case=CASE, measurements=by_stage(terms)), stages=GRADIENTS)
    assert (values["cuts"], values["shared_terms"]) == ("no cut", None)


def test_trainings_are_estimated_over_seeds_at_their_start_and_end() -> None:
    """Similarities of 0.6 and 0.8 at the end, 0.2 and 0.2 at the start."""
    trainings = (make_training(0, 0.6), make_training(1, 0.8))
    values = readings(Record(case=CASE, trainings=trainings), stages=GRADIENTS)
    for key, mean in (("parts_cka", 0.7), ("parts_cka_start", 0.2), ("control_cka", 0.3)):
        estimate = values[key]
        assert isinstance(estimate, Estimate)
        assert estimate.value == pytest.approx(mean)
        assert estimate.launches == 2
    relative_rank = values["relative_rank"]
    assert isinstance(relative_rank, Estimate)
    assert relative_rank.value == pytest.approx(4.0 / 8)


def test_a_training_of_one_map_has_no_similarity_of_maps() -> None:
    """Its other figures stand."""
    training = make_training(0, 0.6)
    similarity = ((1.0,),)
    single = msgspec.structs.replace(
        training,
        maps=("input",),
        readings=tuple(
            msgspec.structs.replace(reading, cka=similarity, directions=similarity)
            for reading in training.readings
        ),
    )
    values = readings(Record(case=CASE, trainings=(single,)), stages=GRADIENTS)
    assert values["mean_cka"] == Failure(reason="one feature map makes no pair")
    assert isinstance(values["parts_cka"], Estimate)


@pytest.mark.parametrize(
    ("is_block", "reason"),
    [(True, "not measured"), (False, "it returns no feature map (N, C, H, W) to train on")],
)
def test_a_block_that_was_not_trained_says_why(is_block: bool, reason: str) -> None:
    """What returns no feature map cannot be trained at all."""
    terms = GradientTerms(case=CASE.key, structure=make_structure(), is_block=is_block)
    record = Record(case=CASE, measurements=by_stage(terms))
    assert readings(record, stages=GRADIENTS)["parts_cka"] == Failure(reason=reason)
    assert readings(record, stages=("gradient_terms",))["parts_cka"] is None
