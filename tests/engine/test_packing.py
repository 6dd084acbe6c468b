"""How cases are packed into launches: what fits into memory together, beside its reference."""

from collections.abc import Sequence

import msgspec
from factories import by_stage, make_case
from synthetic import make_peak

from cspbench.engine.packing import MemoryRoom, launch_bytes, pack
from cspbench.plan.case import Case
from cspbench.records.measurements import Allocated
from cspbench.records.run import Record


def make_record(
    name: str, *, baseline: int, peak: int, reference: str | None = None, device: str = "cpu"
) -> Record:
    """A case without weights that keeps ``baseline`` bytes and takes ``peak`` in a call."""
    case = msgspec.structs.replace(make_case(name), reference=reference, device=device)
    tensor_peak = make_peak(case)
    tensor_peak = msgspec.structs.replace(
        tensor_peak,
        peak_tensor_bytes=peak,
        baseline_bytes=baseline,
        split=msgspec.structs.replace(tensor_peak.split, weights=0),
    )
    return Record(case=case, measurements=by_stage(tensor_peak))


def pack_all(
    records: Sequence[Record], room: int, *, keeps_peaks: bool = False
) -> list[tuple[str, ...]]:
    """The entries of each group of all ``records``."""
    keys = {record.case.key for record in records}
    return entries(pack(records, keys, lambda _: room, keeps_peaks=keeps_peaks))


def entries(groups: Sequence[Sequence[Case]]) -> list[tuple[str, ...]]:
    return [tuple(case.entry for case in group) for group in groups]


def test_only_the_cases_asked_for_are_launched_and_their_references_with_them() -> None:
    """An undecided case is measured again beside its reference; the others rest."""
    records = [
        make_record("ref", baseline=10, peak=100),
        *(make_record(name, baseline=10, peak=100, reference="ref infer") for name in "ab"),
    ]
    assert entries(pack(records, {"b infer"}, lambda _: 1000)) == [("ref", "b")]


def test_a_group_takes_what_its_cases_keep_and_the_most_that_one_call_needs() -> None:
    """10 + 10 + 10 bytes and one call of 90 fit into 120; into 119 they do not."""
    records = [make_record(name, baseline=10, peak=100) for name in "abc"]
    assert pack_all(records, 120) == [("a", "b", "c")]
    assert pack_all(records, 119) == [("a", "b"), ("c",)]


def test_every_group_holds_its_cases_reference() -> None:
    """The reference is in each group, so that ratios are taken turn by turn."""
    records = [
        make_record("ref", baseline=10, peak=100),
        *(make_record(name, baseline=10, peak=100, reference="ref infer") for name in "abcd"),
    ]
    assert pack_all(records, 120) == [("ref", "a", "b"), ("ref", "c", "d")]


def test_a_case_larger_than_the_budget_has_a_group_of_its_own() -> None:
    """It is not dropped in silence; whether it may run at all is decided before."""
    records = [
        make_record("a", baseline=10, peak=20),
        make_record("b", baseline=500, peak=900),
    ]
    assert pack_all(records, 100) == [("a",), ("b",)]


def test_cases_of_different_precision_never_share_a_group() -> None:
    """A process has one set of backend flags."""
    first, second = (make_record(name, baseline=1, peak=2) for name in "ab")
    bf16 = msgspec.structs.replace(second.case, precision="bf16")
    records = [first, msgspec.structs.replace(second, case=bf16)]
    assert pack_all(records, 100) == [("a",), ("b",)]


def test_cases_on_two_devices_never_share_a_group_and_graphs_need_room_for_all_at_once() -> None:
    """Each keeps 10 bytes and needs 100 in a call: two are 120 together, with graphs 220."""
    records = [
        make_record(name, baseline=10, peak=110, device=device)
        for name, device in (("a", "cuda:0"), ("b", "cuda:1"), ("c", "cuda:0"))
    ]
    assert pack_all(records, 150) == [("a", "c"), ("b",)]
    assert pack_all(records, 150, keeps_peaks=True) == [("a",), ("b",), ("c",)]


def test_a_device_on_which_memory_ran_out_has_room_for_half_of_what_was_tried() -> None:
    """The other device keeps the whole budget."""
    records = [make_record(name, baseline=10, peak=110) for name in "ab"]
    assert launch_bytes(records, keeps_peaks=False) == 120
    room = MemoryRoom(1000)
    room.reduce("cuda:0", 120)
    assert (room.of("cuda:0"), room.of("cuda:1")) == (60, 1000)
    room.reduce("cuda:0", 500)
    assert room.of("cuda:0") == 60


def test_a_case_of_which_no_peak_is_known_is_launched_beside_its_reference_alone() -> None:
    """Nothing says that others would fit beside it; the peak on real tensors would."""
    unknown = Record(case=msgspec.structs.replace(make_case("b"), reference="a infer"))
    known = [make_record(name, baseline=10, peak=100) for name in "ac"]
    assert pack_all([known[0], unknown, known[1]], 1000) == [("a", "c"), ("a", "b")]
    allocated = Allocated(case="b infer", peak_tensor_bytes=60, peak_alloc_bytes=80)
    measured = msgspec.structs.replace(unknown, measurements=by_stage(allocated))
    assert pack_all([known[0], measured, known[1]], 1000) == [("a", "b", "c")]
    assert launch_bytes([measured], keeps_peaks=False) == 60


def test_a_case_of_which_a_thread_runs_on_shares_launches_with_its_reference_alone() -> None:
    """A reference that lingers does so beside each of its cases, one at a time."""
    records = [
        make_record("ref", baseline=1, peak=2),
        *(make_record(name, baseline=1, peak=2, reference="ref infer") for name in "abc"),
    ]
    lingering = msgspec.structs.replace(records[2], lingers=True)
    assert pack_all([*records[:2], lingering, records[3]], 100) == [("ref", "a", "c"), ("ref", "b")]
    compiled = msgspec.structs.replace(lingering.case, form="compiled")
    lingering = msgspec.structs.replace(lingering, case=compiled)
    assert pack_all([*records[:2], lingering], 100) == [("ref", "a", "b")]
    reference = msgspec.structs.replace(records[0], lingers=True)
    assert pack_all([reference, *records[1:3]], 100) == [("ref",), ("ref", "a"), ("ref", "b")]
