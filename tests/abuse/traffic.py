"""What the well-behaved tenant sends: ordinary calls, as records and as spans."""

from __future__ import annotations

import time
from typing import Any

from app.otlp.signals import Span

SPANS, BULK = 5, 20
SENTENCES = (
    "Rain fell on 120 days in the north.",
    "Write to jane.doe@example.com for the report.",
    "The capital of France is Paris.",
    "In 2023 the harbour was closed for repairs.",
)


def make_record(client_id: str, number: int) -> dict[str, Any]:
    """Return a record of an ordinary call, priced, with a user and a session."""
    return {
        "id": client_id,
        "prompt": f"What does chapter {number % 99} say? {SENTENCES[number % len(SENTENCES)]}",
        "response": " ".join(SENTENCES[(number + place) % len(SENTENCES)] for place in range(1 + number % 4)),
        "model_name": ("gpt-4", "gpt-4o-mini")[number % 2],
        "user_id": f"user-{number % 40}",
        "session_id": f"session-{number % 200}",
        "response_time_ms": 10 + number % 4000,
    }


def make_spans(number: int) -> list[Span]:
    """Return calls of one trace, as an OpenTelemetry client exports them.

    All ids follow from the number.
    """
    now = time.time_ns()
    return [
        Span(
            trace_id=(0xA11CE << 64 | number + 1).to_bytes(16),
            span_id=(0xA11CE << 40 | number * SPANS + place + 1).to_bytes(8),
            parent_id=b"",
            name="chat",
            start_ns=now - 250_000_000,
            end_ns=now,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 10,
                "input.value": f"Question {number}?",
                "output.value": SENTENCES[place % len(SENTENCES)],
            },
        )
        for place in range(SPANS)
    ]
