"""The rules of CONTRIBUTING.md that source code shows: lengths, reasons, and tests that check."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("app", "benchmarks", "dashboard", "deploy", "migrations", "monitoring", "tests", "workers")
MOST_FUNCTION_LINES = 40
MOST_MODULE_LINES = 400
# A migration has run somewhere and is never rewritten.
FIXED = "migrations/versions/"

_DIRECTIVE = re.compile(r"(?P<what>type: ignore|noqa)(?P<codes>\[[a-z, -]+\]|: [A-Z]+\d+(?:, [A-Z]+\d+)*)?")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module(NamedTuple):
    """One file of ours: its path from the root, its text, and its tree."""

    path: str
    text: str
    tree: ast.Module


@cache
def modules() -> tuple[Module, ...]:
    files = [
        ROOT / "main.py",
        *(file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))),
    ]
    texts = {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}
    return tuple(Module(path, text, ast.parse(text)) for path, text in texts.items())


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of(function: Function) -> int:
    """Return the lines of a function from `def` to its end, without those of its docstring."""
    first = function.body[0]
    end = function.end_lineno or function.lineno
    documented = ast.get_docstring(function, clean=False) is not None
    documentation = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return end - function.lineno + 1 - documentation


def is_compiled(function: Function) -> bool:
    return any("njit" in ast.unparse(decorator) for decorator in function.decorator_list)


def returns(function: Function) -> bool:
    """Return whether a function itself, and not one inside it, has a return statement."""
    inside = {id(node) for inner in functions(function) if inner is not function for node in ast.walk(inner)}
    return any(isinstance(node, ast.Return) and id(node) not in inside for node in ast.walk(function))


def lacks_reason(comment: str) -> bool:
    """Return whether a comment turns a check off without naming the check or giving a reason."""
    directives = list(_DIRECTIVE.finditer(comment))
    words = re.findall(r"\w[\w']*", _DIRECTIVE.sub(" ", comment))
    return bool(directives) and (not all(found["codes"] for found in directives) or len(words) < 2)


def comments(module: Module) -> Iterator[tokenize.TokenInfo]:
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    return (token for token in tokens if token.type == tokenize.COMMENT)


SHORT = "def f(x):\n    '''Double.\n\n    Twice as much.\n    '''\n    return x\n"
MANY = "def f(\n    x,\n    y,\n):\n    return x\n"
INNER = "def f():\n    def g():\n        return 1\n    assert g()\n"


@pytest.mark.parametrize(
    ("source", "lines", "returning"),
    [(SHORT, 2, True), (MANY, 5, True), (f"@decorated\n{INNER}", 4, False), ("def f(): ...\n", 1, False)],
)
def test_lines_are_counted_without_the_docstring(source: str, lines: int, *, returning: bool) -> None:
    function = next(functions(ast.parse(source)))
    assert (lines_of(function), returns(function)) == (lines, returning)


@pytest.mark.parametrize(
    ("comment", "lacking"),
    [
        ("# type: ignore", True),
        ("# type: ignore  # the library has no types", True),
        ("# type: ignore[arg-type]", True),
        ("# type: ignore[arg-type]  # same", True),
        ("# type: ignore[arg-type]  # the library has no types", False),
        ("# noqa", True),
        ("# noqa: S603", True),
        ("# noqa: S603, S607 a program of ours", False),
        ("# type: ignore[arg-type]  # noqa: S603", True),
        ("# type: ignore[arg-type]  # noqa: S603 a program of ours", False),
        ("# an ordinary remark", False),
    ],
)
def test_a_check_is_turned_off_by_its_code_and_with_a_reason(comment: str, *, lacking: bool) -> None:
    assert lacks_reason(comment) == lacking


def test_functions_and_modules_are_short() -> None:
    ours = [module for module in modules() if not module.path.startswith(FIXED)]
    long = {module.path for module in ours if len(module.text.splitlines()) > MOST_MODULE_LINES}
    long |= {
        f"{module.path}: {function.name}"
        for module in ours
        for function in functions(module.tree)
        if lines_of(function) > MOST_FUNCTION_LINES and not is_compiled(function)
    }
    assert sorted(long) == []


def test_every_check_that_is_turned_off_says_why() -> None:
    places = [
        f"{module.path}:{comment.start[0]}: {comment.string}"
        for module in modules()
        if _DIRECTIVE.search(module.text)
        for comment in comments(module)
        if lacks_reason(comment.string)
    ]
    assert places == []


def test_no_test_returns_before_it_has_checked() -> None:
    places = [
        f"{module.path}: {function.name}"
        for module in modules()
        if module.path.startswith("tests/")
        for function in functions(module.tree)
        if function.name.startswith("test_") and returns(function)
    ]
    assert places == []
