"""Forms in a run: made once, taken turns with, and failing alone."""

from pathlib import Path

import msgspec
import pytest
from factories import SETTINGS, make_case, make_info
from fake_worker import RecordedProgress

from cspbench.engine import attempts, preflight
from cspbench.engine.runner import Runner
from cspbench.errors import CspbenchError
from cspbench.plan.case import Case, Form, in_form
from cspbench.records.folder import RunFolder, read, read_lines

pytestmark = pytest.mark.usefixtures("nothing_is_contended")

STAGES = ("counts", "tensor_peak", "allocated", "deployment", "resident", "latency")


def in_forms(build: str, *forms: Form) -> list[Case]:
    """An eager case, and the same in other forms that are compared with it."""
    eager = make_case(build)
    others = [in_form(eager, form) for form in forms]
    return [eager, *(msgspec.structs.replace(case, reference=eager.key) for case in others)]


@pytest.mark.slow
def test_a_form_that_cannot_be_made_fails_alone(tmp_path: Path) -> None:
    """It is timed in no launch; eager and the other forms have their figures."""
    cases = in_forms("Branches", "fused", "onnxruntime")
    info = make_info(*cases, settings=msgspec.structs.replace(SETTINGS, launches=2), stages=STAGES)
    with RunFolder.create(tmp_path / "run", info) as folder:
        Runner(folder, read_lines(folder.path), RecordedProgress()).run()
    eager, fused, exported = read(tmp_path / "run").records
    assert not eager.failures
    assert eager.deployment is None
    assert len(eager.latencies) == len(fused.latencies) == 2
    assert fused.deployment is not None
    assert fused.deployment.is_equal
    (failure,) = exported.failures
    assert (failure.stage, failure.is_fatal) == ("deployment", True)
    assert failure.reason.startswith("ValueError: torch.export: ")
    assert not exported.latencies


@pytest.mark.slow
def test_a_resumed_run_makes_files_again_and_measures_nothing_twice(tmp_path: Path) -> None:
    """The files of the first part went with its process."""
    cases = in_forms("Good", "onnxruntime")
    info = make_info(*cases, settings=msgspec.structs.replace(SETTINGS, launches=2), stages=STAGES)

    def interrupt(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    with RunFolder.create(tmp_path / "run", info) as folder, pytest.raises(KeyboardInterrupt):
        Runner(folder, read_lines(folder.path), RecordedProgress(at_launch=interrupt)).run()
    (before,) = (r.deployment for r in read(tmp_path / "run").records if r.deployment)
    folder, assembly = RunFolder.resume(tmp_path / "run")
    with folder:
        Runner(folder, assembly, RecordedProgress()).run()
    eager, exported = read(tmp_path / "run").records
    assert exported.deployment == before
    assert len(eager.latencies) == len(exported.latencies) == 2
    assert not exported.failures


def test_a_form_whose_package_is_absent_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is measured; modules need no package."""
    asked = []

    def answers(task: str, forms: tuple[Form, ...], **_: object) -> tuple[list[str], None]:
        asked.append((task, forms))
        return ["the form openvino needs nncf"], None

    monkeypatch.setattr(attempts, "answers", answers)
    preflight.check_forms(in_forms("Good", "fused", "compiled"))
    assert not asked
    with pytest.raises(CspbenchError, match=r"^--form: the form openvino needs nncf$"):
        preflight.check_forms(in_forms("Good", "fused", "openvino"))
    assert asked == [("cspbench.engine.worker:check_forms", ("openvino",))]
