from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from plotly.io.json import to_json_plotly

from app.reports.one_trace import OneTrace
from app.schemas.feedback import Feedback
from app.schemas.listed import GivenScore, Restating
from app.schemas.traces import Trace
from dashboard.drawing.trace_detail import trace_detail
from dashboard.drawing.trace_facts import linker
from monitoring.models import Evidence, Failure, Score

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
EVIL = "<script>window.pwned = 1</script>"
TALK = (
    {"role": "system", "content": "You help."},
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "1", "content": "rain"},
)
GIVEN = GivenScore(
    evaluator="judge",
    source="langfuse",
    value=0.75,
    label="good",
    confidence=1.0,
    comment="well said",
    parts={"clarity": 3.0},
    created_at=AT,
)


def a_trace(**changes: Any) -> Trace:
    values: dict[str, Any] = {
        "project_id": "default",
        "trace_id": UUID(int=7),
        "job_id": "j",
        "source": "live",
        "kind": "llm",
        "occurred_at": AT,
        "model_name": "gpt-4",
        "prompt": "Weather?",
        "response": "It rains.",
        "scores": {},
        "pricing_status": "priced",
    }
    return Trace(**values | changes)


def drawn(one: OneTrace | Trace, search: str = "?period=7d") -> str:
    whole = one if isinstance(one, OneTrace) else OneTrace(one)
    return str(to_json_plotly(trace_detail(whole, linker(search)))).replace("\\u002f", "/")


def test_a_conversation_has_its_roles_and_its_tools() -> None:
    shown = drawn(a_trace(messages=TALK, system_prompt="You help."))
    order = [
        shown.index(words)
        for words in ("You help.", "Weather?", "Calls the tool get_weather", "rain", "It rains.")
    ]
    assert order == sorted(order)
    assert shown.count("Weather?") == 1
    assert "Oslo" in shown


@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        ({"response": "", "messages": TALK[:3]}, "get_weather", "empty"),
        ({"response": "", "error": "timeout"}, "none, because the call failed", "empty"),
        ({"response": ""}, "empty", "the call failed"),
        ({"messages": TALK, "context": ("rain",)}, "rain", "Context"),
        ({"messages": TALK, "context": ("rain", "a page")}, "a page", "Reference"),
        (
            {"kind": "tool", "model_name": "unknown", "metadata": {"span.name": "get_weather"}},
            "get_weather",
            "unknown",
        ),
        (
            {"error": "quota " * 100, "response": "", "overall_quality": 0.125, "safety_score": 1.0},
            "quota",
            "0.12",
        ),
        ({"error": "late", "overall_quality": 0.125}, "0.12", "the call failed"),
        ({"cache_read_tokens": 120, "time_to_first_token_ms": 210.0}, "210 ms", "Service tier"),
        ({"prompt_tokens": 12_345, "token_source": "reported"}, "12,345 in", "counted here"),
        ({"metadata": {"team": "search", "deep": {"a": [1]}}}, '{\\"a\\": [1]}', "Guard"),
    ],
)
def test_what_is_said_of_a_call(changes: dict[str, Any], said: str, unsaid: str) -> None:
    shown = drawn(a_trace(**changes))
    assert said in shown
    assert unsaid not in shown


def test_a_value_leads_to_the_calls_that_share_it() -> None:
    shown = drawn(
        a_trace(user_id="jane", template_id="t", tags=("x",), flags=("bias",), metadata={"odd key": "v"}),
        "?filter=cost+%3E+1&trace=x",
    )
    for condition in (
        "model+%3D+%22gpt-4%22",
        "user+%3D+%22jane%22",
        "tag+%3D+%22x%22",
        "flag+%3D+%22bias%22",
    ):
        assert f"/traces?filter=cost+%3E+1+and+{condition}" in shown
    assert "metadata.%22odd+key%22+%3D+%22v%22" in shown
    assert "trace=x" not in shown


def test_a_value_too_long_for_a_filter_is_no_link() -> None:
    assert "/traces?filter=user" not in drawn(a_trace(user_id="u" * 3000))


def test_findings_lead_to_their_place() -> None:
    found = Score(value=0.9, label="email", version="3", evidence=(Evidence("response", 3, 8, "an address"),))
    shown = drawn(a_trace(scores={"pii": found}, hits=("pii",)))
    assert '"data-finding":"finding-response-3"' in shown
    assert '"id":"finding-response-3"' in shown
    assert "version 3" in shown
    assert "exceeded" in shown


def test_scores_have_thresholds_and_others_have_theirs() -> None:
    whole = OneTrace(
        a_trace(
            scores={
                "relevance": Score(value=0.25, label="off_topic", version="2", parts={"topical": 0.125}),
                "custom": Failure(evaluator="custom", version="1", error="ValueError", message=EVIL),
            }
        ),
        opinions=(
            Feedback(
                feedback_id=UUID(int=1),
                trace_id=UUID(int=7),
                rating=2,
                comment=EVIL,
                categories=("false_alarm",),
                created_at=AT,
            ),
        ),
        restating=(Restating(trace_id=UUID(int=8), because=None),),
        given=(GIVEN,),
        thresholds={"relevance": 0.4},
    )
    shown = drawn(whole)
    for words in (
        "0.40",
        "Topical 0.12",
        "failed: ValueError",
        "2 of 5",
        "false alarm",
        "given by langfuse",
        "well said",
    ):
        assert words in shown
    assert "1 other span restates this call, and only the call counts." in shown


@pytest.mark.parametrize(
    "words", [EVIL, "\x1b[31mred", "\N{RIGHT-TO-LEFT OVERRIDE}exe", "=HYPERLINK(1)", "x" * 1_000_000]
)
def test_hostile_texts_are_text_and_bounded(words: str) -> None:
    texts = dict.fromkeys(
        ("prompt", "response", "model_name", "user_id", "template_id", "system_prompt", "error"), words
    )
    given = {
        **texts,
        "context": (words,),
        "tags": (words,),
        "metadata": {words[:300]: words},
        "cost_usd": Decimal(1),
    }
    messages = (
        {
            "role": words,
            "content": words,
            "tool_calls": [{"function": {"name": words, "arguments": words}}, 7],
        },
    )
    shown = drawn(a_trace(**given, messages=messages))
    assert "dangerously" not in shown
    assert len(shown) < 400_000
