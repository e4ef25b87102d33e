from __future__ import annotations

import re
import tomllib
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from app.api.version import SERVICE, VERSION
from app.config import Settings
from app.errors import StartupError
from app.main import create_app
from app.schemas.records import RecordIn


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    app = create_app(Settings(database_url="postgresql://nowhere/x", redis_url="redis://nowhere"))
    described: dict[str, Any] = app.openapi()
    return described


JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def expected_types(hint: Any) -> set[str]:
    """Return the JSON types that a field of RecordIn takes, from its annotation alone.

    msgspec is not asked.
    """
    if get_origin(hint) in {Union, types.UnionType}:
        return set().union(*map(expected_types, get_args(hint)))
    if hint is type(None):
        return {"null"}
    origin = get_origin(hint) or hint
    return {JSON_TYPES.get(origin, "string")}


def described_types(field: dict[str, Any]) -> set[str]:
    options = field.get("anyOf", [field])
    return {option["type"] for option in options} | ({"null"} if field.get("nullable") else set())


@pytest.mark.parametrize("name", RecordIn.__struct_fields__)
def test_the_schema_says_of_each_field_what_is_read(schema: dict[str, Any], name: str) -> None:
    described = schema["components"]["schemas"]["RecordIn"]["properties"][name]
    assert described_types(described) == expected_types(get_type_hints(RecordIn)[name])
    default = next(f.default for f in msgspec.structs.fields(RecordIn) if f.name == name)
    assert described.get("default", msgspec.NODEFAULT) == default


def test_the_schema_names_the_fields_that_are_read_and_takes_unknown_ones(schema: dict[str, Any]) -> None:
    described = schema["components"]["schemas"]["RecordIn"]
    assert list(described["properties"]) == list(RecordIn.__struct_fields__)
    assert described["required"] == ["prompt", "response"]
    assert described["additionalProperties"] is True


@pytest.mark.parametrize("path", ["/monitor/inference", "/monitor/inferences", "/evaluate"])
def test_ingest_routes_take_records(schema: dict[str, Any], path: str) -> None:
    content = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    reference = {"$ref": "#/components/schemas/RecordIn"}
    assert content in (reference, {"type": "array", "items": reference})


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    text = msgspec.json.encode(schema).decode()
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named
    assert named <= set(schema["components"]["schemas"])


def test_the_schema_speaks_the_version_that_the_bundled_page_reads(schema: dict[str, Any]) -> None:
    assert schema["openapi"] == "3.0.3"
    assert '"type":"null"' not in msgspec.json.encode(schema).decode()


def test_every_operation_describes_its_failures(schema: dict[str, Any]) -> None:
    assert schema["paths"]
    for path, operations in schema["paths"].items():
        assert operations
        otlp = {"application/x-protobuf", "application/json"}
        spoken = otlp if path.startswith("/v1/") else {"application/problem+json"}
        for operation in operations.values():
            assert operation["responses"]["default"]["content"].keys() == spoken


def test_name_and_version_are_those_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["version"]) == (SERVICE, VERSION)


@pytest.mark.parametrize("missing", ["database_url", "redis_url"])
def test_an_application_without_servers_says_what_to_set(missing: str) -> None:
    urls = {"database_url": "postgresql://x/y", "redis_url": "redis://x"}
    with pytest.raises(StartupError, match="DATABASE_URL and REDIS_URL"):
        create_app(Settings(**{**urls, missing: None}))  # type: ignore[arg-type]  # one address is missing
