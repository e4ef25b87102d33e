"""An exporter that is refused gets the answer that OTLP promises.

The authenticator, a limit or the route may refuse it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import httpx
import pytest
from google.rpc.status_pb2 import Status

from app.access.rates import Rates
from app.api.exports import is_export
from app.api.routes.otlp import router
from app.errors import Overloaded
from tests.integration.api_rig import PROBLEM, ApiRig, own_servers, running_api, serving
from tests.integration.test_keys import NO_POSTGRES, bearer, issue

PATHS = ("/v1/traces", "/v1/logs", "/v1/metrics", "/api/public/otel/v1/traces")
PROTOBUF, JSON = "application/x-protobuf", "application/json"
LIMIT = 1024


class Sent(NamedTuple):
    """A request of an exporter, and how the answer must name its failure."""

    headers: Mapping[str, str]
    status: int
    code: int
    says: str
    body: bytes = b""
    method: str = "POST"


def status_of(response: httpx.Response) -> tuple[int, str]:
    """Return code and message of a google.rpc.Status, read by protobuf if it is one."""
    if response.headers["content-type"] == JSON:
        found = json.loads(response.content)
        assert found.keys() == {"code", "message"}
        return found["code"], found["message"]
    assert response.headers["content-type"] == PROTOBUF
    read = Status.FromString(response.content)
    assert read.SerializeToString() == response.content
    return read.code, read.message


class Authenticator(NamedTuple):
    """An application that asks for keys, one key that may send and one that may not."""

    api: ApiRig
    sender: str
    reader: str


@pytest.fixture(scope="module")
async def authenticator(
    postgres_url: str, migrated_template: str, redis_server_url: str
) -> AsyncIterator[Authenticator]:
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls, require_keys="always", max_body_bytes=LIMIT) as api,
    ):
        engine = api.services.engine
        yield Authenticator(api, await issue(engine, "ingest"), await issue(engine, "read"))


async def send(client: httpx.AsyncClient, path: str, kind: str, sent: Sent) -> httpx.Response:
    headers = {"content-type": kind, **sent.headers}
    return await client.request(sent.method, path, content=sent.body, headers=headers)


def check(response: httpx.Response, kind: str, sent: Sent) -> None:
    code, message = status_of(response)
    assert (response.status_code, response.headers["content-type"]) == (sent.status, kind)
    assert code == sent.code
    assert sent.says in message
    assert ("retry-after" in response.headers) == (sent.status in {429, 503})


@pytest.mark.parametrize(("path", "kind"), list(itertools.product(PATHS, (PROTOBUF, JSON))))
async def test_the_door_refuses_an_export_as_the_protocol_says(
    authenticator: Authenticator, path: str, kind: str
) -> None:
    for sent in (
        Sent({}, 401, 16, "Send a key"),
        Sent({"authorization": "Bearer sk-not-ours"}, 401, 16, "key"),
        Sent(bearer(authenticator.reader), 403, 7, "the scope ingest"),
        Sent(bearer(authenticator.sender), 413, 3, str(LIMIT), body=b" " * (LIMIT + 1)),
        Sent(bearer(authenticator.sender), 400, 3, "", body=b"\xff" * 9),
        Sent(bearer(authenticator.sender), 405, 3, "GET", method="GET"),
    ):
        response = await send(authenticator.api.client, path, kind, sent)
        check(response, kind, sent)
        assert ("www-authenticate" in response.headers) == (sent.status == 401)


@pytest.mark.parametrize(("path", "kind"), list(itertools.product(PATHS, (PROTOBUF, JSON))))
async def test_a_rate_says_when_to_come_back(
    authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch, path: str, kind: str
) -> None:
    limited = await issue(authenticator.api.services.engine, "ingest", requests_per_minute=1)

    async def take(*_: object) -> None:
        raise Overloaded("No more than 1 of these a minute.", retry_after=7)

    monkeypatch.setattr(Rates, "take", take)
    sent = Sent(bearer(limited), 429, 8, "No more than 1")
    response = await send(authenticator.api.client, path, kind, sent)
    check(response, kind, sent)
    assert response.headers["retry-after"] == "7"


@pytest.mark.parametrize(("path", "kind"), list(itertools.product(PATHS, (PROTOBUF, JSON))))
async def test_keys_that_cannot_be_read_ask_to_come_back(redis_url: str, path: str, kind: str) -> None:
    async with serving(NO_POSTGRES, redis_url, require_keys="always") as (client, _):
        sent = Sent({}, 503, 14, "keys are not known yet")
        check(await send(client, path, kind, sent), kind, sent)


async def test_a_page_elsewhere_is_refused_in_the_same_way(api: ApiRig) -> None:
    sent = Sent({"origin": "https://evil.example"}, 403, 7, "another origin", body=b"{}")
    for path in PATHS:
        check(await send(api.client, path, JSON, sent), JSON, sent)


async def test_what_nobody_expected_is_a_status_without_its_text(
    authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(authenticator.api.services.ingest, "accept", fail)
    for kind in (PROTOBUF, JSON):
        body = b"" if kind == PROTOBUF else b'{"resourceSpans":[]}'
        sent = Sent(bearer(authenticator.sender), 500, 13, "its log says why", body=body)
        response = await send(authenticator.api.client, "/v1/traces", kind, sent)
        check(response, kind, sent)
        assert b"secret" not in response.content


@pytest.mark.parametrize(
    ("path", "method"),
    [("/traces", "GET"), ("/monitor/inference", "POST"), ("/v1/tracesx", "POST"), ("/v1", "GET")],
)
async def test_other_addresses_answer_with_problems(
    authenticator: Authenticator, path: str, method: str
) -> None:
    response = await authenticator.api.client.request(method, path, headers={"content-type": PROTOBUF})
    assert (response.status_code, response.headers["content-type"]) == (401, PROBLEM)


def test_the_addresses_of_exporters_are_those_of_their_routes() -> None:
    assert {route.path for route in router.routes} == set(PATHS)  # type: ignore[attr-defined]  # each of ours has a path
    assert all(map(is_export, PATHS))


async def test_what_is_no_known_encoding_is_refused_in_json(authenticator: Authenticator) -> None:
    for kind in ("text/plain", "Application/X-Protobuf"):
        response = await send(authenticator.api.client, "/v1/traces", kind, Sent({}, 401, 16, ""))
        assert status_of(response)[0] == 16
        assert response.headers["content-type"] == (JSON if kind == "text/plain" else PROTOBUF)
