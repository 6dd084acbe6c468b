"""The layout of help pages: the same for every version of Python, at most 100 columns wide."""

import argparse
import textwrap
from collections.abc import Generator, Iterable
from typing import Any

_MAX_WIDTH = 100
_MARGIN = 2
_HELP_COLUMN = 24


class HelpFormatter(argparse.HelpFormatter):
    """argparse's formatter with raw paragraphs, and without escapes and split words.

    A paragraph that holds a line break is kept as it is, any other is filled. Words are broken at
    spaces only, and a percent sign stands for itself.
    """

    def __init__(self, prog: str, **details: Any) -> None:
        import shutil

        columns = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
        details |= {"max_help_position": _HELP_COLUMN, "width": columns - _MARGIN}
        super().__init__(prog, **details)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(
            textwrap.indent(
                paragraph if "\n" in paragraph else "\n".join(_wrapped(paragraph, width)), indent
            )
            for paragraph in text.split("\n\n")
        )

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(text, width)

    def _expand_help(self, action: argparse.Action) -> str:
        return action.help or ""

    def _format_action(self, action: argparse.Action) -> str:
        if action.nargs != argparse.PARSER:
            return super()._format_action(action)
        verbs = [self._format_action(verb) for verb in self._iter_indented_subactions(action)]
        return self._join_parts(verbs)

    def _iter_indented_subactions(
        self, action: argparse.Action
    ) -> Generator[argparse.Action, None, None]:
        for verb in super()._iter_indented_subactions(action):
            self._dedent()  # the verbs stand where the arguments of other parsers do
            yield verb
            self._indent()


def listed(title: str, items: Iterable[tuple[str, str]]) -> str:
    """A section of the end of a page, with each item's text beside its name.

    >>> print(listed("exit codes", [("0", "success"), ("130", "interrupted")]))
    exit codes:
      0    success
      130  interrupted
    """
    rows = list(items)
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{title}:", *(f"  {name:{width}}  {text}" for name, text in rows)])


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), width, break_on_hyphens=False, break_long_words=False
    )
