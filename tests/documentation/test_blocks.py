"""Every block names its language, is complete, and is run unless a table says why not.

No row of a table is left over.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import yaml

from monitoring.evaluation import ENTRY_POINT_GROUP
from monitoring.rules.file import parse_rules
from tests.documentation.blocks import PAGES, Block, blocks_of, read_blocks
from tests.documentation.tables import CHANGING, LANGUAGES, NOT_RUN, SAYS, NotRun, reason_of

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = {"bash", "python"}
READ = {"text", "csv", "yaml", "toml", "promql"}


def of(language: str) -> pytest.MarkDecorator:
    found = [block for block in BLOCKS if block.language == language]
    assert found
    return pytest.mark.parametrize("block", found, ids=[f"{block.page}:{block.line}" for block in found])


def test_there_are_blocks_on_many_pages() -> None:
    assert len(BLOCKS) >= 60
    assert len({block.page for block in BLOCKS}) >= 14


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")
def test_every_block_says_what_it_is_and_is_run_or_read_or_has_a_reason(block: Block) -> None:
    assert block.language in LANGUAGES
    assert block.language in RUN | READ or reason_of(block)


@pytest.mark.parametrize("row", NOT_RUN, ids=lambda row: f"{row.page}:{row.first_line[:40]}")
def test_what_is_not_run_is_there_and_says_why(row: NotRun) -> None:
    assert Counter(reason_of(block) for block in BLOCKS)[row] == row.blocks
    assert row.reason


def test_no_two_rows_are_about_the_same_block() -> None:
    assert len({(row.page, row.first_line) for row in NOT_RUN}) == len(NOT_RUN)


def test_what_commands_are_said_to_print_is_about_blocks_that_are_there() -> None:
    found = Counter((block.page, block.first_line) for block in BLOCKS if not reason_of(block))
    assert {key: found[key] for key in SAYS} == {key: len(texts) for key, texts in SAYS.items()}
    assert set(PAGES) >= CHANGING


@of("bash")
def test_a_command_is_one_for_the_shell(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)


def sets_for_nobody(line: str) -> bool:
    """Tell whether a line sets variables that no program will see.

    Such a line has no `export` and no command.
    """
    return bool(re.fullmatch(r"(?:[A-Za-z_]\w*=\S*\s*)+", line.partition(" #")[0].strip()))


@of("bash")
def test_what_is_set_reaches_programs(block: Block) -> None:
    assert not [line for line in block.text.splitlines() if sets_for_nobody(line)]


@pytest.mark.parametrize(
    ("line", "for_nobody"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", True),
        ("A=1 B=http://localhost:8000", True),
        ("A=1  # says so", True),
        ("export A=1 B=2", False),
        ("A=1 python main.py", False),
        ("llm-monitor policy --threshold toxicity=0.8", False),
        ("a dotted=path reaches", False),
    ],
)
def test_variables_for_nobody_are_told_apart(line: str, for_nobody: bool) -> None:  # noqa: FBT001 a column
    assert sets_for_nobody(line) is for_nobody


@of("python")
def test_a_program_is_whole(block: Block) -> None:
    ast.parse(block.text)


@of("js")
def test_a_script_is_whole(block: Block, tmp_path: Path) -> None:
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not on PATH")
    file = tmp_path / "block.mjs"
    file.write_text(block.text)
    subprocess.run([node, "--check", str(file)], check=True)


@of("yaml")
def test_a_file_of_rules_can_be_used(block: Block) -> None:
    found = yaml.safe_load(block.text)
    if "steps" in found:
        pytest.skip("these are steps of a workflow, which another test reads")
    assert found.keys() <= {"rules", "bias"}
    parse_rules(block.text)


@of("yaml")
def test_a_step_gives_inputs_that_its_action_has(block: Block) -> None:
    for step in yaml.safe_load(block.text).get("steps", ()):
        folder = step["uses"].partition("@")[0].partition("/.github/")[2]
        action = yaml.safe_load((ROOT / ".github" / folder / "action.yml").read_text(encoding="utf-8"))
        assert step["with"].keys() <= action["inputs"].keys()
        assert {name for name, one in action["inputs"].items() if one.get("required")} <= step["with"].keys()


@of("toml")
def test_an_entry_point_is_one_that_is_looked_for(block: Block) -> None:
    assert list(tomllib.loads(block.text)["project"]["entry-points"]) == [ENTRY_POINT_GROUP]


@of("text")
def test_what_is_printed_follows_a_command(block: Block) -> None:
    blocks = blocks_of(block.page)
    before = blocks[blocks.index(block) - 1]
    assert before.language in RUN


@of("csv")
def test_a_table_is_saved_under_a_name(block: Block) -> None:
    assert block.file_name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```bash\nls\n```\n", ("bash", "ls\n", None, False)),
        ("Save this as `a.yaml`:\n```yaml\na: 1\n```\n", ("yaml", "a: 1\n", "a.yaml", False)),
        ("Save this as `a.yaml`.\n```yaml\na: 1\n```\n", ("yaml", "a: 1\n", None, False)),
        ("```\nls\n```\n", ("", "ls\n", None, False)),
        ("Text.\n\n    ls\n", ("", "ls\n", None, False)),
        ("- item\n  ```bash\n  ls\n  ```\n", ("bash", "ls\n", None, False)),
        ("```bash\nexport A=1\npython main.py\n```\n", ("bash", "export A=1\npython main.py\n", None, True)),
        ("```bash\npython main.py --help\n```\n", ("bash", "python main.py --help\n", None, False)),
        ("```bash\nA=1 python main.py\n```\n", ("bash", "A=1 python main.py\n", None, True)),
    ],
)
def test_blocks_are_found(text: str, found: tuple[str, str, str | None, bool]) -> None:
    (block,) = read_blocks("page.md", text)
    assert (block.language, block.text, block.file_name, block.runs_on) == found
