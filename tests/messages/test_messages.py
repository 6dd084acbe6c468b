"""All texts that cspbench can show, in one table, so that each change of one is reviewed."""

from message_table import COMMAND, GOLDEN, table, templates


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
