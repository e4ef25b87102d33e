"""Where each convention puts what was said: OpenTelemetry old and new, OpenInference, OpenLLMetry, Vercel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.otlp.attributes import Attributes, parsed, unflatten
from app.otlp.signals import LogRecord, Span, SpanEvent
from monitoring.conversation import Conversation, Reading, read_messages

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

_EVENT_LISTS = ("events", "all_messages_events")

# One attribute that holds everything, in the order in which conventions are believed.
_INPUT_VALUES = (
    "ai.prompt.messages",
    "ai.prompt",
    "ai.values",
    "ai.value",
    "langfuse.observation.input",
    "gcp.vertex.agent.llm_request",
    "request_data",
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
    "gcp.vertex.agent.llm_response",
    "response_data",
    "final_result",
    "output.value",
    "mlflow.spanOutputs",
    "traceloop.entity.output",
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
)
_OUTPUT_DOCUMENTS = (
    "langfuse.observation.output",
    "mlflow.spanOutputs",
    "gen_ai.completion",
    "output.value",
    "traceloop.entity.output",
)
_QUERY_EVENTS = frozenset({"db.query.result", "db.search.result"})

_NOTHING = Reading([])
_Reader = Callable[[Attributes, tuple[SpanEvent, ...]], Reading]


def conversation_of(span: Span) -> Conversation:
    """Return what a span says about its messages, by the first convention that says something."""
    return _conversation(span.attributes, span.events)


def conversation_of_logs(logs: Iterable[LogRecord]) -> Conversation:
    """Return what the GenAI events of one span say together, in order of time."""
    inputs, outputs = _NOTHING, _NOTHING
    system = None
    for log in sorted(logs, key=lambda one: one.time_ns):
        body = log.body if isinstance(log.body, Mapping) else {}
        if log.event == DETAILS_EVENT:
            part = _conversation({**body, **log.attributes}, ())
            inputs = _together(inputs, Reading([*part.inputs], part.marks))
            outputs = _together(outputs, Reading([*part.outputs]))
            system = system or part.system
        else:
            content = body or ({"content": log.body} if log.body else log.attributes)
            said = _said(log.event, content)
            if log.event == _CHOICE_EVENT:
                outputs = _together(outputs, said)
            else:
                inputs = _together(inputs, said)
    return Conversation(inputs.messages, outputs.messages, system, _marks(inputs, outputs))


def documents_of(span: Span, *, retriever: bool = False) -> tuple[str, ...]:
    """Return the texts of the documents that a span retrieved, in their order.

    Those of a `retriever` may be its output, as LangSmith, MLflow and Langfuse have them.
    """
    attributes = span.attributes
    listed = parsed(attributes.get("gen_ai.retrieval.documents"))
    documents = [*(listed if isinstance(listed, list) else ())]
    for prefix in ("retrieval.documents", "reranker.output_documents"):
        documents += unflatten(attributes, prefix)
    if retriever and not documents:
        documents = _documents_among(parsed(attributes.get(name)) for name in _OUTPUT_DOCUMENTS)
    texts = (_document(document) for document in documents)
    found = [text for text in texts if text]
    for event in span.events:
        if event.name in _QUERY_EVENTS:
            text = event.attributes.get(f"{event.name}.document")
            if isinstance(text, str) and text:
                found.append(text)
    return tuple(dict.fromkeys(found))


def _documents_among(outputs: Iterable[Any]) -> list[Any]:
    for output in outputs:
        listed = output.get("documents") if isinstance(output, Mapping) else output
        if isinstance(listed, list):
            return listed
    return []


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
    told = [attributes, *(event.attributes for event in events if event.name == DETAILS_EVENT)]
    instructed = (one["gen_ai.system_instructions"] for one in told if one.get("gen_ai.system_instructions"))
    instructions = read_messages(next(instructed, None), "system")
    inputs, outputs = _first(_INPUTS, attributes, events), _first(_OUTPUTS, attributes, events)
    return Conversation(
        inputs.messages,
        outputs.messages,
        "\n".join(message["content"] for message in instructions.messages) or None,
        _marks(inputs, outputs),
    )


def _first(readers: Iterable[_Reader], attributes: Attributes, events: tuple[SpanEvent, ...]) -> Reading:
    for read in readers:
        found = read(attributes, events)
        if found.messages:
            return found
    return _NOTHING


def _together(*readings: Reading) -> Reading:
    return Reading([message for one in readings for message in one.messages], _marks(*readings))


def _marks(*readings: Reading) -> tuple[str, ...]:
    return tuple(dict.fromkeys(mark for one in readings for mark in one.marks))


def _said(event: str, content: Mapping[str, Any]) -> Reading:
    """Return the messages of one GenAI event, whose content is its body or its attributes."""
    role = _MESSAGE_EVENTS.get(event, "assistant")
    inner = parsed(content.get("gen_ai.event.content"))
    raw = dict(inner if isinstance(inner, Mapping) else content)
    message = parsed(raw.get("message"))
    if message is not None:
        return read_messages(message, role)
    if raw.keys() & {"content", "tool_calls", "parts"}:
        # Strands writes the list of parts as JSON into the one text that an event has.
        return read_messages(
            {**raw, "content": parsed(raw.get("content")), "role": raw.get("role") or role}, role
        )
    return _NOTHING


def _semconv_inputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    return read_messages(attributes.get("gen_ai.input.messages"), "user")


def _semconv_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    return read_messages(attributes.get("gen_ai.output.messages"), "assistant")


def _event_inputs(_: Attributes, events: tuple[SpanEvent, ...]) -> Reading:
    found: list[Reading] = []
    for event in events:
        if event.name == DETAILS_EVENT:
            found.append(read_messages(event.attributes.get("gen_ai.input.messages"), "user"))
        elif event.name in _MESSAGE_EVENTS:
            found.append(_said(event.name, event.attributes))
        elif event.name == "gen_ai.content.prompt":
            found.append(read_messages(event.attributes.get("gen_ai.prompt"), "user"))
    return _together(*found)


def _event_outputs(_: Attributes, events: tuple[SpanEvent, ...]) -> Reading:
    found: list[Reading] = []
    for event in events:
        if event.name == DETAILS_EVENT:
            found.append(read_messages(event.attributes.get("gen_ai.output.messages"), "assistant"))
        elif event.name == _CHOICE_EVENT:
            found.append(_said(event.name, event.attributes))
        elif event.name == "gen_ai.content.completion":
            found.append(read_messages(event.attributes.get("gen_ai.completion"), "assistant"))
    return _together(*found)


def _listed_inputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    return read_messages(_listed_events(attributes, choices=False), "user")


def _listed_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    return read_messages(_listed_events(attributes, choices=True), "assistant")


def _listed_events(attributes: Attributes, *, choices: bool) -> list[Any]:
    """Return the GenAI events that pydantic-ai and Logfire list in one attribute, choices or all others."""
    for name in _EVENT_LISTS:
        listed = parsed(attributes.get(name))
        if isinstance(listed, list):
            events = [one for one in listed if isinstance(one, Mapping)]
            return [one for one in events if (one.get("event.name") == _CHOICE_EVENT) is choices]
    return []


def _openllmetry_inputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    return read_messages(unflatten(attributes, "gen_ai.prompt") or attributes.get("gen_ai.prompt"), "user")


def _openllmetry_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    value = unflatten(attributes, "gen_ai.completion") or attributes.get("gen_ai.completion")
    return read_messages(value, "assistant")


def _openinference_inputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    found = read_messages(unflatten(attributes, "llm.input_messages"), "user")
    if not found.messages:
        prompts = unflatten(attributes, "llm.prompts") or _as_list(parsed(attributes.get("llm.prompts")))
        found = read_messages([_inner(item, "prompt") for item in prompts], "user")
    if not found.messages:
        embedded = unflatten(attributes, "embedding.embeddings")
        found = read_messages([_inner(item, "embedding") for item in embedded], "user")
    return found


def _openinference_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    found = read_messages(unflatten(attributes, "llm.output_messages"), "assistant")
    if not found.messages:
        choices = unflatten(attributes, "llm.choices")
        found = read_messages([_inner(item, "completion") for item in choices], "assistant")
    return found


def _vercel_outputs(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
    text, calls = attributes.get("ai.response.text"), attributes.get("ai.response.toolCalls")
    if not text and not calls:
        return _NOTHING
    raw = {"role": "assistant", "content": text or "", "tool_calls": calls}
    return read_messages(raw, "assistant")


def _single_value(names: Iterable[str], role: str) -> _Reader:
    def read(attributes: Attributes, _: tuple[SpanEvent, ...]) -> Reading:
        for name in names:
            found = read_messages(attributes.get(name), role)
            if found.messages:
                return found
        return _NOTHING

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
    _listed_inputs,
    _openinference_inputs,
    _openllmetry_inputs,
    _single_value(_INPUT_VALUES, "user"),
)
_OUTPUTS: tuple[_Reader, ...] = (
    _semconv_outputs,
    _event_outputs,
    _listed_outputs,
    _openinference_outputs,
    _openllmetry_outputs,
    _vercel_outputs,
    _single_value(_OUTPUT_VALUES, "assistant"),
)
