"""Values of options, from their text."""

import pytest

from cspbench.cli import values
from cspbench.errors import CspbenchError


@pytest.mark.parametrize("text", ["1,64,56,x", "0,64,56,56", "1,-64,56,56", "", "1;2", "ids="])
def test_an_input_is_positive_numbers_or_what_else_is_listed(text: str) -> None:
    """Anything else is refused with what arrived."""
    with pytest.raises(CspbenchError, match="an input"):
        values.input_word(text)


def test_an_input_stays_as_it_was_written() -> None:
    """The command that repeats a run names it again."""
    assert values.input_word("ids=1,77:int64:49408") == "ids=1,77:int64:49408"


def test_a_batch_size_is_a_list_or_auto() -> None:
    """Numbers stay in the order in which they are named."""
    assert values.batch_sizes("8,1") == (8, 1)
    assert values.batch_sizes("auto") == values.AUTO


@pytest.mark.parametrize("text", ["1e-300", "0", "-1", "nan", "inf", "1e9", "9" * 400, "soon"])
def test_a_time_has_bounds_that_are_said(text: str) -> None:
    """Below the least a run would be of no use, or would not end."""
    with pytest.raises(CspbenchError, match=r"from 0\.1 to 1,000,000, got '.{1,41}'$"):
        values.seconds(0.1)(text)
    assert values.seconds(0.1)("0.1") == 0.1


@pytest.mark.parametrize("text", ["1" + "0" * 30, "0", "-1", "1e3", "9" * 6_000])
def test_counts_have_bounds_that_are_said(text: str) -> None:
    """Launches, batch sizes, threads and all else that is counted."""
    for parse in (values.count, values.counts, values.batch_sizes, values.steps, values.seed):
        if (parse, text) != (values.seed, "0"):
            with pytest.raises(CspbenchError, match=r"^expected .* from \d to [\d,]+.*, got '"):
                parse(text)
    with pytest.raises(CspbenchError, match="no device"):
        values.device(f"cuda:{'9' * 6_000}")


def test_a_form_that_is_unknown_is_answered_with_all_of_them() -> None:
    """`compiled:default` is the mode's own name; nothing else that holds it is one."""
    assert values.forms("eager,compiled:default") == ("eager", "compiled")
    for text in ("EAGER", "compiled:inductor", "eager,", "compiled:default:x"):
        with pytest.raises(CspbenchError, match=r"no form '.*'; (allowed|nearest): '") as raised:
            values.forms(text)
        assert "compiled" in str(raised.value)


def test_a_mode_is_one_or_both() -> None:
    """In the order of every suite."""
    assert values.modes("train") == ("train",)
    assert values.modes("both") == ("infer", "train")
