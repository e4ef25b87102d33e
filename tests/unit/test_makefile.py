"""What each target of the Makefile would run, as make itself says it."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.unit.dockerfile import read_images

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
TARGETS = sorted(
    {name for line in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE) for name in line.split()}
)
PROMISED = {
    "build", "run", "run-api", "run-dash", "up", "down", "logs", "shell", "clean", "test",
    "test-local", "test-long", "run-local", "setup", "check", "reference", "help",
}  # fmt: skip
OF_COMPOSE = ["build", "run", "run-api", "run-dash", "up", "down", "logs", "shell", "clean"]
OF_PYTEST = ["test-local", "test-long", "bench-quick", "chaos", "abuse", "check", "clients", "image-test"]
BIN = ".venv/bin/"


class Command(NamedTuple):
    """One command of a target: its program, the words after it, and the variables before it."""

    program: str
    words: tuple[str, ...]
    variables: dict[str, str]


def ask(*arguments: str, folder: Path = ROOT) -> str:
    make = ["make", "--no-print-directory", "--directory", str(folder), *arguments]
    return subprocess.run(make, check=True, capture_output=True, text=True).stdout


def commands(target: str, *variables: str) -> list[Command]:
    """Return what a target would run, without running it."""
    text = ask("--dry-run", target, *variables, "COMPOSE=docker compose").replace("\\\n", " ")
    found = []
    for part in re.split(r"\n|; (?=status=)", text):
        words = shlex.split(part, comments=True)
        assigned = [word for word in words if re.match(r"[A-Z_]+=", word)]
        rest = [word for word in words if word not in assigned and word not in {"exec", "@exec"}]
        if rest:
            pairs = dict(word.split("=", 1) for word in assigned)
            found.append(Command(rest[0], tuple(rest[1:]), pairs))
    return found


def asked_of(target: str, program: str, *variables: str) -> list[Command]:
    return [one for one in commands(target, *variables) if one.program.removeprefix(BIN) == program]


def pytests_of(target: str, *variables: str) -> list[Command]:
    """Return every command of a target that runs tests."""
    return [one for one in asked_of(target, "python", *variables) if one.words[:2] == ("-m", "pytest")]


def test_every_target_is_explained_by_make_alone() -> None:
    listed = ask()
    assert listed == ask("help")
    explained = dict(re.findall(r"^  make (\S+) +(\S.*)$", listed, re.MULTILINE))
    assert set(explained) == set(TARGETS)
    assert set(TARGETS) >= PROMISED


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_target_runs_is_there(target: str) -> None:
    for one in commands(target):
        name = one.program.removeprefix(BIN)
        if one.program.startswith(BIN) and name != "pip-compile":  # which the target installs itself
            assert shutil.which(name, path=str(Path(sys.executable).parent)), one
        if name == "python" and one.words[:1] == ("-m",):
            assert importlib.util.find_spec(one.words[1]), one
        for word in one.words:
            if (
                re.fullmatch(r"(tests|deploy|benchmarks)(/[\w/.-]+)?|\w+\.py", word)
                and word != "deploy/pip.txt"
            ):
                assert (ROOT / word).exists(), one


@pytest.mark.parametrize("target", OF_COMPOSE)
def test_compose_is_asked_for_services_that_it_has(target: str) -> None:
    (asked,) = [one for one in asked_of(target, "docker") if one.words[0] == "compose"]
    assert {word for word in asked.words if word.startswith("llm-monitor")} <= set(SERVICES)


@pytest.mark.parametrize(
    ("target", "services"),
    [
        ("run", {"llm-monitor-full"}),
        ("run-api", {"llm-monitor-api", "llm-monitor-worker"}),
        ("run-dash", {"llm-monitor-dashboard"}),
        ("up", {"llm-monitor-api", "llm-monitor-worker", "llm-monitor-dashboard"}),
        ("shell", {"llm-monitor-api"}),
    ],
)
def test_a_target_starts_the_promised_services(target: str, services: set[str]) -> None:
    (asked,) = asked_of(target, "docker")
    assert {word for word in asked.words if word in SERVICES} == services
    assert ("--detach" in asked.words) == (target == "up")


@pytest.mark.parametrize(("target", "deletes"), [("down", False), ("clean", True), ("up", False)])
def test_only_clean_deletes_data(target: str, *, deletes: bool) -> None:
    (asked,) = asked_of(target, "docker")
    assert bool({"--volumes", "-v"} & set(asked.words)) == deletes


def test_tests_run_in_the_image_that_was_built_for_them() -> None:
    build, run = asked_of("test", "docker")
    options = dict(zip(build.words, build.words[1:], strict=False))
    assert options["--target"] in read_images((ROOT / "Dockerfile").read_text())
    assert (run.words[0], run.words[-1]) == ("run", options["--tag"])


def test_every_test_is_run_by_one_of_two_targets() -> None:
    (local,), (alone, rest) = pytests_of("test-local"), pytests_of("test-long")
    assert local.words[2] == rest.words[2] == "tests"
    marks = [one.words[one.words.index("-m", 1) + 1] for one in (local, alone, rest)]
    assert marks == ["not long", "long", "long"]
    left_out = {word.removeprefix("--ignore=") for word in rest.words if word.startswith("--ignore=")}
    assert {word for word in alone.words if word.startswith("tests/")} == left_out
    assert all((ROOT / path).exists() for path in left_out)


@pytest.mark.parametrize("target", OF_PYTEST)
def test_what_is_given_to_pytest_arrives(target: str) -> None:
    asked = pytests_of(target, "PYTEST_ARGS=-k rollups")
    assert asked
    assert all(one.words[-2:] == ("-k", "rollups") for one in asked)


@pytest.mark.parametrize(
    ("target", "given", "folder", "variable"),
    [
        ("chaos", "KILLS=50", "tests/chaos", "LLM_MONITOR_CHAOS_KILLS"),
        ("chaos", "SEED=50", "tests/chaos", "LLM_MONITOR_CHAOS_SEED"),
        ("abuse", "ONLY=50", "tests/abuse", "LLM_MONITOR_ABUSE_ONLY"),
        ("clients", "CLIENTS_PAGE=50", "tests/clients", "CLIENTS_PAGE"),
    ],
)
def test_what_is_chosen_is_told_to_the_tests_that_read_it(
    target: str, given: str, folder: str, variable: str
) -> None:
    (asked,) = pytests_of(target, given)
    assert folder in asked.words
    assert asked.variables[variable] == ("write" if target == "clients" else "50")
    sources = "".join(file.read_text() for file in (ROOT / folder).glob("*.py"))
    assert f'"{variable}"' in sources


def test_check_holds_all_that_lint_does_and_changes_nothing() -> None:
    checked, linted = ([one[:2] for one in commands(target)] for target in ("check", "lint"))
    assert [one for one in linted if one not in checked] == []
    for _, words in asked_of_ruff("check") + asked_of_ruff("lint"):
        assert "--fix" not in words
        assert words[0] != "format" or "--check" in words


def asked_of_ruff(target: str) -> list[tuple[str, tuple[str, ...]]]:
    found = [(one.program, one.words) for one in asked_of(target, "ruff")]
    assert found
    return found


def test_format_changes_files() -> None:
    assert {words for _, words in asked_of_ruff("format")} == {("format", "."), ("check", "--fix", ".")}


def test_make_writes_passwords_that_nobody_else_can_read_and_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    ask(".env", folder=tmp_path)
    written = tmp_path / ".env"
    values = dict(line.split("=") for line in written.read_text().splitlines())
    assert set(values) == {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in values.values())
    assert len(set(values.values())) == 2
    assert written.stat().st_mode & 0o777 == 0o600
    before = written.read_text()
    ask(".env", folder=tmp_path)
    assert written.read_text() == before


@pytest.mark.parametrize("target", OF_COMPOSE)
def test_every_target_that_asks_compose_has_passwords_first(tmp_path: Path, target: str) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    done = ask("--dry-run", target, "COMPOSE=docker compose", folder=tmp_path)
    assert "/dev/urandom" in done
    assert done.index("/dev/urandom") < done.index("docker compose")
