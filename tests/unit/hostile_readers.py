"""Every reader of bytes from outside, from the body to the queue, with bodies to be changed."""

from __future__ import annotations

import gzip
import json
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from app.api.administration import KeyIn, ProjectIn, SignIn, read_struct
from app.api.bodies import Body, read_body
from app.api.feedback import FeedbackIn
from app.api.langfuse import read_events, read_scores
from app.api.models import read_model
from app.api.thresholds import PolicyIn
from app.importing.sending import Report, Target, cut_batches
from app.otlp import protobuf, protojson
from app.otlp.answers import export_response
from app.otlp.logs import map_logs
from app.otlp.mapping import Mapped, map_spans
from app.schemas.projects import ProjectSettings
from app.schemas.queued import Envelope, encode
from app.schemas.records import BodyFormat, Rejection, read_guarded, read_record, read_records
from monitoring.models import Record
from tests.unit.api.test_bodies import request
from tests.unit.otlp.spans import json_bytes, log_bytes, protobuf_bytes, set_attributes, span

__all__ = ["ENCODINGS", "READERS", "RECORD", "Reader", "Sent", "queue", "read_sent", "run"]

LIMIT = 1_000_000
ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": lambda body: gzip.compress(body, 1, mtime=0),
    "deflate": lambda body: zlib.compress(body, 1),
}
_NOBODY = UUID(int=7 << 76 | 2 << 62)


class Sent(NamedTuple):
    """A body as it lies on the wire."""

    content: bytes
    media: str
    encoding: str = "identity"


class Reader(NamedTuple):
    """What reads a kind of body, which media type it has, and good bodies of the kind."""

    read: Callable[[Sent], Any]
    media: str
    bodies: Sequence[bytes]


def run(coroutine: Any) -> Any:
    """Return the result of a coroutine that never waits; raises what it raises."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as ended:
        return ended.value


def read_sent(sent: Sent, *formats: BodyFormat) -> bytes:
    """Return the body as routes read it."""
    asked = request([sent.content], content_type=sent.media, content_encoding=sent.encoding)
    return bytes(
        run(read_body(asked, limit=LIMIT, formats=formats or ("json", "ndjson", "protobuf"))).content
    )


def queue(lines: Iterable[Record | Rejection]) -> list[bytes | Rejection]:
    """Return each record as the queue carries it, which must be possible with all that was read."""
    return [
        line
        if isinstance(line, Rejection)
        else encode(Envelope(trace_id=_NOBODY, project_id="default", source="live", record=line))
        for line in lines
    ]


def _records(body_format: BodyFormat) -> Callable[[Sent], Any]:
    return lambda sent: queue(read_records(read_sent(sent), body_format))


def _export(read: Callable[[bytes], list[Mapped]]) -> Callable[[Sent], Any]:
    def take(sent: Sent) -> Any:
        mapped = read(read_sent(sent))
        queued = queue(one.line for one in mapped)
        rejections = [line for line in queued if isinstance(line, Rejection)]
        return queued, [export_response(rejections, "spans", encoding) for encoding in ("json", "protobuf")]

    return take


def _langfuse(read: Callable[[Body], Sequence[Any]]) -> Callable[[Sent], Any]:
    def take(sent: Sent) -> Any:
        found = [one.found for one in read(Body(read_sent(sent), "json"))]
        return queue(one.line for one in found if isinstance(one, Mapped))

    return take


def _struct(kind: Any) -> Callable[[Sent], Any]:
    def take(sent: Sent) -> Any:
        asked = request([sent.content], content_type=sent.media, content_encoding=sent.encoding)
        return run(read_struct(asked, kind, limit=LIMIT))

    return take


def _model(kind: Any) -> Callable[[Sent], Any]:
    def take(sent: Sent) -> Any:
        asked = request([sent.content], content_type=sent.media, content_encoding=sent.encoding)
        return run(read_model(asked, kind, limit=LIMIT))

    return take


def _file(suffix: str) -> Callable[[Sent], Any]:
    """Return what `llm-monitor ingest` sends of a file, whose name alone tells its compression."""

    def take(sent: Sent) -> Any:
        zipped = sent.encoding == "gzip"
        with tempfile.NamedTemporaryFile(suffix=suffix + (".gz" if zipped else "")) as file:
            file.write(sent.content if zipped else read_sent(sent))
            file.flush()
            report, target = Report(), Target("http://nobody", "import", {})
            batches = list(cut_batches(Path(file.name), target, report))
        return queue(line for batch in batches for line in read_records(batch.body, "ndjson"))

    return take


def _dump(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


RECORD: Mapping[str, Any] = {
    "prompt": "Why is the sky blue?",
    "response": 'Because of "Rayleigh" scattering.\n\u00fc',
    "model_name": "m",
    "timestamp": "2026-11-01T00:00:00+01:00",
    "response_time_ms": 12.5,
    "prompt_tokens": 7,
    "context": ["a passage", "another"],
    "messages": [{"role": "user", "content": "hi", "tool_calls": [{"id": 5}]}],
    "tags": ["a", "b"],
    "metadata": {"a": [1, 2.5, None, True], "b": {"c": "\ud83d\ude00"}},
    "check_bias": False,
    "something_else": {"x": 1},
}
_PLAIN = {"prompt": "a", "response": "b", "id": "1"}
_SPANS = (
    span(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": json.dumps(
                [{"role": "user", "parts": [{"type": "text", "content": "q"}]}]
            ),
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "q",
            "gen_ai.completion.0.tool_calls.0.name": "f",
            "output.value": '{"choices":[{"message":{"role":"assistant","content":"a"}}]}',
            "langfuse.observation.usage_details": '{"input": 5, "output": 7}',
            "gen_ai.usage.input_tokens": 5,
            "list": ["a", [1, {"b": 0.5}]],
        },
        parent=9,
        events=[("gen_ai.choice", {"message": '{"content":"a"}'}), ("exception", {"exception.type": "E"})],
        failed=True,
        message="late",
    ),
    span(
        {"openinference.span.kind": "RETRIEVER", "retrieval.documents.0.document.content": "d"},
        number=2,
        parent=1,
    ),
)
_ID = {"trace_id": bytes(range(16)), "span_id": b"12345678"}
_LOGS = (
    {"event": "gen_ai.choice", "body": {"message": {"content": "a", "tool_calls": [{"id": 1}]}}, **_ID},
    {"event": "gen_ai.user.message", "body": {"content": "q"}, **_ID},
    {
        "event": "gen_ai.client.inference.operation.details",
        "attributes": {"gen_ai.response.id": "r", "gen_ai.output.messages": '[{"content": "x"}]'},
    },
    {
        "event": "gen_ai.evaluation.result",
        "attributes": {"gen_ai.evaluation.name": "n", "gen_ai.evaluation.score.value": 0.5},
        **_ID,
    },
)
_LOG_BODY = log_bytes(*_LOGS)


def _metrics() -> ExportMetricsServiceRequest:
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    for number in range(3):
        point = metric.histogram.data_points.add(count=number, sum=0.5, bucket_counts=[1, 2])
        set_attributes(point.attributes, {"a": "b", "c": [1]})
        point.exemplars.add(as_int=5)
    return metrics


def _log_json() -> bytes:
    """Return the log records as OTLP has them in JSON, whose ids are hexadecimal and not base64."""
    found = json.loads(MessageToJson(ExportLogsServiceRequest.FromString(_LOG_BODY)))
    for log in found["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        if "traceId" in log:
            log |= {"traceId": _ID["trace_id"].hex(), "spanId": _ID["span_id"].hex()}
    return json.dumps(found).encode()


_SCORE = {"id": "s", "traceId": "t", "name": "n", "value": 0.5, "dataType": "NUMERIC", "comment": "c"}
_EVENTS = (
    {"id": "1", "type": "score-create", "timestamp": "2026-11-01T00:00:00Z", "body": _SCORE},
    {
        "id": "2",
        "type": "trace-create",
        "body": {"id": "t", "userId": "u", "tags": ["a"], "input": {"a": [1]}},
    },
    {
        "id": "3",
        "type": "generation-create",
        "body": {
            "id": "g",
            "traceId": "t",
            "model": "m",
            "startTime": "2026-11-01T00:00:00Z",
            "endTime": "2026-11-01T00:00:01Z",
            "input": [{"role": "user", "content": "q"}],
            "output": {"content": "a"},
            "usage": {"input": 5, "output": 7},
            "costDetails": {"total": 0.5},
            "metadata": {"a": [1, {"b": None}]},
        },
    },
    {"id": "4", "type": "generation-create", "body": {"id": "h", "input": "q", "model": "m"}},
    {"id": "5", "type": "span-create", "body": {"id": "p", "parentObservationId": "g", "level": "ERROR"}},
)


READERS: Mapping[str, Reader] = {
    "record": Reader(lambda s: queue([read_record(read_sent(s))]), "application/json", _dump(RECORD, _PLAIN)),
    "guard": Reader(
        lambda s: queue([read_guarded(read_sent(s))]), "application/json", _dump(RECORD, {"prompt": "a"})
    ),
    "lines": Reader(
        _records("ndjson"), "application/x-ndjson", [b"\n".join(_dump(_PLAIN, RECORD, _PLAIN)), b"\n\n"]
    ),
    "array": Reader(_records("json"), "application/json", _dump([_PLAIN, RECORD, _PLAIN], [], [1])),
    "spans in protobuf": Reader(
        _export(lambda body: map_spans(protobuf.read_spans(body))),
        "application/x-protobuf",
        [protobuf_bytes(*_SPANS), _LOG_BODY],
    ),
    "spans in JSON": Reader(
        _export(lambda body: map_spans(protojson.read_spans(body))), "application/json", [json_bytes(*_SPANS)]
    ),
    "logs in protobuf": Reader(
        _export(lambda body: map_logs(protobuf.read_logs(body))), "application/x-protobuf", [_LOG_BODY]
    ),
    "logs in JSON": Reader(
        _export(lambda body: map_logs(protojson.read_logs(body))), "application/json", [_log_json()]
    ),
    "metrics in protobuf": Reader(
        lambda sent: protobuf.check_metrics(read_sent(sent)),
        "application/x-protobuf",
        [_metrics().SerializeToString()],
    ),
    "metrics in JSON": Reader(
        lambda sent: protojson.check_metrics(read_sent(sent)),
        "application/json",
        [MessageToJson(_metrics()).encode()],
    ),
    "scores of Langfuse": Reader(
        _langfuse(lambda body: read_scores(body)[0]), "application/json", _dump([_SCORE, {"a": 1}], _SCORE)
    ),
    "events of Langfuse": Reader(_langfuse(read_events), "application/json", _dump({"batch": _EVENTS})),
    "feedback": Reader(
        _model(FeedbackIn),
        "application/json",
        _dump({"trace_id": str(_NOBODY), "rating": 4, "comment": "c", "categories": ["a"], "user_id": "u"}),
    ),
    "policy": Reader(
        _model(PolicyIn), "application/json", _dump({"thresholds": {"pii": 0.5}, "weights": {"bias": 1}})
    ),
    "settings": Reader(
        _struct(ProjectSettings),
        "application/json",
        _dump(
            {"text_share": 0.5, "retention_days": 30, "guard": {"block": {"pii": 0.9}, "on_failure": "allow"}}
        ),
    ),
    "project": Reader(
        _struct(ProjectIn), "application/json", _dump({"project_id": "a", "name": "A", "settings": {}})
    ),
    "key": Reader(
        _struct(KeyIn),
        "application/json",
        _dump({"name": "k", "scopes": ["ingest"], "expires_at": "2027-01-01T00:00:00Z"}),
    ),
    "file of lines": Reader(
        _file(".jsonl"), "application/x-ndjson", [b"\n".join(_dump(_PLAIN, RECORD, {"prompt": "a"}))]
    ),
    "file of rows": Reader(
        _file(".csv"), "application/x-ndjson", [b'prompt,response,prompt_tokens\na,"b\n""c",7\n"d",,x\n']
    ),
    "session": Reader(
        _struct(SignIn), "application/json", _dump({"project_id": "a", "password": "p"}, {"key": "k"})
    ),
}
