"""Live tensors over a call: what modules keep, need and save, and which of them to checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from ..choices import Depth
from ..plan.labels import plain
from ..records.layers import Layer
from ..records.memory_series import MemorySeries, ModuleMemory
from ..records.run import Record
from ..records.tensor_peak import Split
from ..units import bytes_text, count_text, mebibytes_text, percent_text
from ..verdicts.checkpoints import Checkpoint, Saved, candidates, macs_below
from . import module_table
from .layout import FILE, Layout
from .module_table import ModuleColumn
from .modules import ModuleRow, module_rows
from .quoting import Quote, verbatim
from .tables import Grid, Strip
from .words import MODE_TITLES, plural

_MOST_CHECKPOINTS = 5
_LEGEND = (
    "output: what arises in a module and its output holds; gone after: the number of operators "
    "after which that is freed; working: the most that is live beyond it while the module runs"
)
_SAVED_LEGEND = (
    "saved: for the backward pass, where it is saved first, without weights and the input of the "
    "model; shared: saved in other modules before; checkpoint frees: one around the module, after "
    "the forward pass, for so many MACs again"
)


def text(record: Record, layout: Layout = FILE, depth: Depth | None = None) -> str:
    """The memory of a call by module, and what to checkpoint; '' without any.

    ``depth`` is that of `module_rows`.
    """
    series = record.memory_series
    if series is None:
        return ""
    offered = offered_checkpoints(record)
    rows = module_rows(layers_of(record, series), depth)
    parts = [
        "\n".join(
            [
                layout.filled(_title(record, series)),
                module_table.text(rows, memory_columns(record, series), layout),
            ]
        ),
        layout.filled(_LEGEND, "  "),
        layout.filled(_SAVED_LEGEND, "  ") if series.saved else "",
        layout.filled(_after_forward(series)),
        layout.filled(checkpoint_sentence(record, offered)),
        _checkpoints(offered, layout),
    ]
    return "\n\n".join(part for part in parts if part)


def memory_columns(record: Record, series: MemorySeries) -> list[ModuleColumn]:
    """What each row's modules keep and need, and in training what they save and could free."""
    measured = {series.modules[row.module]: row for row in series.by_module}

    def figures(row: ModuleRow) -> list[ModuleMemory]:
        return [measured[layer.path] for layer in row.layers if layer.path in measured]

    columns = [
        _mebibytes("output\n[MiB]", lambda row: sum(item.output_bytes for item in figures(row))),
        ModuleColumn(header="gone\nafter", cell=lambda row: _gone_after(figures(row))),
        _mebibytes(
            "working\n[MiB]",
            lambda row: max((item.working_bytes for item in figures(row)), default=0),
        ),
    ]
    if series.saved is not None:
        columns += _saved_columns(Saved(series), macs_below(layers_of(record, series)))
    return columns


def course(series: MemorySeries, most: int) -> tuple[list[float], list[int]]:
    """The places of a plot's points, in operators that have ended, and their indices in the series.

    They are those of `MemorySeries.outline`. Several at one number, as where a phase begins, are
    the highest and, half an operator later, the last. The last of all ends after one operator, so
    that what the last operator leaves has a width, too.
    """
    totals, numbers = series.totals, series.numbers
    places: list[float] = []
    indices: list[int] = []
    for number, group in groupby(series.outline(most), key=numbers.__getitem__):
        at_number = list(group)
        highest, last = max(at_number, key=totals.__getitem__), at_number[-1]
        places.append(float(number))
        indices.append(highest)
        if last != highest:
            places.append(number + 0.5)
            indices.append(last)
    return [*places, numbers[-1] + 1.0], [*indices, indices[-1]]


def split_text(split: Split, like: int) -> str:
    """The kinds of which there are bytes, each with its size, in the unit of ``like`` bytes."""
    kinds = ((kind, getattr(split, kind)) for kind in Split.__struct_fields__)
    return ", ".join(
        f"{kind.replace('_', ' ')} {bytes_text(size, like)}" for kind, size in kinds if size
    )


def offered_checkpoints(record: Record) -> list[Checkpoint]:
    """The checkpoints of a training step, best first; none at inference, or without counts."""
    series, counts = record.memory_series, record.counts
    if series is None or series.saved is None or counts is None:
        return []
    return candidates(series, counts.layers)


def checkpoint_sentence(
    record: Record, offered: Sequence[Checkpoint], quote: Quote = verbatim
) -> str:
    """What to checkpoint in training, what that frees and what it costs; '' if there is no answer.

    It is the first that is ``offered``, with which the least is kept at once.
    """
    series, counts = record.memory_series, record.counts
    if series is None or record.case.mode != "train":
        return ""
    if series.saved_failure is not None:
        return f"What to checkpoint is not known: {quote(plain(series.saved_failure.reason))}."
    if counts is None:
        return ""
    if not offered:
        return "No checkpoint around modules lowers what is saved for the backward pass."
    best, saved = offered[0], Saved(series)
    forward = counts.macs + (counts.matmul_macs or 0)
    share = f", {percent_text(best.macs / forward)} of the forward pass" if best.macs else ""
    total = saved.total_bytes
    text = (
        f"Checkpointing {_named(best, quote)} frees {bytes_text(best.freed_bytes, total)} of "
        f"{bytes_text(total)} kept after the forward pass, for {_macs(best.macs)} more{share}. "
        f"Then at most {bytes_text(best.highest_bytes, total)} are kept at once."
    )
    if any(saved.changed_inputs.get(path) == "list" for path in best.paths):
        text += " Pass each checkpoint a copy of its list of inputs: later modules append to it."
    return text


def layers_of(record: Record, series: MemorySeries) -> tuple[Layer, ...]:
    """The modules of the record's counts; without counts, those that ran."""
    if record.counts is not None:
        return record.counts.layers
    return tuple(
        Layer(
            path=series.modules[row.module],
            type="",
            output_shape=None,
            params=0,
            macs=0,
            calls=row.calls,
        )
        for row in series.by_module
    )


def _title(record: Record, series: MemorySeries) -> str:
    points = series.points
    number = plural(points[-1].number, "operator")
    begins = [points[begin] for begin in series.begins[1:]]
    later = "".join(f", the {point.phase} from {point.number:,} on" for point in begins)
    most = f"the most with operator {points[series.peak_index].number:,}"
    return f"{MODE_TITLES[record.case.mode]}: memory over {number}{later}; {most}"


def _after_forward(series: MemorySeries) -> str:
    if series.after_forward is None:
        return ""
    live = series.after_forward.live
    return (
        f"After the forward pass {bytes_text(live.total)} are live, "
        f"{bytes_text(live.activations, live.total)} of them activations: saved for the backward "
        "pass, or the output."
    )


def _saved_columns(saved: Saved, macs: Mapping[str, int]) -> list[ModuleColumn]:
    def checkpoint(row: ModuleRow) -> Checkpoint | None:
        """The checkpoint around all modules of a row, if it can be made and frees something."""
        paths = [layer.path for layer in row.layers]
        if not all(map(saved.can_checkpoint, paths)):
            return None
        made = saved.checkpoint(paths, row.type, sum(macs[path] for path in paths))
        return made if made.freed_bytes > 0 else None

    def freed(row: ModuleRow) -> int:
        made = checkpoint(row)
        return made.freed_bytes if made else 0

    def again(row: ModuleRow) -> str:
        made = checkpoint(row)
        return count_text(made.macs) if made and made.macs else ""

    return [
        _mebibytes(
            "saved\n[MiB]", lambda row: sum(saved.saved_bytes(layer.path) for layer in row.layers)
        ),
        _mebibytes(
            "shared\n[MiB]", lambda row: sum(saved.shared_bytes(layer.path) for layer in row.layers)
        ),
        _mebibytes("checkpoint\nfrees [MiB]", freed),
        ModuleColumn(header="MACs\nagain", cell=again),
    ]


def _mebibytes(header: str, size: Callable[[ModuleRow], int]) -> ModuleColumn:
    return ModuleColumn(header=header, cell=lambda row: _mib(size(row)))


def _mib(size: int) -> str:
    return mebibytes_text(size) if size else ""


def _gone_after(figures: Sequence[ModuleMemory]) -> str:
    """The number of operators after which all outputs are gone; '' if none arose."""
    ends = [figure.freed_after for figure in figures if figure.output_bytes]
    known = [end for end in ends if end is not None]
    if not ends:
        return ""
    return f"{max(known):,}" if len(known) == len(ends) else "later"


def _checkpoints(offered: Sequence[Checkpoint], layout: Layout) -> str:
    """A table of the checkpoints that are offered; '' if there is no choice."""
    if len(offered) < 2:
        return ""
    shown = offered[:_MOST_CHECKPOINTS]
    names = tuple(_named(item, verbatim) for item in shown)
    figures = [
        ("freed\n[MiB]", (_mib(item.freed_bytes) for item in shown)),
        ("at most\nkept [MiB]", (_mib(item.highest_bytes) for item in shown)),
        ("MACs\nagain", (count_text(item.macs) for item in shown)),
    ]
    return Grid(
        names=Strip(header="checkpoint around", cells=names, left=True),
        bundles=tuple((Strip(header=header, cells=tuple(cells)),) for header, cells in figures),
    ).text(layout)


def _named(checkpoint: Checkpoint, quote: Quote) -> str:
    """The modules of a checkpoint, of several in one the first and the last: ``layers.0 … 5``."""
    first, last = (plain(checkpoint.paths[index]) for index in (0, -1))
    number, kind = len(checkpoint.paths), quote(plain(checkpoint.type))
    if number == 1:
        return quote(first)
    if len({path.rpartition(".")[0] for path in checkpoint.paths}) > 1:
        return f"the {number} outermost modules of type {kind}"
    span = f"{first} … {last.rpartition('.')[2]}"
    return f"the {number} modules {quote(span)} ({kind})"


def _macs(count: int) -> str:
    """A number of MACs.

    >>> _macs(2_000_000_000), _macs(12)
    ('2 GMACs', '12 MACs')
    """
    text = count_text(count)
    return f"{text}MACs" if " " in text else f"{text} MACs"
