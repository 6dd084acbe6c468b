"""Lines that could not be read back: each becomes the failure of its case, or of its launch."""

import math
from pathlib import Path

import msgspec
import pytest
from factories import make_case, make_info, make_latency, make_launch, make_times
from synthetic import make_counts

from cspbench.records import line_check
from cspbench.records.base import MAX_DETAIL, MAX_REASON, Failure, storable
from cspbench.records.folder import RunFolder, read
from cspbench.records.layers import Layer
from cspbench.records.line_check import LineCheck
from cspbench.records.lines import (
    YARDSTICK,
    Alterations,
    CaseFailure,
    LaunchFailure,
    Line,
    Printed,
)
from cspbench.records.measurements import Resident

CASE, TWIN = make_case("Good"), make_case("Twin")
COUNTS = make_counts(CASE)


def accepted(*lines: Line) -> list[Line]:
    check = LineCheck([CASE.key, TWIN.key])
    return [line for _, line in check.accept(lines)]


@pytest.mark.parametrize(
    ("line", "stage", "reason"),
    [
        (
            Resident(case=CASE.key, peak_rss_bytes=-4096),
            "resident",
            "peak_rss_bytes is -4096: Expected `int` >= 0",
        ),
        (
            msgspec.structs.replace(COUNTS, backward_flops=-2),
            "counts",
            "backward_flops is -2: Expected `int` >= 0",
        ),
        (
            msgspec.structs.replace(COUNTS, macs=2**63),
            "counts",
            "macs is 9223372036854775808: Expected `int` <= 9223372036854775807",
        ),
        (
            make_times(CASE, 1, model=2e12),
            "module_times",
            "latency_s is 2000000000000.0: Expected `float` <= 1000000000000.0",
        ),
        (
            make_times(CASE, 1, model=1.0, other_s=-0.5),
            "module_times",
            "other_s is -0.5: Expected `float` >= 0.0",
        ),
        (
            msgspec.structs.replace(COUNTS, macs=10**400),
            "counts",
            None,
        ),
        (
            msgspec.structs.replace(COUNTS, flops=object()),
            "counts",
            "Encoding objects of type object is unsupported",
        ),
    ],
)
def test_a_measurement_out_of_bounds_is_a_failure_of_its_stage(
    line: Line, stage: str, reason: str | None
) -> None:
    """It names the figure; the case is measured further."""
    (failure,) = accepted(line)
    assert isinstance(failure, CaseFailure)
    assert (failure.case, failure.stage, failure.cause) == (CASE.key, stage, "invalid")
    assert not failure.is_fatal
    if reason is not None:
        assert failure.reason == f"it cannot be recorded: {reason}"


def test_a_figure_deep_in_a_record_is_named_by_its_path() -> None:
    """A layer's, by its number."""
    layer = Layer(path="a", type="Conv2d", output_shape=None, params=-1, macs=0, calls=1)
    (failure,) = accepted(msgspec.structs.replace(COUNTS, layers=(layer,)))
    assert isinstance(failure, CaseFailure)
    assert "layers[0].params is -1: Expected `int` >= 0" in failure.reason


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf, 1e300])
def test_samples_out_of_bounds_are_the_failure_of_their_case_in_its_launch(seconds: float) -> None:
    """The launch is closed without it; its neighbour keeps its samples."""
    bad, good = make_latency(CASE, 1, 1.0, seconds), make_latency(TWIN, 1)
    failure, *others = accepted(bad, good, make_launch(1, CASE, TWIN))
    assert others == [good, make_launch(1, TWIN)]
    assert isinstance(failure, CaseFailure)
    assert (failure.case, failure.launch, failure.is_fatal) == (CASE.key, 1, True)
    assert f"samples_s[1] is {seconds!r}" in failure.reason


def test_a_yardstick_out_of_bounds_fails_its_launch() -> None:
    """No case has failed, and no samples of the launch count."""
    yardstick = msgspec.structs.replace(make_latency(CASE, 1, 1.0, 0.0), case=YARDSTICK)
    lines = accepted(make_latency(CASE, 1), yardstick, make_launch(1, CASE))
    assert lines[:-1] == [make_latency(CASE, 1)]
    assert isinstance(lines[-1], LaunchFailure)
    assert lines[-1].reason.startswith("the yardstick's latency: it cannot be recorded: samples_s")


def test_a_launch_out_of_bounds_is_left_out_and_said(tmp_path: Path) -> None:
    """Its samples with it; the run is read, with a note."""
    launch = msgspec.structs.replace(make_launch(1, CASE), seconds=math.inf)
    with RunFolder.create(tmp_path / "run", make_info(CASE)) as folder:
        folder.append([make_latency(CASE, 1), launch])
        folder.append([make_latency(CASE, 2), make_launch(2, CASE)])
    run = read(tmp_path / "run")
    assert [launch.launch for launch in run.launches] == [2]
    assert [line.launch for line in run.records[0].latencies] == [2]
    (note,) = run.notes
    assert note == (
        "1 launch failed and is ignored; launch 1: its closing line: it cannot be recorded: "
        "seconds is inf: Expected `float`, got `null`"
    )


def test_a_failure_out_of_bounds_is_still_a_failure() -> None:
    """An allocation of a size that no machine has."""
    failure = CaseFailure(
        case=CASE.key, stage="allocated", cause="out_of_memory", reason="no", requested_bytes=2**70
    )
    (line,) = accepted(failure)
    assert isinstance(line, CaseFailure)
    assert (line.stage, line.is_fatal) == ("allocated", True)
    assert "requested_bytes" in line.reason


@pytest.mark.parametrize("key", ["other", YARDSTICK])
def test_a_failure_of_what_is_no_case_is_refused(key: str) -> None:
    """It is a slip of the caller's; nothing is written."""
    with pytest.raises(ValueError, match=r"run\.json lists no case"):
        accepted(CaseFailure(case=key, stage="latency", cause="raised", reason="no"))


def test_a_repeated_case_of_a_launch_is_refused_after_resuming_too(tmp_path: Path) -> None:
    """The lines of the file are known."""
    with RunFolder.create(tmp_path / "run", make_info(CASE)) as folder:
        folder.append([make_latency(CASE, 1), make_launch(1, CASE)])
    resumed, _ = RunFolder.resume(tmp_path / "run")
    with resumed:
        (failure,) = resumed.append([make_latency(CASE, 1)])
    assert isinstance(failure, CaseFailure)
    assert failure.reason == "it cannot be recorded: launch 1 has 'Good infer' twice"
    assert read(tmp_path / "run").records[0].failures == (failure,)


@pytest.mark.parametrize(
    "line",
    [
        CaseFailure(case=CASE.key, stage="counts", cause="raised", reason="no file net\udcff.pt"),
        Printed(case=CASE.key, stage="counts", text="net\udcff.pt\0"),
        Alterations(case=CASE.key, alters=("changes net\udcff.pt",)),
        Resident(case=CASE.key, peak_rss_bytes=Failure(reason="net\udcff.pt")),
        msgspec.structs.replace(
            COUNTS,
            layers=(
                Layer(path="net\udcff", type="A", output_shape=None, params=0, macs=0, calls=1),
            ),
        ),
    ],
    ids=lambda line: type(line).__name__,
)
def test_text_that_is_not_unicode_is_replaced(line: Line) -> None:
    """As of a file whose name is not UTF-8; all else stays."""
    (read_back,) = accepted(line)
    assert type(read_back) is type(line)
    assert "net?" in str(read_back)
    assert "\udcff" not in str(read_back)


def test_texts_of_any_length_are_bounded_where_they_are_made() -> None:
    """The beginning and the end stay, and the cut is said."""
    failure = CaseFailure(
        case=CASE.key, stage="counts", cause="raised", reason="r" * 10**6, detail="d" * 10**6
    )
    assert len(failure.reason) == MAX_REASON
    assert len(failure.detail) == MAX_DETAIL
    assert " … (cut: 1,000,000 characters) … " in failure.detail
    assert accepted(failure) == [failure]


def test_short_text_is_left_alone() -> None:
    """Control characters included, which JSON can hold."""
    assert storable("a\x1b\n\0é", 10) == "a\x1b\n\0é"


def test_a_line_longer_than_is_read_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of very many modules; the run is not lost."""
    monkeypatch.setattr(line_check, "MAX_LINE_BYTES", 600)
    layer = Layer(path="a", type="Conv2d", output_shape=None, params=1, macs=0, calls=1)
    (failure,) = accepted(msgspec.structs.replace(COUNTS, layers=(layer,) * 20))
    assert isinstance(failure, CaseFailure)
    assert failure.reason.endswith(" bytes; at most 600 can be read")
