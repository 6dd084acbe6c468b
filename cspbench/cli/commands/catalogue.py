"""``list``, ``show`` and ``verify``: the catalogue and its exact figures."""

from collections.abc import Sequence

from ...catalogue import ENTRIES, find
from ...catalogue.input_text import parse_words, words_of
from ...measures.registry import MEASURES
from ...plan.case import MODES, Case, inputs_of, make_case
from ...plan.suite import built_in
from ...records.ceilings import Ceilings
from ...records.measurements import Counts
from ...records.run import Record
from ...report.columns import COLUMNS
from .. import output
from ..exit_codes import ExitCode
from ..requests import ListRequest, ShowRequest, VerifyRequest
from ..terminal import print_error, print_json, print_page, print_text, print_to_stderr


def list_all(request: ListRequest) -> ExitCode:
    """Print entries, suites, measures and columns."""
    if request.as_json:
        print_json(_listed())
        return ExitCode.OK
    layout = output.layout()
    sections = _sections()
    width = max(len(name) for rows in sections.values() for name, _ in rows)
    blocks = [
        "\n".join([title, *(layout.filled(text, f"  {name:{width}}  ") for name, text in rows)])
        for title, rows in sections.items()
    ]
    print_text("\n\n".join(blocks))
    return ExitCode.OK


def _sections() -> dict[str, list[tuple[str, str]]]:
    """The names and descriptions of each section of ``list`` below its title."""
    entries = []
    for entry in ENTRIES.values():
        arguments = " ".join(f"{name}={value}" for name, value in entry.arguments().items())
        entries += [(entry.name, entry.description), ("", f"--set {arguments}")]
    return {
        "Entries (python -m cspbench show ENTRY)": entries,
        "Suites (python -m cspbench run SUITE)": [*built_in().items()],
        "Measures": [(stage, measure.help) for stage, measure in MEASURES.items()],
        "Columns of a report (--columns NAME,…)": [(column.key, column.help) for column in COLUMNS],
    }


def _listed() -> dict[str, object]:
    return {
        "entries": [
            {
                "name": entry.name,
                "description": entry.description,
                "source": entry.source,
                "input_shape": entry.input_shape,
                "inputs": words_of(entry.inputs(entry.arguments())),
                "parameters": entry.arguments(),
            }
            for entry in ENTRIES.values()
        ],
        "suites": built_in(),
        "measures": {stage: measure.help for stage, measure in MEASURES.items()},
        "columns": {column.key: column.help for column in COLUMNS},
    }


def show(request: ShowRequest) -> ExitCode:
    """Print counts, tensor peaks and what is asked for of an entry, at inference and in training.

    A training step that cannot run is said, and fails nothing.
    """
    entry = find(request.entry)
    overrides = dict(entry.parse(text) for text in request.overrides)
    inputs = parse_words(request.inputs) if request.inputs else None
    cases = [make_case(entry, overrides, inputs=inputs, mode=mode) for mode in MODES]

    from ...engine.settings import default_settings
    from ...engine.static_profile import static_profiles
    from ...report import summary

    is_timed = request.time or request.roofline
    if is_timed:
        output.warn_if_busy(default_settings(), has_choice=False)
    wanted = {"memory_series": request.memory, "traffic": request.roofline}
    inference, training = static_profiles(
        cases,
        print_to_stderr,
        also=tuple(stage for stage, is_wanted in wanted.items() if is_wanted),
        timed=is_timed,
    )
    has_times = inference.module_times or training.module_times
    ceilings = _ceilings(cases) if request.roofline and has_times else ()
    code = ExitCode.FAILED_CASE if inference.failures else ExitCode.OK
    if inference.has_failed:
        print_error(f"{entry.name} does not run: {inference.failures[0].reason}")
    elif request.as_json:
        print_json(_profile(entry.name, inference, training, ceilings))
    else:
        page = summary.text([inference, training], output.layout(), request.depth, ceilings)
        print_page(page)
        if inference.tensor_peak:
            print_page("\n" + _fits(entry.name, [inference, training]))
    return code


def _ceilings(cases: Sequence[Case]) -> tuple[Ceilings, ...]:
    """The ceilings of this machine for ``cases``, measured if none are kept."""
    from ...engine.ceilings import ceilings_of_cases
    from ...engine.settings import default_settings
    from ...machine.environment import describe

    return ceilings_of_cases(cases, default_settings(), describe(), print_to_stderr)


def _profile(
    name: str, inference: Record, training: Record, ceilings: Sequence[Ceilings]
) -> dict[str, object]:
    counts = inference.to_dict()["counts"] or dict.fromkeys(Counts.__struct_fields__)
    counts.pop("case"), counts.pop("kind", None)
    by_mode = {record.case.mode: record for record in (inference, training)}
    peaks = {mode: record.tensor_peak for mode, record in by_mode.items()}
    series = {
        mode: record.memory_series.to_dict()
        for mode, record in by_mode.items()
        if record.memory_series is not None
    }
    traffic = {mode: record.traffic.to_dict() for mode, record in by_mode.items() if record.traffic}
    known = [item.to_dict() for item in ceilings]
    return {
        "entry": name,
        "arguments": inference.case.arguments,
        "input_shape": inference.case.input_shape,
        "inputs": words_of(inputs_of(inference.case)),
        **counts,
        "backward_flops": training.counts.backward_flops if training.counts else None,
        "tensor_peak": {mode: peak.to_dict() if peak else None for mode, peak in peaks.items()},
        "module_times": {
            mode: [times.to_dict() for times in record.module_times]
            for mode, record in by_mode.items()
        },
        **({"memory_series": series} if series else {}),
        **({"traffic": traffic, "ceilings": known} if traffic else {}),
        "failures": {
            mode: [failure.to_dict() for failure in record.failures]
            for mode, record in by_mode.items()
        },
        "alters": list(inference.alters),
        "printed": [printed.to_dict() for printed in inference.printed],
    }


def _fits(name: str, records: Sequence[Record]) -> str:
    """A sentence on whether the tensor peaks fit into the memory that a case may use here."""
    from ...machine.environment import memory_budget_bytes
    from ...report.tones import toned
    from ...report.words import AT
    from ...units import bytes_text

    budget = memory_budget_bytes()
    peaks = {
        record.case.mode: record.tensor_peak.peak_tensor_bytes
        for record in records
        if record.tensor_peak and record.tensor_peak.peak_tensor_bytes
    }
    smallest = min(peaks.values(), default=0)
    answers: dict[bool, list[str]] = {True: [], False: []}
    for mode, peak in peaks.items():
        answers[peak < budget].append(f"{AT[mode]} ({bytes_text(peak, smallest)})")
    fits, exceeds = answers[True], answers[False]
    if not fits:
        text = f"{toned('does not fit', 'worse')} {' or '.join(exceeds)}"
    else:
        but = (f"{toned('but not', 'worse')} {at}" for at in exceeds)
        text = " ".join([f"{toned('fits', 'better')} {' and '.join(fits)}", *but])
    return output.filled(
        f"{name} {text}: a case may use {bytes_text(budget)} here, 60% of the available memory."
    )


def verify(request: VerifyRequest) -> ExitCode:
    """Print published figures beside ours; a regression if one differs for no known reason."""
    from ...engine import verify as verification
    from ...report import verification as view

    checks = list(verification.verify())
    if request.as_json:
        print_json({"figures": [check.to_dict() for check in checks]})
    else:
        print_page(view.text(checks, output.layout()))
    has_unknown = any(check.answer == "differs" for check in checks)
    return ExitCode.REGRESSION if has_unknown else ExitCode.OK
