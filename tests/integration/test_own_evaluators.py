"""Evaluators from outside, which a file of rules or an installed package brings.

They run, their scores are stored and charted, and they flag.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.reports.quality import read_quality
from app.reports.safety import read_safety
from app.storage.engine import reading
from monitoring.models import Record
from monitoring.rules.evaluators import build_evaluators
from monitoring.rules.file import parse_rules
from monitoring.statistics.trends import window_of
from tests.integration.worker_rig import running_rig

ROOT = Path(__file__).resolve().parents[2]
RULES = """\
rules:
  - name: codename
    flag: codename_leak
    patterns:
      - {keyword: blue falcon, score: 0.9}
  - name: tone
    category: quality
    patterns:
      - {keyword: cheap, score: 0.7}
"""
PACKAGE = '''
from monitoring.models import Score

class Shouting:
    """Finds answers in capital letters alone, and nothing else; half of the letters is its threshold."""

    name, version, category = "shouting", "1", "safety"
    needs, flag, threshold = frozenset({"response"}), "shouting", 0.5

    def evaluate(self, batch):
        return [Score(value=float(r.response.isupper()), label="looked", version="1") for r in batch.records]
'''
REPORT = """
from monitoring.quality import QualityMonitor
trace = QualityMonitor().evaluate_response(prompt="Where?", response="OVER THERE")
print([flag.value for flag in trace.safety_assessment.flags], trace.safety_assessment.details["shouting"]["value"])
"""


def install(folder: Path, build: str) -> Path:
    """Install a package with one entry point, as pip does it, into a folder; returns the folder."""
    wheel = folder / "shouting-1.0-py3-none-any.whl"
    info = "shouting-1.0.dist-info"
    contents = {
        "shouting.py": f"{PACKAGE}\n{build}\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[llm_monitor.evaluators]\nshouting = shouting:build\n",
    }
    contents[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*contents, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as packed:
        for name, text in contents.items():
            packed.writestr(name, text)
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    subprocess.run([*command, str(target), str(wheel)], check=True, capture_output=True, timeout=120)
    return target


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_installed_package_brings_an_evaluator(tmp_path: Path) -> None:
    site = install(tmp_path, "def build():\n    return Shouting()")
    result = run("-c", REPORT, PYTHONPATH=str(site))
    assert result.stdout.strip().endswith("['shouting'] 1.0"), result.stderr


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        ("def build():\n    return 1 / 0", "failed with ZeroDivisionError: division by zero"),
        ("def build():\n    return 'shouting'", "built a str, which is no evaluator"),
        (
            "def build():\n    found = Shouting()\n    found.name = 'toxicity'\n    return found",
            "two evaluators are called toxicity",
        ),
    ],
)
def test_a_package_that_cannot_be_used_keeps_workers_from_starting(
    tmp_path: Path, build: str, complaint: str
) -> None:
    site = install(tmp_path, build)
    urls = {"DATABASE_URL": "postgresql://nowhere/x", "REDIS_URL": "redis://nowhere"}
    result = run("-m", "workers.main", PYTHONPATH=str(site), **urls)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert complaint in result.stderr


@pytest.mark.parametrize(
    "command", [("main.py",), ("-m", "workers.main"), ("-m", "app.cli.main", "rules", "FILE")]
)
def test_a_wrong_file_of_rules_is_refused_at_start(tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("score: 0.9", "score: 9"), encoding="utf-8")
    result = run(
        *(str(file) if word == "FILE" else word for word in command),
        LLM_MONITOR_RULES=str(file),
        LLM_MONITOR_DATA_DIR=str(tmp_path / "data"),
        DATABASE_URL="postgresql://nowhere/x",
        REDIS_URL="redis://nowhere",
    )
    assert result.returncode == 2
    assert result.stderr == (f"llm-monitor: {file}:5: `score` is 9: it is a number above 0 and at most 1\n")


def test_rules_are_tried_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    result = run("-m", "app.cli.main", "rules", str(file), "--response", "Ask Blue Falcon.")
    assert result.stdout.splitlines() == [
        "codename: safety, raises codename_leak, threshold 0.5, reads response",
        "  0.9, found",
        "  response 4-15: blue falcon",
        "tone: quality, threshold 0.5, reads response",
        "  1, none",
    ]


async def test_rules_are_stored_charted_and_flag(database_url: str, redis_url: str) -> None:
    evaluators = build_evaluators(parse_rules(RULES).rules)
    async with running_rig(database_url, redis_url, evaluators=evaluators) as rig:
        await rig.accept(
            [
                Record(prompt="Who?", response="Blue Falcon, of course."),
                Record(prompt="How?", response="Something cheap."),
                Record(prompt="At what time?", response="Tomorrow."),
            ]
        )
        await rig.drain()
        stored = await rig.rows("SELECT flags, scores FROM traces ORDER BY prompt DESC")
        window = window_of("1h", datetime.now(UTC))
        async with reading(rig.engine) as connection:
            safety = await read_safety(connection, "default", window, raisers={"codename_leak": {"codename"}})
            quality = await read_quality(connection, "default", window)
    assert [row["flags"] for row in stored] == [["codename_leak"], [], []]
    assert stored[0]["scores"]["codename"]["evidence"][0]["reason"] == "blue falcon"
    assert (safety.safety_violations, safety.common_flags) == (1, ("codename_leak",))
    assert (safety.flags["codename_leak"].count, safety.flags["codename_leak"].rate) == (
        1,
        pytest.approx(1 / 3),
    )
    assert quality.scores["tone"].count == 3
    assert quality.scores["tone"].average == pytest.approx((1 + 0.3 + 1) / 3)
