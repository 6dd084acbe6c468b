"""Runs of a reference and cases that are slower by stated ratios, made of lines."""

import msgspec
from factories import SETTINGS, make_case, make_info, make_latency, make_launch

from cspbench.records.assembly import assemble
from cspbench.records.lines import Line
from cspbench.records.run import Run
from cspbench.records.tensor_peak import Split, TensorPeak


def make_run(
    *ratios: float,
    launches: int = 6,
    budget_s: float | None = None,
    contended: tuple[int, ...] = (),
) -> Run:
    """A reference and cases with those ratios to it; every launch says almost the same."""
    settings = msgspec.structs.replace(SETTINGS, launches=6, budget_s=budget_s)
    reference = make_case("Good", reference="Good infer")
    cases = [reference]
    for index, _ in enumerate(ratios):
        case = make_case("Good", reference="Good infer")
        cases.append(msgspec.structs.replace(case, key=f"case {index}"))
    lines: list[Line] = []
    for case in cases:
        empty = dict.fromkeys(Split.__struct_fields__, 0)
        lines.append(
            TensorPeak(
                case=case.key,
                peak_tensor_bytes=1,
                baseline_bytes=1,
                split=Split(**empty),
                operator="",
                module="",
            )
        )
    for number in range(1, launches + 1):
        slow = 3.0 if number in contended else 1.0
        reference_s = 1e-3 * slow * (1 + number / 100)
        lines.append(make_latency(reference, number, reference_s, reference_s))
        for case, ratio in zip(cases[1:], ratios, strict=True):
            case_s = reference_s * ratio * (1 + 0.0005 * (-1) ** number)
            lines.append(make_latency(case, number, case_s, case_s))
        lines.append(make_launch(number, *cases, taken=0.3 if number in contended else 0.0))
    return assemble(make_info(*cases, settings=settings), lines)
