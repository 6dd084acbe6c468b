"""The reference of commands, from the parser itself: every verb with its groups of options."""

import argparse
import re
import textwrap
from collections.abc import Iterator, Mapping

from markdown_text import code, plain, table

from cspbench.cli.verbs import make_parser


def commands() -> str:
    """A section for each verb: its usage, what it does, its options by group, its examples."""
    parser = make_parser()
    parts = [_options(parser)]
    for name, verb in verbs(parser).items():
        parts.append(f"## `{name}`\n\n{_summary(parser, name)}")
        parts += _body(verb)
    return "\n\n".join(part for part in parts if part)


def verbs(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The parser of each verb, by its name."""
    return _subparsers(parser).choices


def _subparsers(
    parser: argparse.ArgumentParser,
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action
    raise ValueError("the parser has no verbs")


def _summary(parser: argparse.ArgumentParser, name: str) -> str:
    """The line of a verb in the list of all verbs, as a sentence."""
    (line,) = (a for a in _subparsers(parser)._choices_actions if a.dest == name)
    text = _help(parser, line)
    return f"{text[:1].upper()}{text[1:]}."


def _body(verb: argparse.ArgumentParser) -> Iterator[str]:
    usage = re.sub(r"\n +", "\n    ", verb.format_usage().removeprefix("usage: ").strip())
    yield f"```text\n{usage}\n```"
    if verb.description:
        yield _paragraphs(verb.description)
    yield _options(verb)
    if verb.epilog:
        yield _epilog(verb.epilog)


def _options(parser: argparse.ArgumentParser) -> str:
    """A table for each group of the parser that has options or arguments."""
    parts = []
    for group in parser._action_groups:
        actions = [
            action
            for action in group._group_actions
            if action.help is not argparse.SUPPRESS
            and not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
        ]
        if not actions:
            continue
        title = (group.title or "options").removesuffix(":")
        about = f"{_paragraphs(group.description)}\n\n" if group.description else ""
        rows = [(_invocation(action), _help(parser, action)) for action in actions]
        parts.append(
            f"**{title[:1].upper()}{title[1:]}**\n\n{about}{table(('option', 'meaning'), rows)}"
        )
    return "\n\n".join(parts)


def _invocation(action: argparse.Action) -> str:
    """How an option is written: ``--launches N``."""
    name = action.metavar if isinstance(action.metavar, str) else None
    if not action.option_strings:
        return code(name or action.dest)
    if action.nargs == 0:
        return ", ".join(map(code, action.option_strings))
    value = name or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    value = f"[{value}]" if action.nargs == "?" else value
    return ", ".join(code(f"{option} {value}") for option in action.option_strings)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """The help of an option, as the parser's own formatter expands it."""
    if not action.help:
        return ""
    text = plain(parser._get_formatter()._expand_help(action))
    is_list = isinstance(action, argparse._AppendAction) and "repeat" not in text
    return f"{text} (may be repeated)" if is_list else text


def _paragraphs(text: str) -> str:
    """Text whose lines are paragraphs of their own unless they are wrapped."""
    return "\n\n".join(plain(" ".join(part.split())) for part in re.split(r"\n\s*\n", text.strip()))


def _epilog(text: str) -> str:
    """The end of a verb's help: lines that are indented are commands, all others are prose."""
    parts: list[str] = []
    for is_code, lines in _runs(text.strip("\n").splitlines()):
        if is_code:
            body = textwrap.dedent("\n".join(lines))
            parts.append(f"```text\n{body}\n```")
        else:
            text = plain(" ".join(lines))
            parts.append(f"{text[:1].upper()}{text[1:]}")
    return "\n\n".join(parts)


def _runs(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Neighbouring lines that are code, or that are not; blank ones end a run."""
    run: list[str] = []
    was_code = False
    for line in [*lines, ""]:
        is_code = line.startswith("  ")
        if run and (not line.strip() or is_code != was_code):
            yield was_code, run
            run = []
        if line.strip():
            run.append(line)
        was_code = is_code
