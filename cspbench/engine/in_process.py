"""Measures of a subject in this process, as `cspbench.profile` takes them."""

from ..errors import CspbenchError
from ..machine.environment import memory_budget_bytes
from ..measures.execution.basis import limited_memory, runs
from ..measures.execution.fallback import count_statically
from ..measures.execution.subject import Subject
from ..measures.registry import MEASURES
from ..records.lines import CaseFailure, Stage
from ..records.measurements import AnyMeasurement
from . import libraries  # noqa: F401 -- before any model runs
from .failures import case_failure, is_out_of_memory


def measure_in_process(subject: Subject, stage: Stage) -> AnyMeasurement | CaseFailure:
    """The record of one stage; its failure, if the subject runs where nothing observes it.

    Lets the exception through if the subject does not run at all.
    """
    measure = MEASURES[stage]
    try:
        if measure.place == "static":
            budget_bytes = memory_budget_bytes()
            return count_statically(
                measure, subject, lambda basis: limited_memory(basis, subject.case, budget_bytes)
            )
        measurement: AnyMeasurement = measure.measure(subject)
    except CspbenchError:
        raise
    except Exception as error:
        if is_out_of_memory(error) or not runs(subject):
            raise
        return case_failure(subject.case.key, stage, error, is_fatal=False)
    return measurement
