"""``doctor``: whether this machine is fit to measure on."""

from ...engine import doctor as engine
from ...engine.preflight import devices_of
from ...engine.request import DoctorRequest
from ...engine.settings import settings_of
from ...errors import CspbenchError
from ...report import diagnosis as view
from ..exit_codes import ExitCode
from ..terminal import print_json, print_text, print_to_stderr


def doctor(request: DoctorRequest) -> ExitCode:
    """Check the machine, measure its noise floor, and print each finding with its remedy."""
    device, gpus = devices_of(request)
    if len(gpus) > 1:
        raise CspbenchError(f"doctor looks at one device at a time, got {device!r}")
    diagnosis = engine.diagnose(settings_of(request, device, gpus), gpus, print_to_stderr)
    if request.as_json:
        print_json(view.plain_values(diagnosis))
    else:
        print_text(view.text(diagnosis))
    return ExitCode.OK
