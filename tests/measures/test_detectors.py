"""Whole detectors, fresh from their constructors: counted, tracked and timed as they come."""

import json
from pathlib import Path

import detectors
import pytest
import torch

import cspbench
from cspbench.cli import main
from cspbench.records.folder import read

FILE = Path(detectors.__file__)
IMAGE = (1, 3, 640, 640)

# MACs at 640 x 640 (YOLOv8n's published as 8.7 GFLOPs), trainable and frozen parameters. The second
# head and the anchored one by torch's counter on real tensors.
FIGURES = {
    "yolov8n": (4_371_993_600, 3_157_184, 16),
    "one_to_one": (6_183_168_000, 4_054_832, 16),
    "anchored": (2_743_603_200, 2_374_541, 0),
    "stride_in_forward": (4_371_993_600, 3_157_184, 16),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("is_entry", [True, False])
def test_a_fresh_detector_has_its_published_counts_and_a_peak(name: str, is_entry: bool) -> None:
    """As an entry, which is built without data if possible, and as a module."""
    model = f"{FILE}:{name}" if is_entry else getattr(detectors, name)()
    profile = cspbench.profile(model, IMAGE)
    macs, params, frozen = FIGURES[name]
    assert profile.counts is not None
    assert profile.tensor_peak is not None
    assert (profile.counts.macs, profile.counts.params) == (macs, params)
    assert profile.counts.frozen_params == frozen
    assert profile.tensor_peak.split.weights == 4 * (params + frozen)
    assert "unexplained" not in str(profile)


def test_the_head_of_a_profiled_detector_has_no_anchors_yet() -> None:
    """A profile makes its calls on copies."""
    model = detectors.yolov8n()
    cspbench.profile(model, IMAGE)
    assert model.head.shape is None
    assert model.head.anchors.numel() == 0


def test_a_first_and_a_later_call_have_the_same_peak() -> None:
    """Anchors that the first call makes and keeps are live in every later one."""
    fresh, called = detectors.yolov8n(), detectors.yolov8n()
    called.eval()
    called(torch.zeros(1, 3, 320, 320))
    peaks = [cspbench.profile(model, (1, 3, 320, 320)).tensor_peak for model in (fresh, called)]
    assert peaks[0] is not None
    assert peaks[1] is not None
    assert peaks[0].peak_tensor_bytes == peaks[1].peak_tensor_bytes
    assert peaks[0].baseline_bytes == peaks[1].baseline_bytes


def test_a_training_step_of_a_detector_is_counted_and_tracked() -> None:
    """Its outputs are lists of maps, of which all are trained; the frozen weights are not."""
    profile = cspbench.profile(detectors.yolov8n(), (1, 3, 320, 320), mode="train")
    assert profile.counts is not None
    assert profile.counts.backward_flops is not None
    # In training nothing is decoded: the 16 frozen weights do not run, of 2,100 anchors x 4 sides.
    assert profile.counts.macs == 4_371_993_600 // 4 - 2_100 * 4 * 16
    assert profile.tensor_peak is not None
    assert profile.tensor_peak.split.optimizer_state == 4 * 3_157_184


def test_show_says_which_parameters_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Trainable ones, and with the frozen ones how many there are."""
    assert main(["show", f"{FILE}:yolov8n", "--input", "1,3,640,640"]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "3,157,184" in output
    assert "3,157,200 with 16 that are frozen" in output
    assert main(["show", f"{FILE}:yolov8n", "--input", "1,3,640,640", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["params"], shown["frozen_params"]) == (3_157_184, 16)


@pytest.mark.slow
def test_detectors_are_timed_at_run(tmp_path: Path) -> None:
    """One that is built on real tensors, and one that can be run on nothing else."""
    suite, names = tmp_path / "detectors.toml", ("yolov8n", "stride_in_forward")
    tables = [f'[[case]]\nentry = "{FILE}:{name}"\ninput = [1, 3, 64, 64]' for name in names]
    suite.write_text("\n".join(['description = "Detectors"', *tables]), encoding="utf-8")
    arguments = ["--mode", "infer", "--launches", "1", "--turns", "2"]
    assert main(["run", str(suite), *arguments, "--out", str(tmp_path / "run")]) == 0
    records = read(tmp_path / "run").records
    assert len(records) == len(names)
    assert all(record.latencies and not record.failures for record in records)
