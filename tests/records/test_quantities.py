"""The table of quantities, against the measurements whose fields it names."""

import dataclasses

import pytest

from cspbench.records.measurements import MEASUREMENTS, stage_of
from cspbench.records.quantities import NAMES, QUANTITIES
from cspbench.records.quantity import Quantity

KINDS = {stage_of(kind): kind for kind in MEASUREMENTS}


@pytest.mark.parametrize(
    "quantity",
    [quantity for quantity in QUANTITIES if quantity.stage],
    ids=lambda quantity: quantity.key,
)
def test_a_quantity_with_a_stage_is_a_field_or_property_of_that_measurement(
    quantity: Quantity,
) -> None:
    """A report reads it by this name."""
    kind = KINDS[quantity.stage]
    is_property = isinstance(getattr(kind, quantity.key, None), property)
    assert quantity.key in kind.__struct_fields__ or is_property


def test_every_exact_field_of_a_measurement_has_a_quantity() -> None:
    """What a comparison judges can be shown, in the part of the report that is exact."""
    fields = {(stage, name) for stage, kind in KINDS.items() for name in kind.exact}
    quantities = {
        (quantity.stage, quantity.key) for quantity in QUANTITIES if quantity.part == "exact"
    }
    assert fields
    assert fields - quantities == set()


@pytest.mark.parametrize("attribute", ["key", "title", "help"])
def test_no_two_quantities_are_the_same(attribute: str) -> None:
    """Columns are chosen by key, a pasted table tells them apart by title, `list` by help."""
    values = [getattr(quantity, attribute) for quantity in QUANTITIES]
    assert [value for value in values if values.count(value) > 1] == []


def test_headers_survive_being_drawn_and_pasted() -> None:
    """A title is never a name that a table gives its other columns, and holds no border."""
    for quantity in QUANTITIES:
        assert quantity.title not in {"entry", "input", ""}
        assert not set("|+") & set(quantity.header)
        assert all(line == line.strip() for line in quantity.header.split("\n"))


def test_a_name_is_the_header_without_its_unit() -> None:
    """As sentences and axes use it."""
    quantity = next(q for q in QUANTITIES if q.key == "peak_tensor_bytes")
    assert quantity.title == "peak tensor memory [bytes]"
    assert NAMES["peak_tensor_bytes"] == quantity.name == "peak tensor memory"
    assert NAMES["launch_overhead"] == "launch overhead"


def test_quantities_stand_in_the_order_of_a_reports_parts() -> None:
    """Exact ones first, then those of trainings, then those of launches."""
    parts = [quantity.part for quantity in QUANTITIES]
    assert list(dict.fromkeys(parts)) == ["exact", "trained", "timed"]
    assert parts == sorted(parts, key=["exact", "trained", "timed"].index)


def test_a_quantity_is_immutable() -> None:
    """One table serves every view."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        QUANTITIES[0].header = "other"  # type: ignore[misc]
