"""Where each convention puts what was said: OpenTelemetry old and new, OpenInference, OpenLLMetry, Vercel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from app.otlp.attributes import Attributes, parsed, unflatten
from app.otlp.messages import Conversation, Message, read_messages
from app.otlp.signals import LogRecord, Span, SpanEvent

__all__ = ["CONTENT_EVENTS", "DETAILS_EVENT", "conversation_of", "conversation_of_logs", "documents_of"]

DETAILS_EVENT = "gen_ai.client.inference.operation.details"
_CHOICE_EVENT = "gen_ai.choice"
_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CONTENT_EVENTS = frozenset({DETAILS_EVENT, _CHOICE_EVENT, *_MESSAGE_EVENTS})

# One attribute that holds everything, in the order in which conventions are believed.
_INPUT_VALUES = (
    "ai.prompt.messages",
    "ai.prompt",
    "ai.values",
    "ai.value",
    "langfuse.observation.input",
    "input.value",
    "mlflow.spanInputs",
    "traceloop.entity.input",
    "gen_ai.tool.call.arguments",
    "ai.toolCall.args",
    "gen_ai.retrieval.query.text",
)
_OUTPUT_VALUES = (
    "ai.response.object",
    "ai.result.text",
    "ai.result.object",
    "langfuse.observation.output",
    "output.value",
    "mlflow.spanOutputs",
    "traceloop.entity.output",
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
)
_QUERY_EVENTS = frozenset({"db.query.result", "db.search.result"})

_Reader = Callable[[Attributes, tuple[SpanEvent, ...]], list[Message]]


def conversation_of(span: Span) -> Conversation:
    """Return what a span says about its messages, by the first convention that says something."""
    return _conversation(span.attributes, span.events)


def conversation_of_logs(logs: Iterable[LogRecord]) -> Conversation:
    """Return what the GenAI events of one span say together, in order of time."""
    inputs: list[Message] = []
    outputs: list[Message] = []
    system = None
    for log in sorted(logs, key=lambda one: one.time_ns):
        body = log.body if isinstance(log.body, Mapping) else {}
        if log.event == DETAILS_EVENT:
            part = _conversation({**body, **log.attributes}, ())
            inputs += part.inputs
            outputs += part.outputs
            system = system or part.system
        else:
            content = body or ({"content": log.body} if log.body else log.attributes)
            said = list(_said(log.event, content))
            (outputs if log.event == _CHOICE_EVENT else inputs).extend(said)
    return Conversation(inputs, outputs, system)


def documents_of(span: Span) -> tuple[str, ...]:
    """Return the texts of the documents that a span retrieved, in their order."""
    attributes = span.attributes
    listed = parsed(attributes.get("gen_ai.retrieval.documents"))
    documents = [*(listed if isinstance(listed, list) else ())]
    for prefix in ("retrieval.documents", "reranker.output_documents"):
        documents += unflatten(attributes, prefix)
    texts = (_document(document) for document in documents)
    found = [text for text in texts if text]
    for event in span.events:
        if event.name in _QUERY_EVENTS:
            text = event.attributes.get(f"{event.name}.document")
            if isinstance(text, str) and text:
                found.append(text)
    return tuple(dict.fromkeys(found))


def _document(value: Any) -> str:
    value = parsed(value)
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return ""
    inner = value.get("document")
    if isinstance(inner, Mapping):
        value = inner
    texts = (value.get(name) for name in ("content", "text", "page_content", "pageContent"))
    return next((text for text in texts if isinstance(text, str)), "")


def _conversation(attributes: Attributes, events: tuple[SpanEvent, ...]) -> Conversation:
    instructions = read_messages(attributes.get("gen_ai.system_instructions"), "system")
    return Conversation(
        _first(_INPUTS, attributes, events),
        _first(_OUTPUTS, attributes, events),
        "\n".join(message["content"] for message in instructions) or None,
    )


def _first(
    readers: Iterable[_Reader], attributes: Attributes, events: tuple[SpanEvent, ...]
) -> list[Message]:
    for read in readers:
        found = read(attributes, events)
        if found:
            return found
    return []


def _said(event: str, content: Mapping[str, Any]) -> Iterator[Message]:
    """Return the messages of one GenAI event, whose content is its body or its attributes."""
    role = _MESSAGE_EVENTS.get(event, "assistant")
    inner = parsed(content.get("gen_ai.event.content"))
    raw = dict(inner if isinstance(inner, Mapping) else content)
    message = parsed(raw.get("message"))
    if message is not None:
        yield from read_messages(message, role)
    elif raw.keys() & {"content", "tool_calls", "parts"}:
        yield from read_messages({**raw, "role": raw.get("role") or role}, role)


def _semconv_inputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> list[Message]:
    return read_messages(attributes.get("gen_ai.input.messages"), "user")


def _semconv_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> list[Message]:
    return read_messages(attributes.get("gen_ai.output.messages"), "assistant")


def _event_inputs(_: Attributes, events: tuple[SpanEvent, ...]) -> list[Message]:
    found: list[Message] = []
    for event in events:
        if event.name == DETAILS_EVENT:
            found += read_messages(event.attributes.get("gen_ai.input.messages"), "user")
        elif event.name in _MESSAGE_EVENTS:
            found += _said(event.name, event.attributes)
        elif event.name == "gen_ai.content.prompt":
            found += read_messages(event.attributes.get("gen_ai.prompt"), "user")
    return found


def _event_outputs(_: Attributes, events: tuple[SpanEvent, ...]) -> list[Message]:
    found: list[Message] = []
    for event in events:
        if event.name == DETAILS_EVENT:
            found += read_messages(event.attributes.get("gen_ai.output.messages"), "assistant")
        elif event.name == _CHOICE_EVENT:
            found += _said(event.name, event.attributes)
        elif event.name == "gen_ai.content.completion":
            found += read_messages(event.attributes.get("gen_ai.completion"), "assistant")
    return found


def _openllmetry_inputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> list[Message]:
    return read_messages(unflatten(attributes, "gen_ai.prompt") or attributes.get("gen_ai.prompt"), "user")


def _openllmetry_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> list[Message]:
    value = unflatten(attributes, "gen_ai.completion") or attributes.get("gen_ai.completion")
    return read_messages(value, "assistant")


def _openinference_inputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> list[Message]:
    found = read_messages(unflatten(attributes, "llm.input_messages"), "user")
    if not found:
        prompts = unflatten(attributes, "llm.prompts") or _as_list(parsed(attributes.get("llm.prompts")))
        found = read_messages([_inner(item, "prompt") for item in prompts], "user")
    if not found:
        embedded = unflatten(attributes, "embedding.embeddings")
        found = read_messages([_inner(item, "embedding") for item in embedded], "user")
    return found


def _openinference_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> list[Message]:
    found = read_messages(unflatten(attributes, "llm.output_messages"), "assistant")
    if not found:
        choices = unflatten(attributes, "llm.choices")
        found = read_messages([_inner(item, "completion") for item in choices], "assistant")
    return found


def _vercel_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> list[Message]:
    text, calls = attributes.get("ai.response.text"), attributes.get("ai.response.toolCalls")
    if not text and not calls:
        return []
    raw = {"role": "assistant", "content": text or "", "tool_calls": calls}
    return read_messages(raw, "assistant")


def _single_value(names: Iterable[str], role: str) -> _Reader:
    def read(attributes: Attributes, _: tuple[SpanEvent, ...]) -> list[Message]:
        for name in names:
            found = read_messages(attributes.get(name), role)
            if found:
                return found
        return []

    return read


def _inner(item: Any, name: str) -> Any:
    """Return the text inside `{"prompt": {"text": …}}` and the like."""
    inner = item.get(name) if isinstance(item, Mapping) else item
    return inner.get("text") if isinstance(inner, Mapping) else inner


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_INPUTS: tuple[_Reader, ...] = (
    _semconv_inputs,
    _event_inputs,
    _openinference_inputs,
    _openllmetry_inputs,
    _single_value(_INPUT_VALUES, "user"),
)
_OUTPUTS: tuple[_Reader, ...] = (
    _semconv_outputs,
    _event_outputs,
    _openinference_outputs,
    _openllmetry_outputs,
    _vercel_outputs,
    _single_value(_OUTPUT_VALUES, "assistant"),
)
