"""The OpenAPI schema: pydantic describes most routes, msgspec the bodies that msgspec reads."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.api import datasets, operations
from app.api.administration import (
    AuditPage,
    KeyIn,
    KeyList,
    NewKey,
    NewSession,
    ProjectIn,
    ProjectList,
    SignIn,
    Who,
)
from app.api.descriptions import REF, header, json_body, ref, route, shown
from app.api.evaluations import EvaluationAnswer
from app.api.exports import is_export
from app.api.feedback import FeedbackIn
from app.api.inference import BulkAnswer, SingleAnswer
from app.api.paging import TracePage
from app.api.problems import MEDIA_TYPE, PROBLEM_SCHEMA
from app.api.results import ResultPage
from app.schemas.guard import GuardAnswer
from app.schemas.langfuse import EventIn, IngestionAnswer, ScoreIn, ScoreKept, ScoresAccepted, ScoresPartly
from app.schemas.records import GuardIn, RecordIn
from monitoring.spending.price_tables import PriceTable

__all__ = [
    "AUDIT_SHOWN",
    "BULK_BODY",
    "EVALUATION_BODY",
    "EVALUATION_SHOWN",
    "EXPORT_BODY",
    "FEEDBACK_BODY",
    "GUARD_BODY",
    "INGESTION_BODY",
    "KEYS_SHOWN",
    "KEY_BODY",
    "KEY_SHOWN",
    "PROJECTS_SHOWN",
    "PROJECT_BODY",
    "RECORD_BODY",
    "RESULTS_SHOWN",
    "SCORES_BODY",
    "SESSION_BODY",
    "SETTINGS_BODY",
    "SETTINGS_PATCH",
    "SETTINGS_SHOWN",
    "WHO_SHOWN",
    "install",
    "policy_body",
    "prices_body",
]

# The bundled Swagger UI does not read later versions.
_OPENAPI_VERSION = "3.0.3"
# The bodies that msgspec reads or writes.
_STRUCTS = (
    RecordIn,
    GuardIn,
    GuardAnswer,
    SingleAnswer,
    BulkAnswer,
    EvaluationAnswer,
    ResultPage,
    TracePage,
    ProjectIn,
    ProjectList,
    KeyIn,
    KeyList,
    NewKey,
    AuditPage,
    SignIn,
    NewSession,
    Who,
    ScoreIn,
    ScoreKept,
    ScoresAccepted,
    ScoresPartly,
    EventIn,
    IngestionAnswer,
    *datasets.STRUCTS,
    *operations.STRUCTS,
)


_PREFER = header("Prefer", "respond-async: 202 at once. wait=N: wait at most N seconds for the scores.")
_KEY = header("Idempotency-Key", "A retry with the same key gets the trace id of the first try.")
_LIST = {"type": "array", "items": ref("RecordIn")}

RECORD_BODY: dict[str, Any] = route(
    {"application/json": ref("RecordIn")},
    {200: ("SingleAnswer", "Scored"), 202: ("SingleAnswer", "Accepted; the scores follow at Location")},
    [_PREFER, _KEY],
)
GUARD_BODY: dict[str, Any] = route(
    {"application/json": ref("GuardIn")}, {200: ("GuardAnswer", "The verdict")}, [_KEY]
)
BULK_BODY: dict[str, Any] = {
    **route(
        {"application/json": _LIST, "application/x-ndjson": ref("RecordIn")},
        {202: ("BulkAnswer", "Accepted, except for the lines that errors lists")},
        [_KEY],
    ),
    "status_code": 202,
}
EVALUATION_BODY: dict[str, Any] = route(
    {
        "application/json": _LIST,
        "application/x-ndjson": ref("RecordIn"),
        "text/csv": {"type": "string"},
        "application/vnd.apache.parquet": {"type": "string", "format": "binary"},
        "multipart/form-data": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        },
    },
    {
        200: ("EvaluationAnswer", "Scored"),
        202: ("EvaluationAnswer", "Accepted; the progress is at Location"),
    },
    [_PREFER, _KEY],
)
EVALUATION_SHOWN = shown("EvaluationAnswer", "The progress, with the results of a short evaluation")
RESULTS_SHOWN = shown("ResultPage", "Results in the order of the items")
RESULTS_SHOWN["responses"][200]["content"] |= {
    "application/x-ndjson": {"schema": {"type": "string"}},
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
}

_EXPORT = {"type": "object", "description": "An Export…ServiceRequest or -Response of OTLP 1.x."}
_BINARY = {"type": "string", "format": "binary"}
_STATUS = {
    "title": "Status",
    "description": "What went wrong and what to do about it (google.rpc.Status).",
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
}
_STATUS_CONTENT = {
    "content": {
        "application/x-protobuf": {"schema": _BINARY},
        "application/json": {"schema": ref("Status")},
    }
}
_PROBLEM_CONTENT = {"content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
EXPORT_BODY: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/x-protobuf": {"schema": _BINARY},
                "application/json": {"schema": _EXPORT},
            },
        }
    },
    "responses": {
        200: {
            "description": "Accepted, except for what partial_success names",
            "content": {
                "application/x-protobuf": {"schema": _BINARY},
                "application/json": {"schema": _EXPORT},
            },
        }
    },
    "response_class": Response,
}

SCORES_BODY: dict[str, Any] = {
    **route(
        {"application/json": {"oneOf": [ref("ScoreIn"), {"type": "array", "items": ref("ScoreIn")}]}},
        {
            200: ("ScoreKept", "Accepted, when a single score was sent"),
            202: ("ScoresAccepted", "All scores of a list are accepted"),
            207: ("ScoresPartly", "Some scores of a list are refused, the others accepted"),
        },
        [],
    ),
    "response_class": Response,
}
INGESTION_BODY: dict[str, Any] = {
    **route(
        {
            "application/json": {
                "type": "object",
                "required": ["batch"],
                "properties": {"batch": {"type": "array", "items": ref("EventIn")}},
            }
        },
        {207: ("IngestionAnswer", "The outcome of each event")},
        [],
    ),
    "status_code": 207,
    "response_class": Response,
}


PROJECTS_SHOWN = shown("ProjectList", "Projects")
PROJECT_BODY = json_body("ProjectIn", {201: ("Project", "Made")})
SETTINGS_SHOWN = shown("ProjectSettings", "The settings of the project")
_MATCH = header("If-Match", "The ETag of the state that is replaced, or * for any state. Without it: 428.")
_MAYBE_MATCH = header(
    "If-Match", "The ETag of the state that is changed. If the state has another ETag by now: 412."
)
_PATCH = {
    "type": "object",
    "description": "A merge patch (RFC 7396): fields to change; null takes a decision back.",
}
SETTINGS_BODY = route(
    {"application/json": ref("ProjectSettings")}, {200: ("ProjectSettings", "Kept")}, [_MATCH]
)
SETTINGS_PATCH = route(
    {"application/merge-patch+json": _PATCH, "application/json": _PATCH},
    {200: ("ProjectSettings", "Kept")},
    [_MAYBE_MATCH],
)
KEYS_SHOWN = shown("KeyList", "Keys without their secrets")
KEY_SHOWN = shown("KeyOut", "Revoked")
KEY_BODY = json_body("KeyIn", {201: ("NewKey", "Made; `key` is shown this once")})
SESSION_BODY = json_body("SignIn", {201: ("NewSession", "Signed in; `session` is shown this once")})
WHO_SHOWN = shown("Who", "Who asks")
AUDIT_SHOWN = shown("AuditPage", "Acts")
FEEDBACK_BODY: dict[str, Any] = route({"application/json": FeedbackIn.model_json_schema()}, {}, [])


def prices_body(*, replaces: bool) -> dict[str, Any]:
    """Return the description of a route that takes a table of prices and reads its own body."""
    schema = PriceTable.model_json_schema(ref_template=REF.replace("{name}", "{model}"))
    schema.pop("$defs", None)
    return route({"application/json": schema}, {}, [_MATCH] if replaces else [])


def policy_body(model: type[BaseModel], *, replaces: bool) -> dict[str, Any]:
    """Return the description of a route that takes a policy and reads its own body."""
    medias = ["application/json"] if replaces else ["application/merge-patch+json", "application/json"]
    return route(dict.fromkeys(medias, model.model_json_schema()), {}, [_MATCH if replaces else _MAYBE_MATCH])


def install(app: FastAPI) -> None:
    """Make the application describe itself with this schema. It is built at the first request."""
    app.openapi_version = _OPENAPI_VERSION

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI documents this as its extension point


def _describe(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        description=app.description,
        routes=app.routes,
    )
    _, components = msgspec.json.schema_components(_STRUCTS, ref_template=REF)
    # A field that the contract does not name is kept as metadata and not refused.
    for name in ("RecordIn", "GuardIn"):
        components[name]["additionalProperties"] = True
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {**components, **operations.DEFINITIONS, "Problem": PROBLEM_SCHEMA, "Status": _STATUS}
    for path, methods in schema["paths"].items():
        failure = _STATUS_CONTENT if is_export(path) else _PROBLEM_CONTENT
        for operation in methods.values():
            _describe_failures(operation, failure)
    described: dict[str, Any] = _as_openapi_3_0(schema)
    return described


def _describe_failures(operation: dict[str, Any], failure: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    if "422" in responses:
        responses["422"] = {"description": "A field or parameter is wrong", **failure}
    if "requestBody" in operation:
        responses |= {
            "400": {"description": "The body cannot be read", **failure},
            "413": {
                "description": "The body is too large, or holds more records or values than one request may",
                **failure,
            },
            "415": {"description": "The media type or compression is not supported", **failure},
            "422": {"description": "A field or parameter is wrong", **failure},
        }
    responses["default"] = {"description": "Any other failure", **failure}


def _as_openapi_3_0(node: Any) -> Any:
    """Rewrite what OpenAPI 3.0 lacks: `anyOf: [..., null]`, and exclusive bounds as numbers."""
    if isinstance(node, list):
        return [_as_openapi_3_0(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _as_openapi_3_0(value) for key, value in node.items()}
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if type(node.get(exclusive)) in {int, float}:
            node = {**node, bound: node[exclusive], exclusive: True}
    options = node.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        del node["anyOf"]
        node["nullable"] = True
        if len(rest) == 1 and "$ref" not in rest[0]:
            node = {**rest[0], **node}
        else:
            node["anyOf"] = rest
    if "const" in node:
        node["enum"] = [node.pop("const")]
    return node
