"""The sides of a run of two revisions (`ab`), each as if it had been measured alone.

In such a run, keys and labels of cases end in `` @ baseline`` or `` @ candidate``.
"""

from collections.abc import Iterable

import msgspec

from ..plan.case import Case
from ..plan.labels import names
from ..records.machine import Git
from ..records.run import SIDES, Record, Run, RunInfo, Side
from .excerpt import Excerpt, excerpt


def excerpts(run: Run) -> tuple[Excerpt, ...]:
    """The excerpt of ``run``; of a run of two revisions, those of the baseline and candidate."""
    if not run.info.revisions:
        return (excerpt(run),)
    return tuple(side_excerpt(run, side) for side in SIDES)


def side_excerpt(run: Run, side: Side) -> Excerpt:
    """The excerpt of one revision of ``run``; cases that it lacks are left out."""
    records = tuple(
        msgspec.structs.replace(record, case=without_side(record.case))
        for record in run.records
        if record.case.side == side and not is_absent(record)
    )
    alone = msgspec.structs.replace(run, info=_info(run.info, side), records=records)
    return msgspec.structs.replace(excerpt(alone), side=side)


def without_side(case: Case) -> Case:
    """``case`` with the key and the label of a run of one revision."""
    suffix = f" @ {case.side}"
    return msgspec.structs.replace(
        case, key=case.key.removesuffix(suffix), label=case.label.removesuffix(suffix)
    )


def labels_of(cases: Iterable[Case]) -> dict[str, str]:
    """The labels of the cases of a run of two revisions, without their sides, by their own keys."""
    own_keys = {case.key: without_side(case) for case in cases}
    labels = names(list({case.key: case for case in own_keys.values()}.values()))
    return {key: labels[case.key] for key, case in own_keys.items()}


def is_absent(record: Record) -> bool:
    """Whether the case does not exist in the revision of its side."""
    return any(failure.cause == "absent" for failure in record.failures)


def _info(info: RunInfo, side: Side) -> RunInfo:
    """What a run of one revision would say: its suite, and its commit as that of its models."""
    commit = Git(commit=info.revisions[side], dirty=False)
    external = [case.build for case in info.cases if not case.build.startswith(".")]
    is_catalogue = len(external) < len(info.cases)
    return msgspec.structs.replace(
        info,
        suite=info.suite.removeprefix("ab-"),
        revisions={},
        git=commit if is_catalogue else info.git,
        repositories=dict.fromkeys(external, commit),
    )
