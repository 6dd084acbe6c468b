"""Heat maps of one entry: the gradient terms of its weights, the similarity of its maps."""

from collections.abc import Mapping, Sequence

from ....plan.labels import plain
from ...gradients import final_similarities, term_shares
from ...quoting import verbatim
from ...rows import Row
from ...words import case_name
from ..elements import Control, Dataset, Figure, Option, Plain
from . import base

_MAX_LINES = 40  # weights or maps of an entry; a network's would be thousands of cells


def terms_dataset(table: Sequence[Row], subjects: Mapping[str, int]) -> Dataset:
    """For each weight and source of gradients, the share of the source's terms that it reads."""
    rows: list[list[Plain]] = []
    for row in _traced(table):
        assert row.record.gradient_terms is not None
        structure = row.record.gradient_terms.structure
        for weight, shares in zip(structure.weights, term_shares(structure), strict=True):
            rows += [
                [subjects[row.record.case.key], plain(weight.name), plain(source.name), share]
                for source, share in zip(structure.sources, shares, strict=True)
            ]
    return Dataset(columns=("subject", "down", "across", "value"), rows=rows)


def similarity_dataset(table: Sequence[Row], subjects: Mapping[str, int]) -> Dataset:
    """For each two feature maps, the linear CKA of their gradients at the end, mean over seeds."""
    rows: list[list[Plain]] = []
    for row in _trained(table):
        subject, maps = subjects[row.record.case.key], row.record.trainings[0].maps
        rows += [
            [subject, plain(one), plain(other), cka]
            for one, line in zip(maps, final_similarities(row.record.trainings), strict=True)
            for other, cka in zip(maps, line, strict=True)
        ]
    return Dataset(columns=("subject", "down", "across", "value"), rows=rows)


def terms(table: Sequence[Row], subjects: Mapping[str, int]) -> list[Figure]:
    """The map of the weights of the chosen entry; none if nothing was traced."""
    return _map(
        _traced(table),
        subjects,
        key="terms",
        title="Gradient terms in each weight's update",
        label="share of the source's terms",
        alt="For each weight, the share of each source's gradients that take part in its update.",
        note="a line is a weight, a column a source of gradients",
    )


def similarity(table: Sequence[Row], subjects: Mapping[str, int]) -> list[Figure]:
    """The map of the feature maps of the chosen entry; none if nothing was trained."""
    return _map(
        _trained(table),
        subjects,
        key="similarity",
        title="Similarity of gradients between feature maps",
        label="linear CKA",
        alt="For each two feature maps, the linear CKA of their gradients at the end of training.",
        note="at the end of training, mean over seeds",
    )


def _traced(table: Sequence[Row]) -> list[Row]:
    return [
        row
        for row in table
        if (terms := row.record.gradient_terms) and 0 < len(terms.structure.weights) <= _MAX_LINES
    ]


def _trained(table: Sequence[Row]) -> list[Row]:
    return [
        row
        for row in table
        if row.record.trainings and len(row.record.trainings[0].maps) <= _MAX_LINES
    ]


def _map(
    table: Sequence[Row],
    subjects: Mapping[str, int],
    *,
    key: str,
    title: str,
    label: str,
    alt: str,
    note: str,
) -> list[Figure]:
    if not table:
        return []
    from altair import Axis, Chart, Color, Scale, X, Y

    cells = Chart().mark_rect().encode(
        x=X("across:N", sort=None, title=None, axis=Axis(labelAngle=-40, labelLimit=160)),
        y=Y("down:N", sort=None, title=None),
        color=Color("value:Q", title=label, scale=Scale(domain=[0, 1], scheme="blues")),
        **base.told(down="line", across="column", value=f"#{label}"),
    )  # fmt: skip
    options = [
        Option(value=subjects[row.record.case.key], label=case_name(row, verbatim)) for row in table
    ]
    return [
        Figure(
            key=key,
            title=title,
            alt=alt,
            note=note,
            spec=base.spec(cells, height=base.by_line()),
            dataset=key,
            controls=[Control(label="case", field="subject", options=options)],
        )
    ]
