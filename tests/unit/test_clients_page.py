"""What the how-to shows is what the tests run.

Its blocks are lines of their programs, and its variables are theirs.
"""

from __future__ import annotations

import re

import pytest

from tests.clients.catalogue import CLIENTS
from tests.clients.client import NODE_PACKAGES
from tests.clients.environments import PROGRAMS
from tests.clients.page import PAGE

WHOLE, BEGINNINGS = (
    "\n".join((PAGE.parents[1] / "how-to" / name).read_text(encoding="utf-8") for name in names)
    for names in (("send-opentelemetry.md", "langfuse.md"), ("send-from-frameworks.md",))
)
HOW_TO = WHOLE + BEGINNINGS


def blocks_of(pages: str) -> list[tuple[str, str]]:
    return re.findall(r"```(\w*)\n(.*?)```", pages, re.DOTALL)


SOURCES = [path.read_text(encoding="utf-8") for path in PROGRAMS.iterdir() if path.is_file()]
SETTINGS = {
    f"{name}={value.format(api='http://localhost:8000')}"
    for one in CLIENTS
    for name, value in one.environment.items()
}


PACKAGES = {re.split("==", package)[0] for one in CLIENTS for package in one.packages} | set(NODE_PACKAGES)
RUN = "python app.py"
STARTS = {f"{one.launcher} {RUN}" for one in CLIENTS if one.launcher}
CODE, PARTS = (
    [text for language, text in blocks_of(pages) if language != "bash"] for pages in (WHOLE, BEGINNINGS)
)
LINES = [line for language, text in blocks_of(HOW_TO) if language == "bash" for line in text.splitlines()]


def is_tried(line: str) -> bool:
    """Tell whether a line of a shell sets, installs or starts what some test does too."""
    if line.startswith("export "):
        return line.removeprefix("export ") in SETTINGS
    if found := re.fullmatch(r"(?:pip|npm) install (.+)", line):
        return set(found[1].split()) <= PACKAGES
    return line in STARTS


@pytest.mark.parametrize("block", CODE)
def test_code_is_a_whole_program_that_a_test_runs(block: str) -> None:
    # The first one goes on with other ways to ask.
    assert any(source.endswith(block) or f"{block}\nTOOL" in source for source in SOURCES)


@pytest.mark.parametrize("block", PARTS)
def test_the_beginning_of_a_program_is_lines_of_one_that_a_test_runs(block: str) -> None:
    lines = {line.strip() for line in block.splitlines()}
    assert any(lines <= {"", *(line.strip() for line in source.splitlines())} for source in SOURCES)


@pytest.mark.parametrize("line", LINES)
def test_a_line_for_the_shell_is_one_that_a_test_uses(line: str) -> None:
    assert is_tried(line)


@pytest.mark.parametrize(
    ("line", "tried"),
    [
        ("export LANGFUSE_PUBLIC_KEY=any", True),
        ("LANGFUSE_PUBLIC_KEY=any", False),  # does not reach the program
        ("export LANGFUSE_PUBLIC_KEY=none", False),
        ("pip install langfuse openai", True),
        ("pip install langfuze", False),
        ("npm install ai @ai-sdk/openai", True),
        ("openlit-instrument python app.py", True),
        ("python app.py", False),
    ],
)
def test_lines_are_told_apart(line: str, tried: bool) -> None:  # noqa: FBT001 a column of the table
    assert is_tried(line) is tried


def test_every_variable_that_a_test_sets_is_shown() -> None:
    silent = {"LITELLM_LOCAL_MODEL_COST_MAP=True"}  # keeps a test off the network, changes nothing here
    assert [setting for setting in SETTINGS - silent if setting not in HOW_TO] == []


def test_the_reference_lists_every_client_that_is_tried() -> None:
    rows = PAGE.read_text(encoding="utf-8")
    for client in CLIENTS:
        assert f"| {client.name} | {client.version} |" in rows


def test_there_are_programs() -> None:
    assert {client.program for client in CLIENTS} <= {path.name for path in PROGRAMS.iterdir()}
    assert len(CODE) >= 5


def test_every_client_is_counted_once() -> None:
    assert not [client.name for client in CLIENTS if "counted once" not in client.arrives]
