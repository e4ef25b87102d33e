import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from monitoring import quality
from monitoring.evaluator import Category
from monitoring.models import Evidence, Record, Score, TextField
from monitoring.quality import HallucinationDetector, QualityMonitor, SafetyEvaluator
from monitoring.verdict import Policy

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Marker:
    """Finds the word it is named after, and raises on BOOM."""

    name: str = "toxicity"
    version: str = "9"
    category: Category = "safety"
    needs: frozenset[TextField] = frozenset({"response"})
    flag: str | None = "toxicity"
    threshold: float | None = 0.5

    def evaluate(self, batch: Any) -> Any:
        if any("BOOM" in text for text in batch.texts("response")):
            raise RuntimeError("it went off")
        return [self._score(text) for text in batch.texts("response")]

    def _score(self, text: Any) -> Any:
        at = text.find(self.name)
        if at < 0:
            return Score(value=0.1, label="clean", version="9")
        found = Evidence("response", at, at + len(self.name), "named")
        return Score(value=0.9, label="found", version="9", evidence=(found,))


@pytest.fixture
def monitor() -> Any:
    return QualityMonitor([Marker()], clock=lambda: NOW)


def test_evidence_and_default_fields_are_in_the_details(monitor: Any) -> None:
    trace = monitor.evaluate_response("q", "some toxicity here")
    assert trace.safety_assessment.details == {
        "toxicity": {
            "value": 0.9,
            "label": "found",
            "version": "9",
            "confidence": 1.0,
            "evidence": [{"field": "response", "start": 5, "end": 13, "reason": "named"}],
            "parts": {},
        }
    }
    assert [flag.value for flag in trace.safety_assessment.flags] == ["toxicity"]


def test_a_failing_evaluator_is_a_detail_and_no_verdict(monitor: Any) -> None:
    safety = monitor.evaluate_response("q", "BOOM").safety_assessment
    assert safety.details["toxicity"] == {
        "evaluator": "toxicity",
        "version": "9",
        "error": "RuntimeError",
        "message": "it went off",
    }
    assert safety.safety_score is None
    assert safety.flags == ()


def test_many_records_keep_their_order_and_their_times(monitor: Any) -> None:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    records = [
        Record(prompt="q", response="fine", timestamp=then, model_name="claude-3"),
        Record(prompt="q", response="toxicity", prompt_tokens=1000, completion_tokens=500),
    ]
    first, second = monitor.evaluate_records(records)
    assert (first.response, first.timestamp, first.safety_assessment.is_safe) == ("fine", then, True)
    assert (second.timestamp, second.safety_assessment.is_safe) == (NOW, False)
    assert second.cost_metrics.total_tokens == 1500
    assert monitor.evaluate_records([]) == []


def test_reported_tokens_are_priced_by_name_or_by_own_prices() -> None:
    own = QualityMonitor([Marker()], overrides={"mine": {"prompt": 1e-6, "completion": 2e-6}})
    trace = own.evaluate_response("q", "a", "mine", prompt_tokens=1000, completion_tokens=500)
    assert trace.cost_metrics.cost_usd == Decimal("0.002")
    assert own.evaluate_response("q", "a", "gpt-4o", provider="nobody").cost_metrics.cost_usd is None
    assert own.evaluate_response("q", "a", "gpt-4o", provider="openai").cost_metrics.cost_usd > 0


def test_a_policy_decides_when_to_flag() -> None:
    strict = QualityMonitor([Marker()], policy=Policy(thresholds={"toxicity": 0.05}))
    assert strict.evaluate_response("q", "clean").safety_assessment.is_safe is False


def test_switches_reach_the_evaluator_of_their_name(monitor: Any) -> None:
    trace = monitor.evaluate_response("q", "toxicity", check_toxicity=False)
    assert trace.safety_assessment.details == {}
    other = monitor.evaluate_response(
        "q", "toxicity", check_bias=False, check_pii=False, check_hallucination=False
    )
    assert "toxicity" in other.safety_assessment.details


@pytest.mark.parametrize(
    ("given", "kept"),
    [("plain", "plain"), ("a\ud800b", "a\ufffdb"), ("\ud83d\ude00", "\N{GRINNING FACE}")],
)
def test_lone_surrogates_are_replaced_and_split_pairs_joined(monitor: Any, given: str, kept: str) -> None:
    trace = monitor.evaluate_response(
        given, given, given, system_prompt=given, context=[given], reference=given
    )
    assert (trace.prompt, trace.response, trace.model_name) == (kept, kept, kept)


def test_evaluators_are_built_once_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    builds = []
    all_started = threading.Event()

    def find() -> Any:
        builds.append(1)
        assert all_started.wait(10)
        return (Marker(), Marker(name="hallucination", flag="hallucination"))

    monkeypatch.setattr(quality, "_built", [])
    monkeypatch.setattr(quality, "find_evaluators", find)
    threads = [threading.Thread(target=QualityMonitor().evaluate_response, args=("q", "a")) for _ in range(8)]
    for thread in threads:
        thread.start()
    all_started.set()
    for thread in threads:
        thread.join()
    assert HallucinationDetector().detect_hallucination("a hallucination")[:2] == (True, 0.9)
    assert SafetyEvaluator().evaluate_safety("fine").flags == ()
    assert builds == [1]


def test_importing_the_api_builds_nothing_and_reads_no_prices() -> None:
    code = """
import sys
import monitoring.quality, monitoring.cost
assert not monitoring.quality._built
assert "genai_prices" not in sys.modules
assert not [name for name in sys.modules if name.startswith("bpe_openai")]
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
