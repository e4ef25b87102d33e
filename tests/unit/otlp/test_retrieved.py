from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.otlp.spans import record_of, span

PASSAGE = "It is dry in Paris today."
DOCUMENT = {"page_content": PASSAGE, "metadata": {"source": "a"}, "type": "Document"}


@pytest.mark.parametrize(
    ("attributes", "context"),
    [
        (
            {"langsmith.span.kind": "retriever", "gen_ai.completion": json.dumps({"documents": [DOCUMENT]})},
            (PASSAGE,),
        ),
        ({"mlflow.spanType": '"RETRIEVER"', "mlflow.spanOutputs": json.dumps([DOCUMENT])}, (PASSAGE,)),
        (
            {"langfuse.observation.type": "retriever", "langfuse.observation.output": json.dumps([DOCUMENT])},
            (PASSAGE,),
        ),
        (
            {"langfuse.observation.type": "retriever", "langfuse.observation.output": json.dumps([PASSAGE])},
            (PASSAGE,),
        ),
        (
            {
                "openinference.span.kind": "RETRIEVER",
                "retrieval.documents.0.document.content": "b",
                "output.value": json.dumps([DOCUMENT]),
            },
            ("b",),
        ),
        ({"langsmith.span.kind": "retriever", "gen_ai.completion": PASSAGE}, ()),
        ({"langsmith.span.kind": "retriever", "gen_ai.completion": json.dumps({"documents": "none"})}, ()),
        ({"langsmith.span.kind": "llm", "gen_ai.completion": json.dumps({"documents": [DOCUMENT]})}, ()),
        ({"langsmith.span.kind": "chain", "gen_ai.completion": json.dumps([DOCUMENT])}, ()),
    ],
)
def test_what_a_retriever_answers_is_its_documents(
    attributes: dict[str, Any], context: tuple[str, ...]
) -> None:
    assert record_of(span(attributes)).context == context


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "A b.", "contents": [{"message_content": {"type": "text", "text": "A b."}}]}, "A b."),
        (
            {"content": "A\nb.", "contents": [{"type": "text", "text": "A"}, {"type": "text", "text": "b."}]},
            "A\nb.",
        ),
        ({"content": "A", "contents": [{"type": "text", "text": "b"}]}, "A\nb"),
        ({"contents": [{"type": "text", "text": "A"}, {"type": "text", "text": "A"}]}, "A\nA"),
    ],
)
def test_a_message_told_as_text_and_as_parts_is_told_once(message: dict[str, Any], text: str) -> None:
    outputs = json.dumps([{"role": "assistant", **message}])
    assert (
        record_of(span({"gen_ai.operation.name": "chat", "gen_ai.output.messages": outputs})).response == text
    )
