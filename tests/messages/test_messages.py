"""All texts that cspbench can show, in one table, so that each change of one is reviewed."""

from message_table import COMMAND, GOLDEN, errors, table, templates


def test_the_table_of_messages_is_up_to_date() -> None:
    """A new or changed message shows up in the diff of the golden table."""
    assert GOLDEN.read_text(encoding="utf-8") == table(), f"make the table anew: {COMMAND}"


def test_a_template_is_what_is_shown_with_names_in_place_of_values() -> None:
    """Parts of one message are joined, and texts inside a value are listed, too."""
    source = '''
def f(name: "the name of it", error: Exception) -> "None or so":
    """A docstring is no message."""
    pattern = r"no such thing: (.*)"
    words = "one two three".split()
    raise CspbenchError(
        f"cannot read {name!r}: {error.strerror}"
        " in full" + (f"; line {error.line + 1:,}" if error.line else "")
    ) from unknown("mode", name, list(words))
    print("one" if words else "more than one", f"{n} launch{'' if n == 1 else 'es'} done")
'''
    assert sorted(text for _, text in templates(source)) == [
        "; line {line}",
        "cannot read {name!r}: {strerror} in full{; line {line}|}",
        "mode",
        "more than one",
        "{n} launch{|es} done",
    ]


def test_an_error_begins_lower_case_and_ends_without_a_full_stop() -> None:
    """It follows ``cspbench: `` on a line, and a clause in parentheses or after ``;``."""
    texts = list(errors())
    assert len(texts) > 100
    assert [text for text in texts if text[:1].isupper() or text.rstrip().endswith(".")] == []
