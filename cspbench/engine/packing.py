"""Packing of cases into groups that fit into memory together, one launch each."""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from ..plan.case import Case
from ..records.run import Record


class MemoryRoom:
    """The bytes that a launch may take on each device: the budget, less after memory ran out."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._reduced: dict[str, int] = {}

    def of(self, device: str) -> int:
        """The bytes that a launch may take on ``device``."""
        return self._reduced.get(device, self._budget_bytes)

    def reduce(self, device: str, tried_bytes: int) -> None:
        """Limit launches on ``device`` to half of ``tried_bytes``, for which memory ran out."""
        self._reduced[device] = min(self.of(device), tried_bytes // 2)


def pack(
    records: Iterable[Record],
    keys: AbstractSet[str],
    room: Callable[[str], int],
    *,
    keeps_peaks: bool = False,
    apart: AbstractSet[str] = frozenset(),
) -> list[tuple[Case, ...]]:
    """Groups of the cases named by ``keys`` that fit into memory, each case with its reference.

    ``room`` gives the bytes that a group may take on a device; for ``keeps_peaks`` see
    `launch_bytes`. Cases on different devices, or that need different backend flags, never share a
    group. A case that does not fit alone has a group of its own. One whose need is not known, of
    which something runs on between its calls, or that is named by ``apart``, is alone with its
    reference.
    """
    by_key = {record.case.key: record for record in records}
    groups: list[_Group] = []
    for record in by_key.values():
        case = record.case
        if case.key not in keys:
            continue
        pair = [by_key[key] for key in (case.reference, case.key) if key in by_key]
        for group in groups:
            if case.key in apart or not group.is_open:
                continue
            if group.is_open_to(record) and group.bytes_with(pair) <= room(case.device):
                break
        else:
            group = _Group(keeps_peaks=keeps_peaks, is_open=case.key not in apart)
            groups.append(group)
        group.add(pair)
    return [group.cases for group in groups]


def launch_bytes(records: Iterable[Record], *, keeps_peaks: bool) -> int:
    """The bytes that a launch of these cases should take.

    The sum of what each case keeps between calls, plus the largest need of one during a call. With
    ``keeps_peaks``, as for captured graphs, all cases keep what they need during a call.
    """
    group = _Group(keeps_peaks=keeps_peaks)
    return group.bytes_with(records)


class _Group:
    """The cases of one launch and the bytes that they take."""

    def __init__(self, *, keeps_peaks: bool, is_open: bool = True) -> None:
        self.is_open = is_open
        self._keeps_peaks = keeps_peaks
        self._records: dict[str, Record] = {}
        self._kept_bytes = 0
        self._call_bytes = 0

    @property
    def cases(self) -> tuple[Case, ...]:
        return tuple(record.case for record in self._records.values())

    def is_open_to(self, record: Record) -> bool:
        """Whether device and backend flags are those of the case, and all can share a launch."""
        first, case = next(iter(self._records.values())).case, record.case
        can_share = all(map(_can_share, (*self._records.values(), record)))
        return can_share and (first.device, first.precision) == (case.device, case.precision)

    def bytes_with(self, records: Iterable[Record]) -> int:
        """The bytes that the group takes with ``records`` added."""
        return sum(self._bytes_with(records))

    def add(self, records: Iterable[Record]) -> None:
        records = list(records)
        self._kept_bytes, self._call_bytes = self._bytes_with(records)
        self._records |= {record.case.key: record for record in records}

    def _bytes_with(self, records: Iterable[Record]) -> tuple[int, int]:
        """The bytes kept between calls, and those needed in addition during calls."""
        kept_bytes, call_bytes = self._kept_bytes, self._call_bytes
        for key, record in {record.case.key: record for record in records}.items():
            if key in self._records:
                continue
            case_kept_bytes, case_bytes = _need(record)
            kept_bytes += case_kept_bytes
            call_bytes = (
                call_bytes + case_bytes if self._keeps_peaks else max(call_bytes, case_bytes)
            )
        return kept_bytes, call_bytes


def _can_share(record: Record) -> bool:
    has_known_need = record.tensor_peak is not None or record.allocated is not None
    # Threads of torch's compilers wait for code to compile, those of runtimes for the next call.
    return has_known_need and not (record.lingers and record.case.form in {"eager", "fused"})


def _need(record: Record) -> tuple[int, int]:
    """The bytes that a case keeps between calls, and those that it needs in addition during one.

    Without its tensor peak, as if it kept the peak on real tensors; 0 if that is not known either.
    """
    peak, allocated = record.tensor_peak, record.allocated
    if peak is not None:
        kept_bytes = peak.baseline_bytes + peak.split.weights  # of gradients
        return kept_bytes, peak.peak_tensor_bytes - peak.baseline_bytes
    return (allocated.peak_tensor_bytes if allocated is not None else 0), 0
