"""What a measurement keeps, line by line: trials, other tools, overhead, peaks, and what failed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from .schedule import Cell, Kind
from .sizes import Size

ABOUT, LINES = "about.json", "lines.jsonl"
EARLY_S = 20.0


class Line(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="kind"):
    """One line; the name of its class is its kind."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The product's verdict on a latency, and whose rule raises an alarm on the same samples.

    ``change`` is the planted change from baseline to candidate, in percent. ``low`` and ``high``
    are the 95% interval of the ratio. ``alarms`` are by the name of the rule.
    """

    change: float
    answer: str
    reason: str
    ratio: float | None
    low: float | None
    high: float | None
    threshold: float | None
    alpha: float | None
    alarms: dict[str, bool]

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval, relative to the ratio."""
        if self.ratio is None or self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2 / self.ratio


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """What a command spent: launches, how many turns each had, seconds in launches and in all."""

    launches: int
    contended: int
    turns: tuple[int, int]
    launch_s: float
    wall_s: float


class InTurns(Line, frozen=True, kw_only=True):
    """One `ab`: ``latency_s`` is the baseline's, ``one_percent_s`` the time to an interval of 1%.

    It is the seconds of launches; None if the interval never had it.
    """

    cell: Cell
    sampling: Sampling
    verdict: Verdict
    latency_s: float
    one_percent_s: float | None


class Widths(msgspec.Struct, frozen=True, kw_only=True):
    """Half widths of a run's entries: of latencies, and of the ratios to the first entry."""

    latency: tuple[float | None, ...]
    ratio: tuple[float | None, ...]


class RunTrial(Line, frozen=True, kw_only=True):
    """One `run` of three entries; ``verdicts`` are on them against up to three runs before.

    ``early`` are the widths after `EARLY_S` seconds of launches.
    """

    cell: Cell
    sampling: Sampling
    early: Widths
    final: Widths
    verdicts: tuple[Verdict, ...] = ()


class Tool(Line, frozen=True, kw_only=True):
    """What another tool says of a block: ``value_s`` and its half width, relative.

    ``seconds`` is what its own measuring took.
    """

    cell: Cell
    tool: str
    seconds: float
    value_s: float
    half_width: float


class Failed(Line, frozen=True, kw_only=True):
    """A trial that could not be made; it is made again when the measurement is resumed."""

    cell: Cell
    reason: str


class Defaults(Line, frozen=True, kw_only=True):
    """The settings with which the product ran a command without options."""

    command: Kind
    settings: dict[str, Any]


class Overhead(Line, frozen=True, kw_only=True):
    """Seconds that the harness adds to one call, against a bare loop."""

    seconds: float


class Peaks(Line, frozen=True, kw_only=True):
    """Tensor peaks in bytes by case, one fresh process each; real and fake tensors."""

    process: int
    real: dict[str, int]
    fake: dict[str, int]


class Code(Line, frozen=True, kw_only=True):
    """The commit that was measured from this line on; ``dirty``: with uncommitted changes."""

    commit: str
    dirty: bool

    def __str__(self) -> str:
        return self.commit[:12] + (" with uncommitted changes" if self.dirty else "")


AnyLine = InTurns | RunTrial | Tool | Failed | Defaults | Overhead | Peaks | Code


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Where and what is measured: `about.json`. ``tools``: a version, or why a tool is missing."""

    environment: dict[str, Any]
    threads: int
    sizes: tuple[Size, ...]
    tools: dict[str, str]

    def size(self, size_ms: float) -> Size:
        """The block of a size."""
        return next(size for size in self.sizes if size.size_ms == size_ms)


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """All lines of a folder, by kind."""

    about: About
    in_turns: tuple[InTurns, ...] = ()
    runs: tuple[RunTrial, ...] = ()
    tools: tuple[Tool, ...] = ()
    failed: tuple[Failed, ...] = ()
    defaults: tuple[Defaults, ...] = ()
    overhead: tuple[Overhead, ...] = ()
    peaks: tuple[Peaks, ...] = ()
    code: tuple[Code, ...] = ()

    @property
    def done(self) -> set[int]:
        """The numbers of the trials that were made."""
        cells = [trial.cell for trial in self.in_turns]
        cells += [run.cell for run in self.runs]
        cells += [tool.cell for tool in self.tools]
        return {cell.number for cell in cells}

    @classmethod
    def of(cls, about: About, lines: list[AnyLine]) -> Self:
        """``lines`` sorted by kind; a failure counts until its trial is made."""

        def kind(wanted: type[Any]) -> tuple[Any, ...]:
            return tuple(line for line in lines if isinstance(line, wanted))

        made = {line.cell.number for line in (*kind(InTurns), *kind(RunTrial))}
        return cls(
            about=about,
            in_turns=kind(InTurns),
            runs=kind(RunTrial),
            tools=kind(Tool),
            failed=tuple(line for line in kind(Failed) if line.cell.number not in made),
            defaults=kind(Defaults),
            overhead=kind(Overhead),
            peaks=kind(Peaks),
            code=kind(Code),
        )


def read(folder: Path) -> Results:
    """What was measured into ``folder``; a torn last line is left out."""
    about = msgspec.json.decode((folder / ABOUT).read_bytes(), type=About)
    return Results.of(about, list(_lines(folder / LINES)))


def _lines(path: Path) -> Iterator[AnyLine]:
    content = path.read_bytes() if path.exists() else b""
    for text in content.split(b"\n")[:-1]:
        if text:
            yield msgspec.json.decode(text, type=AnyLine)


class Keeper:
    """Writes lines into a folder, each at once; a torn last line is ended first."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LINES
        content = self._path.read_bytes() if self._path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            self._path.write_bytes(whole)

    def keep(self, *lines: AnyLine) -> None:
        """Append ``lines``."""
        with self._path.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def write_about(folder: Path, about: About) -> None:
    """Begin ``folder``, which must be new."""
    folder.mkdir(parents=True)
    text = json.dumps(msgspec.to_builtins(about, str_keys=True), indent=1)
    (folder / ABOUT).write_text(text + "\n", encoding="utf-8")
