"""The parts of which the descriptions of routes that read their own body are made."""

from __future__ import annotations

from typing import Any

__all__ = ["REF", "header", "json_body", "ref", "route", "shown"]

REF = "#/components/schemas/{name}"


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema by its name."""
    return {"$ref": REF.format(name=name)}


def route(
    contents: dict[str, Any], answers: dict[int, tuple[str, str]], parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the description of a route that reads its own body."""
    return {
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "content": {media: {"schema": schema} for media, schema in contents.items()},
            },
            "parameters": parameters,
        },
        "responses": {
            status: {"description": description, "content": {"application/json": {"schema": ref(name)}}}
            for status, (name, description) in answers.items()
        },
    }


def header(name: str, description: str) -> dict[str, Any]:
    """Return the description of a header of a request."""
    return {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}


def json_body(name: str, answers: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """Describe a route that takes JSON; its first answer is the usual one."""
    return {**route({"application/json": ref(name)}, answers, []), "status_code": next(iter(answers))}


def shown(name: str, description: str) -> dict[str, Any]:
    """Describe a route that takes no body and answers 200."""
    return {"responses": route({}, {200: (name, description)}, [])["responses"]}
