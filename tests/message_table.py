"""The table of all texts that cspbench can show, read from its source.

``python tests/message_table.py`` makes ``tests/golden/messages.txt`` anew. The table names no file,
so that only a change of a text changes it; ``python tests/message_table.py WORD`` prints where the
texts that contain WORD stand.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "messages.txt"
COMMAND = "python tests/message_table.py"

_SEVERAL_WORDS = re.compile(r"[^\W\d]\S* +\S")
_ERRORS = {"CspbenchError", "AbsentError", "NotMeasuredError", "ValueError"}
_WORD = re.compile(r"[^\W\d]")
_EXCEPTION = re.compile(r"\w*(Error|Exit|Interrupt)|unknown")


def templates(source: str) -> Iterator[tuple[int, str]]:
    r"""Line and template of each text in ``source``, with ``{name}`` for each value in it.

    A text is a string of several words, or any in the arguments of an exception. Docstrings,
    annotations, patterns (raw strings) and lists of words (``"…".split()``) are none.

    >>> list(templates('print(f"no {kind} {word!r}; {sep.join(names)}" + " or so\\n")'))
    [(1, 'no {kind} {word!r}; {names} or so\\n')]
    """
    visitor = _Visitor(source)
    visitor.visit(ast.parse(source))
    yield from visitor.found


def table() -> str:
    """All templates, sorted, one a line."""
    texts = {
        text
        for path in (ROOT / "cspbench").rglob("*.py")
        for _, text in templates(path.read_text(encoding="utf-8"))
    }
    return "".join(f"{text}\n" for text in sorted(texts, key=lambda text: (text.lower(), text)))


def errors() -> Iterator[str]:
    """The template of each error that cspbench raises for its users."""
    for path in (ROOT / "cspbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _ERRORS and node.args:
                yield _template(node.args[0]) or ""


class _Visitor(ast.NodeVisitor):
    def __init__(self, source: str) -> None:
        self.found: list[tuple[int, str]] = []
        self._lines = source.splitlines()
        self._is_in_exception = False

    def visit(self, node: ast.AST) -> None:
        text = None if self._is_raw(node) else _template(node)
        if text is None:
            super().visit(node)
            return
        if _SEVERAL_WORDS.search(text) or (self._is_in_exception and _WORD.search(text)):
            line = getattr(node, "lineno", 0)
            self.found.append((line, text.replace("\\", r"\\").replace("\n", r"\n")))
        for value in _values(node):
            self.visit(value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "split":
            return
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        before = self._is_in_exception
        self._is_in_exception = before or _EXCEPTION.fullmatch(name) is not None
        self.generic_visit(node)
        self._is_in_exception = before

    def visit_arg(self, node: ast.arg) -> None:
        pass

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for child in (node.args, *node.decorator_list, *node.body):
            self.visit(child)

    def _is_raw(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Constant | ast.JoinedStr):
            return False
        begin = self._lines[node.lineno - 1].encode()[node.col_offset :][:2]
        return b"r" in begin.lower().partition(b'"')[0]


def _template(node: ast.AST) -> str | None:
    """The text of a string, an f-string or a sum with one; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) or _hole(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _template(node.left), _template(node.right)
        if left is None and right is None:
            return None
        return (left or _hole(node.left)) + (right or _hole(node.right))
    return None


def _values(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions whose values a text holds."""
    if isinstance(node, ast.JoinedStr):
        yield from (part.value for part in node.values if isinstance(part, ast.FormattedValue))
    elif isinstance(node, ast.BinOp):
        for side in (node.left, node.right):
            if _template(side) is None:
                yield side
            else:
                yield from _values(side)


def _hole(node: ast.AST) -> str:
    if isinstance(node, ast.FormattedValue):
        conversion = "" if node.conversion < 0 else f"!{chr(node.conversion)}"
        return f"{{{_name(node.value)}{conversion}}}"
    return f"{{{_name(node)}}}"


def _name(node: ast.AST) -> str:
    """What stands for the value of an expression: a name in it, or the texts that it may be."""
    match node:
        case ast.Constant(value):
            return str(value)
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case ast.IfExp(body=first, orelse=second):
            return f"{_name(first)}|{_name(second)}"
        case ast.Call(func=ast.Name("len"), args=[argument]):
            return f"number of {_name(argument)}"
        case (
            ast.Call(args=[inner, *_])
            | ast.Call(func=inner)
            | ast.Subscript(value=inner)
            | ast.BinOp(left=inner)
            | ast.UnaryOp(operand=inner)
            | ast.BoolOp(values=[inner, *_])
            | ast.Compare(left=inner)
            | ast.Starred(value=inner)
            | ast.GeneratorExp(elt=inner)
            | ast.ListComp(elt=inner)
            | ast.List(elts=[inner, *_])
            | ast.FormattedValue(value=inner)
        ):
            return _name(inner)
        case ast.JoinedStr():
            return _template(node) or "…"
    return "…"


def main(words: list[str]) -> None:
    """Write the golden table, or print the places of texts that contain one of ``words``."""
    if not words:
        GOLDEN.write_text(table(), encoding="utf-8")
        return
    for path in sorted((ROOT / "cspbench").rglob("*.py")):
        for line, text in templates(path.read_text(encoding="utf-8")):
            if any(word in text for word in words):
                print(f"{path.relative_to(ROOT)}:{line}: {text}")  # noqa: T201 -- a program


if __name__ == "__main__":
    main(sys.argv[1:])
