"""``doctor``: whether this machine is fit to measure on."""

from collections.abc import Callable

from ...engine import doctor as engine
from ...engine.preflight import devices_of
from ...engine.request import DoctorRequest
from ...engine.settings import settings_of
from ...errors import CspbenchError
from ...records.diagnosis import Diagnosis, Finding
from ...report import diagnosis as view
from .. import interrupts, output
from ..exit_codes import ExitCode
from ..terminal import print_error, print_json, print_page, print_to_stderr


def doctor(request: DoctorRequest) -> ExitCode:
    """Check the machine, measure its noise floor, and print each finding as it is made.

    An interrupt keeps what was found by then.
    """
    findings: list[Finding] = []
    layout = output.layout()

    def report(finding: Finding) -> None:
        findings.append(finding)
        if not request.as_json:
            print_page(view.finding_text(finding, layout))

    diagnosis = None
    try:
        diagnosis = _diagnose(request, report)
    except KeyboardInterrupt:
        interrupts.settle()
    if request.as_json:
        print_json(view.plain_values(findings, diagnosis))
    elif page := (
        view.text(diagnosis, layout) if diagnosis else view.remedies_text(findings, layout)
    ):
        print_page(f"\n{page}")
    if diagnosis is None:
        print_error("interrupted before the noise floor was measured")
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def _diagnose(request: DoctorRequest, report: Callable[[Finding], None]) -> Diagnosis:
    if request.device not in {None, "cpu"}:
        print_to_stderr("loading torch to find the GPU")
    device, gpus = devices_of(request)
    if len(gpus) > 1:
        raise CspbenchError(f"--device: doctor checks one device at a time, got {device!r}")
    return engine.diagnose(settings_of(request, device, gpus), gpus, print_to_stderr, report)
