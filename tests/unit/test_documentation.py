"""What pages say about this repository is true of it: links, files, routes, commands, settings."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from app.api.routes import ROUTERS
from app.cli.main import app as command_line
from app.cli.settings import variable_name
from app.config import Settings
from app.secret_files import SECRETS
from app.storage.tables import metadata

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FORMER = {"api/server.py"}  # the README says where it went
GLOSSARY = re.findall(
    r"^\| ([^|]+) \| [^|]+ \| `([\w.]+)` \|$",
    (ROOT / "docs" / "reference" / "glossary.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
COLUMNS = {str(column) for table in metadata.tables.values() for column in table.columns}
VARIABLES = {variable_name(name, field) for name, field in Settings.model_fields.items()}
VARIABLES |= {"LLM_MONITOR_BENCHMARK_DATA", *(f"{variable}_FILE" for variable in SECRETS.values())}
GENERATED = {
    "docs/explanation/accuracy.md",
    "docs/reference/behaviour.md",
    "docs/reference/clients.md",
    "docs/reference/configuration.md",
    "docs/reference/detectors.md",
    "docs/reference/performance.md",
}
WIDEST = 100


def mentioned_files(text: str) -> set[str]:
    """Files named in backticks with a folder before them, those of app/ also without it."""
    return set(re.findall(r"`((?:\.?\w+/)+[\w.*-]+\.(?:py|yml|toml|md))`", text)) - FORMER


def exists(name: str) -> bool:
    placeholders = ("/x.py", "test_x.py")
    return name.endswith(placeholders) or any(any(folder.glob(name)) for folder in (ROOT, ROOT / "app"))


def long_lines(text: str) -> list[str]:
    """Return lines of prose that are too long; links, code, tables and headings do not count."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = re.sub(r"\[[^\]]*\]\([^)]*\)", "", prose).splitlines()
    return [line for line in lines if len(line) > WIDEST and not line.startswith(("|", "#"))]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_file_that_is_named_exists(page: Path) -> None:
    missing = {name for name in mentioned_files(page.read_text(encoding="utf-8")) if not exists(name)}
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_variable_that_is_named_is_read(page: Path) -> None:
    assert set(re.findall(r"LLM_MONITOR_[A-Z_]+[A-Z]", page.read_text(encoding="utf-8"))) <= VARIABLES


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    registered: tuple[Any, ...] = (*command_line.registered_commands, *command_line.registered_groups)
    commands = {command.name or "" for command in registered}
    used = re.findall(r"(?:^|`|\()(?:\.venv/bin/)?llm-monitor ([a-z-]+)", text, re.MULTILINE)
    assert set(used) <= commands
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets


@pytest.mark.parametrize("name", sorted(set(NAMES) - GENERATED))
def test_prose_that_is_written_by_hand_has_lines_of_at_most_a_hundred_characters(name: str) -> None:
    assert not long_lines((ROOT / name).read_text(encoding="utf-8"))


def test_the_pages_that_programs_write_are_there() -> None:
    assert set(NAMES) >= GENERATED


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a " * 50 + "b", 1),
        ("a " * 49 + "ab", 0),
        ("- " + "a" * 99, 1),
        ("| " + "a" * 99, 0),
        ("# " + "a" * 99, 0),
        ("```bash\n" + "a" * 101 + "\n```\n", 0),
        ("```bash\na\n```\n" + "a" * 101, 1),
        ("[a](" + "b" * 101 + ")", 0),
        ("[" + "a" * 101 + "](b)", 0),
        ("[" + "a" * 101 + "]", 1),
    ],
)
def test_long_lines_are_found_in_prose_alone(text: str, found: int) -> None:
    assert len(long_lines(text)) == found


def test_every_route_has_its_place_in_the_readme() -> None:
    table = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("## Endpoints")[2].partition("\n## ")[0]
    )
    families = {"/metrics/safety", "/metrics/cost", "/metrics/relevance"}
    paths = {getattr(route, "path", "") for router in ROUTERS for route in router.routes}
    assert "/monitor/inference" in paths
    for path in paths - families:
        stem = re.split(r"/\{", path)[0]
        assert re.search(rf"{stem}(?![\w-])", table), path


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_is_short_has_its_parts_names_code_and_is_listed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("\n") <= 60
    assert text.startswith(f"# {int(page.name[:4])}. ")
    for part in ("**Status:**", "**Context.**", "**Decision.**", "**Consequences.**"):
        assert part in text
    assert re.search(r"`[\w/.*-]+\.py`", text)
    assert f"]({page.name})" in (page.parent / "README.md").read_text(encoding="utf-8")


def is_there(name: str) -> bool:
    """Tell whether a name is a table, a column, a module, or something in a module."""
    if name in metadata.tables or name in COLUMNS:
        return True
    module, _, rest = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), rest) or bool(importlib.import_module(name))
    except (ImportError, ValueError):
        return False


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("traces.kind", True), ("traces.kindness", False), ("rollup_batches", True), ("app.queue", True),
        ("monitoring.models.Record", True), ("monitoring.models.Recorder", False), ("nowhere.Record", False),
    ],
)  # fmt: skip
def test_what_carries_a_word_is_looked_for(name: str, *, there: bool) -> None:
    assert is_there(name) == there


@pytest.mark.parametrize(("word", "name"), GLOSSARY, ids=[word for word, _ in GLOSSARY])
def test_a_word_of_the_glossary_is_carried_by_something(word: str, name: str) -> None:
    assert is_there(name), word


def test_a_word_has_one_meaning() -> None:
    words = [word for word, _ in GLOSSARY]
    assert "score" in words
    assert sorted(words) == sorted(set(words))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("in `app/queue.py`, and", {"app/queue.py"}),
        ("`monitoring/kernels*.py`", {"monitoring/kernels*.py"}),
        ("`.github/workflows/ci.yml`", {".github/workflows/ci.yml"}),
        ("`queue.py` alone, `app/queue` and app/queue.py", set()),
    ],
)
def test_files_are_found_in_a_text(text: str, found: set[str]) -> None:
    assert mentioned_files(text) == found
