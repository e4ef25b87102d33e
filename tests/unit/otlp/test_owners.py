"""User, session and tags of spans under the names of each convention."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.otlp.owners import Owner, owner_of
from tests.unit.otlp.spans import record_of, span

LANGCHAIN = {"user_id": "u", "thread_id": "s", "tags": ["a", "b"], "ls_provider": "openai"}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"user.id": "u", "session.id": "s", "tag.tags": ["a"]}, Owner("u", "s", ("a",))),
        ({"metadata": json.dumps(LANGCHAIN)}, Owner("u", "s", ("a", "b"))),
        ({"metadata": LANGCHAIN}, Owner("u", "s", ("a", "b"))),
        ({"metadata": json.dumps({"userId": 7, "conversation_id": "s"})}, Owner("7", "s")),
        ({"metadata": json.dumps(LANGCHAIN), "user.id": "own"}, Owner("own", "s", ("a", "b"))),
        (
            {
                "langsmith.metadata.user_id": "u",
                "langsmith.metadata.thread_id": "s",
                "langsmith.span.tags": "a, b",
            },
            Owner("u", "s", ("a", "b")),
        ),
        (
            {
                "ai.telemetry.metadata.userId": "u",
                "ai.telemetry.metadata.conversationId": "s",
                "ai.telemetry.metadata.tags": ["a"],
            },
            Owner("u", "s", ("a",)),
        ),
        (
            {
                "langfuse.trace.metadata.langfuse_user_id": "u",
                "langfuse.trace.metadata.langfuse_session_id": "s",
                "langfuse.trace.tags": ["a"],
            },
            Owner("u", "s", ("a",)),
        ),
        (
            {
                "traceloop.association.properties.user_id": "u",
                "traceloop.association.properties.thread_id": "s",
                "traceloop.association.properties.tags": ["a"],
            },
            Owner("u", "s", ("a",)),
        ),
        ({"llm.user": "u", "metadata.session_id": "s", "metadata.tags": '["a"]'}, Owner("u", "s", ("a",))),
        ({"metadata": "no object"}, Owner()),
        ({"metadata": '["u"]'}, Owner()),
        ({"metadata": json.dumps({"user": {"id": "u"}, "user_id": "", "tags": "a"})}, Owner()),
        ({"user.name": "u", "session": "s", "tags": ["a"]}, Owner()),
        ({}, Owner()),
    ],
)
def test_owners_are_read_from_their_names(attributes: dict[str, Any], expected: Owner) -> None:
    assert owner_of(span(attributes)) == expected


@pytest.mark.parametrize(
    ("attributes", "process", "expected"),
    [
        ({}, {"user.id": "p"}, Owner("p", None, (), ("inherited_user",))),
        (
            {"user.id": "u"},
            {"user.id": "p", "session.id": "boot"},
            Owner("u", "boot", (), ("inherited_session",)),
        ),
        ({"tag.tags": ["a"]}, {"tag.tags": "p, q,,"}, Owner(None, None, ("a", "p", "q"))),
        ({"user.id": "u"}, {"service.name": "shop"}, Owner("u")),
    ],
)
def test_what_the_process_says_holds_where_the_span_says_nothing(
    attributes: dict[str, Any], process: dict[str, Any], expected: Owner
) -> None:
    assert owner_of(span(attributes, resource=process)) == expected


def test_metadata_of_the_process_are_kept_where_they_are_about_its_traces() -> None:
    process = {"langfuse.trace.metadata.plan": "gold", "metadata": '{"team":"red"}', "host.name": "h"}
    metadata = record_of(span({"gen_ai.operation.name": "chat"}, resource=process)).metadata
    assert metadata["langfuse.trace.metadata.plan"] == "gold"
    assert metadata["metadata.team"] == "red"
    assert "host.name" not in metadata
