"""What the how-to shows is what the tests run: its blocks are lines of their programs, its variables theirs."""

from __future__ import annotations

import re

import pytest

from tests.clients.catalogue import CLIENTS
from tests.clients.environments import PROGRAMS
from tests.clients.page import PAGE

HOW_TO = "\n".join(
    (PAGE.parents[1] / "how-to" / name).read_text(encoding="utf-8")
    for name in ("send-opentelemetry.md", "send-from-frameworks.md", "langfuse.md")
)
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", HOW_TO, re.DOTALL)
SOURCES = [path.read_text(encoding="utf-8") for path in PROGRAMS.iterdir() if path.is_file()]
SETTINGS = {
    f"{name}={value.format(api='http://localhost:8000')}"
    for one in CLIENTS
    for name, value in one.environment.items()
}


@pytest.mark.parametrize("block", [text for language, text in BLOCKS if language])
def test_code_is_that_of_a_program_that_a_test_runs(block: str) -> None:
    assert any(block in source for source in SOURCES)


@pytest.mark.parametrize(
    "line", [line for language, text in BLOCKS if not language for line in text.splitlines()]
)
def test_a_variable_is_one_that_a_test_sets(line: str) -> None:
    assert line in SETTINGS


def test_every_variable_that_a_test_sets_is_shown() -> None:
    silent = {"LITELLM_LOCAL_MODEL_COST_MAP=True"}  # keeps a test off the network, changes nothing here
    assert [setting for setting in SETTINGS - silent if setting not in HOW_TO] == []


def test_the_reference_lists_every_client_that_is_tried() -> None:
    rows = PAGE.read_text(encoding="utf-8")
    for client in CLIENTS:
        assert f"| {client.name} | {client.version} |" in rows


def test_there_are_programs() -> None:
    assert {client.program for client in CLIENTS} <= {path.name for path in PROGRAMS.iterdir()}
    assert len([text for language, text in BLOCKS if language]) >= 5
