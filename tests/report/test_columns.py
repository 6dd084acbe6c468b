"""Columns of a table: what a reading becomes in a cell, and which columns a run shows."""

import dataclasses

import msgspec
import pytest

from cspbench.catalogue import find
from cspbench.catalogue.inputs import Inputs, TensorSpec
from cspbench.errors import CspbenchError
from cspbench.plan.case import Case, make_case
from cspbench.records.base import Failure
from cspbench.records.quantities import QUANTITIES
from cspbench.report.columns import COLUMNS, choose, for_cases
from cspbench.report.readings import Reading
from cspbench.verdicts.stats import Estimate

BY_KEY = {column.key: column for column in COLUMNS}
ESTIMATE = Estimate(value=0.0123456, low=0.012, high=0.0127, launches=6)
ONE_LAUNCH = Estimate(value=0.0123456, low=None, high=None, launches=1)


def test_there_is_a_column_for_every_quantity() -> None:
    """With the same fields."""
    assert [dataclasses.asdict(column) for column in COLUMNS] == [
        dataclasses.asdict(quantity) for quantity in QUANTITIES
    ]


@pytest.mark.parametrize(
    ("key", "reading", "cell"),
    [
        ("params", 1234567, "1,234,567"),
        ("peak_alloc_bytes", 3 * 2**20, "3.000"),
        ("latency", 0.0123456, "12.35"),
        ("latency", ESTIMATE, "12.35"),
        ("launch_overhead", 0.25, "25%"),
        ("p", 0.01234, "0.0123"),
        ("p", 0.00001, "< 0.0001"),
        ("latency_ratio", 0.78349, "0.783"),
        ("images_per_s", 1234.5678, "1,235"),
        ("top1", 77.25, "77.2"),
        ("accuracy", 0.98765, "0.988"),
        ("cuts", "truncated", "truncated"),
        ("verdict", "faster", "faster"),
        ("params", None, ""),
        ("params", Failure(reason="no"), "–"),
    ],
)
def test_a_reading_becomes_text_by_its_columns_form(key: str, reading: Reading, cell: str) -> None:
    """Blank where it does not apply, a dash where it is missing."""
    assert BY_KEY[key].cell(reading) == cell


@pytest.mark.parametrize(
    ("reading", "cell"),
    [
        (ESTIMATE, "12.00–12.70"),
        (ONE_LAUNCH, "–"),
        (Failure(reason="no"), "–"),
        (None, ""),
        (0.01, ""),
    ],
)
def test_an_interval_stands_beside_an_estimate_only(reading: Reading, cell: str) -> None:
    """One launch gives none, which is a dash; what is no estimate has a blank."""
    assert BY_KEY["latency"].interval_cell(reading) == cell


def test_columns_are_chosen_by_the_kind_of_run() -> None:
    """Costs; of more than one image the throughput, too; gradients have columns of their own."""
    costs = [column.key for column in choose()]
    assert {"params", "macs", "latency", "peak_rss_bytes"} <= set(costs)
    assert not {"images_per_s", "used_terms", "disk_bytes"} & set(costs)
    batches = [column.key for column in choose(kinds=("costs", "batches"))]
    assert set(batches) - set(costs) == {"images_per_s"}
    gradients = {column.key for column in choose(kinds=("gradients",))}
    assert {"params", "macs", "used_terms", "parts_cka"} <= gradients
    assert "latency" not in gradients


def test_named_columns_are_shown_in_their_order_and_once() -> None:
    """Also those that are shown only when they are asked for."""
    columns = choose(["disk_bytes", "params", "disk_bytes"])
    assert [column.key for column in columns] == ["disk_bytes", "params"]


def test_an_unknown_column_offers_the_nearest() -> None:
    """In one line, with the command that lists them all."""
    with pytest.raises(CspbenchError) as caught:
        choose(["parms"])
    assert str(caught.value) == (
        "no column 'parms'; nearest: 'params' (python -m cspbench list shows all)"
    )


def test_an_interval_beyond_a_factor_of_two_to_either_side_is_no_number() -> None:
    """Not yet known of two launches, of which Student's t says so; noise of more of them."""
    wide = Estimate(value=0.02, low=2e-7, high=2e3, launches=2)
    assert BY_KEY["latency"].interval_cell(wide) == "not yet known"
    noisy = Estimate(value=0.96, low=0.47, high=1.96, launches=6)
    assert BY_KEY["latency_ratio"].interval_cell(noisy) == "too noisy to tell"
    similarity = Estimate(value=0.1, low=0.01, high=0.3, launches=3)
    assert BY_KEY["parts_cka"].interval_cell(similarity) == "0.010–0.300"


def test_throughput_is_of_images_only_where_all_inputs_are_images() -> None:
    """Of rows of tokens it is of samples."""
    image = make_case(find("dense"), {})
    tokens = msgspec.structs.replace(
        image, key="text", inputs=Inputs((TensorSpec((1, 77), "int64"),)), input_shape=(1, 77)
    )

    def title(*cases: Case) -> str:
        (column,) = for_cases(choose(["images_per_s"]), cases)
        return column.title

    assert [title(image), title(tokens), title(image, tokens)] == [
        *("images /s", "samples /s", "samples /s"),
    ]
