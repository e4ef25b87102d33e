"""OpenTelemetry's endpoints: any instrumented application sends here with environment variables alone."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.bodies import Body
from app.api.dependencies import Project, Serving
from app.api.exports import accept_mapped, answer_export, decode, read_export
from app.api.openapi import EXPORT_BODY
from app.otlp import protobuf, protojson
from app.otlp.logs import map_logs
from app.otlp.mapping import Mapped, map_spans

__all__ = ["router"]

router = APIRouter(tags=["opentelemetry"])


@router.post("/v1/traces", **EXPORT_BODY)
@router.post("/api/public/otel/v1/traces", include_in_schema=False, **EXPORT_BODY)
async def post_traces(request: Request, serving: Serving, project: Project) -> Response:
    """Take up to 50,000 spans, score those that are LLM calls, and keep all of them as a tree."""
    body = await read_export(request, serving.settings.max_body_bytes)
    mapped = await decode(serving, project, body, _read_spans)
    return answer_export(body, "spans", await accept_mapped(serving, project, mapped))


@router.post("/v1/logs", **EXPORT_BODY)
async def post_logs(request: Request, serving: Serving, project: Project) -> Response:
    """Take GenAI events and join them to their spans; other log records are not kept."""
    body = await read_export(request, serving.settings.max_body_bytes)
    mapped = await decode(serving, project, body, _read_logs)
    return answer_export(body, "log_records", await accept_mapped(serving, project, mapped))


@router.post("/v1/metrics", **EXPORT_BODY)
async def post_metrics(request: Request, serving: Serving, project: Project) -> Response:
    """Take metrics and keep none of them, so that an exporter of all signals meets no error."""
    body = await read_export(request, serving.settings.max_body_bytes)
    reader = protojson if body.format == "json" else protobuf
    await decode(serving, project, body, lambda sent: reader.check_metrics(sent.content))
    return answer_export(body, "spans", ())


def _read_spans(body: Body) -> list[Mapped]:
    reader = protojson if body.format == "json" else protobuf
    return map_spans(reader.read_spans(body.content))


def _read_logs(body: Body) -> list[Mapped]:
    reader = protojson if body.format == "json" else protobuf
    return map_logs(reader.read_logs(body.content))
