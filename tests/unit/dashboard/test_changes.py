from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.access.identity import Identity, anonymous
from app.errors import Forbidden, MonitorError, Unavailable
from app.schemas.keys import SCOPES
from dashboard.auth.current_identity import CURRENT_IDENTITY, CURRENT_SESSION
from dashboard.data.changes import Changes, NeedsConsent, NotAllowed, Refused


@pytest.fixture(autouse=True)
def visitor() -> Iterator[None]:
    identity, session = CURRENT_IDENTITY.set(anonymous(SCOPES)), CURRENT_SESSION.set(None)
    yield
    CURRENT_SESSION.reset(session)
    CURRENT_IDENTITY.reset(identity)


def changes(answer: httpx.Response | Exception) -> tuple[Changes, list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Changes(httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(handle))), asked


async def test_a_change_is_made_with_the_session_of_the_person() -> None:
    CURRENT_IDENTITY.set(Identity("team", frozenset({"read"}), "key", session="abc"))
    CURRENT_SESSION.set("lms-token")
    sender, asked = changes(httpx.Response(201, json={"id": 1}))
    assert await sender.send("POST", "/budgets", "team", json={"name": "a"}) == {"id": 1}
    assert asked[0].headers["authorization"] == "Bearer lms-token"
    assert asked[0].content == b'{"name":"a"}'


async def test_an_answer_without_a_body_is_none() -> None:
    sender, asked = changes(httpx.Response(204))
    assert await sender.send("DELETE", "/budgets/1", "default") is None
    assert "authorization" not in asked[0].headers


async def test_a_change_names_what_it_replaces_and_learns_what_stands_now() -> None:
    sender, asked = changes(httpx.Response(200, json=[], headers={"ETag": '"2"'}))
    answer = await sender.ask("PATCH", "/policy", "default", json={}, headers={"If-Match": '"1"'})
    assert (answer.body, answer.tag) == ([], '"2"')
    assert asked[0].headers["if-match"] == '"1"'


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (
            httpx.Response(422, json={"detail": "limit: too small.", "errors": [{}]}),
            Refused,
            "limit: too small.",
        ),
        (httpx.Response(403, json={"detail": "This needs the scope admin."}), NotAllowed, "scope admin"),
        (httpx.Response(409, json={"detail": "Redaction is on."}), NeedsConsent, "is on"),
        (httpx.Response(502, text="bad gateway"), Refused, "answered 502"),
        (httpx.Response(500, json=[1]), Refused, "answered 500"),
        (httpx.ConnectError("no"), Unavailable, "nothing was changed"),
        (httpx.ReadTimeout("slow"), Unavailable, "nothing was changed"),
    ],
)
async def test_a_refusal_says_why(
    answer: httpx.Response | Exception, error: type[MonitorError], said: str
) -> None:
    sender, _ = changes(answer)
    with pytest.raises(error) as caught:
        await sender.send("POST", "/budgets", "default")
    assert said in caught.value.detail


@pytest.mark.parametrize(
    ("identity", "project"), [(anonymous(SCOPES), "other"), (anonymous(("ingest", "read")), "default")]
)
async def test_a_visitor_without_rights_reaches_no_api(identity: Identity, project: str) -> None:
    CURRENT_IDENTITY.set(identity)
    sender, asked = changes(httpx.Response(200, json={}))
    with pytest.raises(Forbidden):
        await sender.send("POST", "/budgets", project)
    assert asked == []
