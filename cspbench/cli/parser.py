"""The argument parser: argparse with options in groups, named by the request's fields.

An option that is left out is absent from the result, so that the request's default applies; the
default that a help text states is text.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from .. import __version__
from ..engine.option_names import OPTIONS
from .examples import Example
from .help_format import HelpFormatter
from .terminal import print_text
from .values import named
from .wrong_usage import PROGRAM, refused, unexpected


class OptionGroup:
    """The arguments of a parser under one title; ``description`` may be None."""

    def __init__(
        self,
        title: str,
        description: str | None,
        add_argument: Callable[..., argparse.Action],
    ) -> None:
        self.title = title
        self.description = description
        self.actions: list[argparse.Action] = []
        self._add_argument = add_argument

    def add(self, *names: str, **details: Any) -> None:
        """Add any argument, as argparse's ``add_argument`` does."""
        self.actions.append(self._add_argument(*names, **details))

    def add_value(
        self,
        field: str,
        text: str,
        *,
        parse: Callable[[str], object] = str,
        metavar: str,
        default: object = None,
    ) -> None:
        """Add an option that takes a value."""
        text = with_default(text, default)
        option = OPTIONS[field]
        self.add(option, dest=field, type=named(option, parse), metavar=metavar, help=text)

    def add_flag(self, field: str, text: str) -> None:
        """Add an option without a value, true if it is given."""
        self.add(OPTIONS[field], dest=field, action="store_true", help=text)

    def add_list(
        self,
        field: str,
        text: str,
        *,
        parse: Callable[[str], str] = str,
        metavar: str,
        default: object = None,
    ) -> None:
        """Add an option that may be repeated, each time with a value."""
        text = with_default(text, default)
        option = OPTIONS[field]
        parse_named = named(option, parse)
        self.add(option, dest=field, action="append", type=parse_named, metavar=metavar, help=text)

    def add_optional_value(
        self, field: str, text: str, *, metavar: str, value: str, option: str | None = None
    ) -> None:
        """Add an option with an optional value, which is ``value`` if it is left out.

        ``option`` is its word if it stands for others, so that no request has it.
        """
        text = f"{text} (without a value: {value})"
        self.add(
            option or OPTIONS[field], dest=field, nargs="?", const=value, metavar=metavar, help=text
        )


class Parser(argparse.ArgumentParser):
    """argparse that raises `CspbenchError` for wrong usage, and takes no abbreviations.

    ``summary`` is the line about a verb in the list of all, ``notes`` follow the examples, and
    ``verbs`` holds the parsers of the verbs.
    """

    def __init__(
        self,
        *,
        summary: str = "",
        examples: Sequence[Example] = (),
        notes: Sequence[str] = (),
        **details: Any,
    ) -> None:
        super().__init__(
            allow_abbrev=False,
            add_help=False,
            argument_default=argparse.SUPPRESS,
            formatter_class=HelpFormatter,
            epilog="\n\n".join([_examples_text(examples), *notes]),
            **details,
        )
        self.color = False  # which Python 3.14 and later would use: help is the same everywhere
        self.summary = summary
        self.examples = tuple(examples)
        self.notes = tuple(notes)
        self.groups: list[OptionGroup] = []
        self.verbs: dict[str, Parser] = {}

    def group(self, title: str, description: str | None = None) -> OptionGroup:
        """A new group of arguments, after those that there are."""
        group = self.add_argument_group(title, description)
        self.groups.append(OptionGroup(title, description, group.add_argument))
        return self.groups[-1]

    def add_verbs(self, title: str) -> Callable[..., "Parser"]:
        """Make this the parser of verbs; the result adds one: ``add(name, summary, …)``."""
        verbs = self.add_subparsers(
            title=title, dest="verb", metavar="VERB", prog=self.prog, parser_class=Parser
        )
        verbs.required = True

        def add(name: str, summary: str, **details: Any) -> Parser:
            parser = verbs.add_parser(name, help=summary, summary=summary, **details)
            self.verbs[name] = parser
            return parser

        return add

    @property
    def options(self) -> list[str]:
        """The words of all options, such as ``--mode``."""
        return [word for action in self._actions for word in action.option_strings]

    def refuse(self, words: Sequence[str], verb: str) -> NoReturn:
        """Raise a `CspbenchError` for ``words`` that the parser of ``verb`` left."""
        options = {name: parser.options for name, parser in self.verbs.items()}
        raise unexpected(words, verb, options, usage=str(self.verbs[verb].usage))

    def error(self, message: str) -> NoReturn:
        """Raise a `CspbenchError` that says what argparse's ``message`` says."""
        forms = {
            word: f"{word} {action.metavar}"
            for action in self._actions
            for word in action.option_strings
        }
        example = self.examples[0].command if self.examples else PROGRAM
        raise refused(message, self.prog, forms, example)


class Version(argparse.Action):
    """Print the versions of cspbench, Python, torch and thop, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        import platform
        from importlib import metadata

        packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "thop"))
        python = platform.python_version()
        print_text(f"cspbench {__version__} (Python {python}, {packages})")
        parser.exit(0)


def choice(words: Iterable[str]) -> str:
    """A placeholder that lists the allowed words.

    >>> choice(["infer", "train"])
    '{infer,train}'
    """
    return f"{{{','.join(words)}}}"


def with_default(text: str, default: object) -> str:
    """A help text that ends with the default, if there is one.

    >>> with_default("seconds", 120.0), with_default("a folder", None)
    ('seconds (default: 120)', 'a folder')
    """
    if default is None:
        return text
    return f"{text} (default: {f'{default:g}' if isinstance(default, float) else default})"


def _examples_text(examples: Iterable[Example]) -> str:
    lines = [f"  {example.command}\n      {example.does}" for example in examples]
    return "\n".join(["examples:", *lines])
