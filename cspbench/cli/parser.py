"""The argument parser: argparse with options named by the request's fields that hold them.

An option that is left out is absent from the result, so that the request's default applies.
"""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from .. import __version__
from ..engine.option_names import OPTIONS
from ..errors import CspbenchError
from .terminal import print_text
from .values import named


class Parser(argparse.ArgumentParser):
    """argparse that raises `CspbenchError` for wrong usage, and takes no abbreviations."""

    def __init__(self, **details: Any) -> None:
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **details)

    def error(self, message: str) -> NoReturn:
        raise CspbenchError(f"{message} ({self.prog} --help shows what is allowed)")

    def add_value(
        self,
        field: str,
        text: str | None = None,
        *,
        parse: Callable[[str], object] = str,
        metavar: str | None = None,
    ) -> None:
        """Add an option that takes a value."""
        option = OPTIONS[field]
        self.add_argument(option, dest=field, type=named(option, parse), metavar=metavar, help=text)

    def add_flag(self, field: str, text: str) -> None:
        """Add an option without a value, true if it is given."""
        self.add_argument(OPTIONS[field], dest=field, action="store_true", help=text)

    def add_list(
        self,
        field: str,
        metavar: str,
        text: str | None = None,
        *,
        parse: Callable[[str], str] = str,
    ) -> None:
        """Add an option that may be repeated, each time with a value."""
        option = OPTIONS[field]
        parse_named = named(option, parse)
        self.add_argument(
            option, dest=field, action="append", type=parse_named, metavar=metavar, help=text
        )

    def add_optional_value(self, field: str, default: str, metavar: str, text: str) -> None:
        """Add an option with an optional value, which is ``default`` if left out."""
        self.add_argument(
            OPTIONS[field], dest=field, nargs="?", const=default, metavar=metavar, help=text
        )


class Version(argparse.Action):
    """Print the versions of cspbench, Python, torch and thop, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        import platform
        from importlib import metadata

        packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "thop"))
        python = platform.python_version()
        print_text(f"cspbench {__version__} (Python {python}, {packages})")
        parser.exit(0)
