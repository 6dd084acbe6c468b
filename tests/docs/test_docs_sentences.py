"""Sentences that a reader can take in at once, in README, tutorial and how-tos."""

from pathlib import Path

import pytest
from doc_pages import README, ROOT, name_of, sentences, words

MOST_WORDS = 30
SHORT = (README, ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "how-to").glob("*.md")))


@pytest.mark.parametrize("page", SHORT, ids=name_of)
def test_no_sentence_is_long(page: Path) -> None:
    """At most 30 words, wherever somebody learns how to use it."""
    found = list(sentences(page.read_text(encoding="utf-8")))
    assert len(found) > 10
    assert [sentence for sentence in found if words(sentence) > MOST_WORDS] == []


def test_sentences_are_told_apart() -> None:
    """Code, decimals and abbreviations end none; list items and headings stand by themselves."""
    text = """# A heading

One sentence with `code. And more`, 1.5 ms, e.g. this, and
a [link. Here](https://example.org/a.b). *Another* one! (A third.) `run` is the fourth.

1. first item
2. second: item

| a table | is. No sentence |
| --- | --- |

```sh
nor. Is a command
```
"""
    assert list(sentences(text)) == [
        "A heading",
        "One sentence with code. And more, 1.5 ms, e.g. this, and a link.",
        "Here.",
        "Another one!",
        "(A third.)",
        "run is the fourth.",
        "first item",
        "second: item",
    ]


def test_words_are_counted() -> None:
    """Dashes and ellipses are none."""
    assert words("a – b, c-d: 1.5 … `--set x`") == 6
