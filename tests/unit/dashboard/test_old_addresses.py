from __future__ import annotations

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from dashboard.data.view import read_fields
from dashboard.old_addresses import OldAddresses, translated


@pytest.mark.parametrize(
    ("search", "chosen"),
    [
        ("model=gpt-4", 'model = "gpt-4"'),
        ("model=a%26b%20%22c", 'model = "a&b \\"c"'),
        ("flag=bias&verdict=flagged", 'flag = "bias" and is_safe = false'),
        ("verdict=clean&user=jane&session=s", 'user = "jane" and session = "s" and is_safe = true'),
        ("quality=0.5", "quality <= 0.5"),
        ("filter=cost+%3E+1&model=a", 'cost > 1 and model = "a"'),
        ("filter=a+mistake&model=a", 'model = "a"'),
        ("quality=nan&model=a", 'model = "a"'),
        ("quality=5&verdict=odd&before=x", None),
    ],
)
def test_old_fields_become_one_filter(search: str, chosen: str | None) -> None:
    found = translated(f"{search}&period=7d&trace=t")
    assert found is not None
    assert read_fields(found) == {"period": "7d", "trace": "t"} | ({"filter": chosen} if chosen else {})


@pytest.mark.parametrize("search", [None, "", "?period=7d", "?filter=model+%3D+a&trace=x&columns=model"])
def test_an_address_without_old_fields_stays(search: str | None) -> None:
    assert translated(search) is None


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/traces?model=a", "/traces?filter=model+%3D+%22a%22"),
        ("/traces?before=x", "/traces"),
        ("/traces?period=7d", None),
        ("/users?model=a", None),
    ],
)
async def test_a_browser_is_sent_to_the_new_address(path: str, target: str | None) -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("page")(scope, receive, send)

    transport = httpx.ASGITransport(OldAddresses(inner))
    async with httpx.AsyncClient(transport=transport, base_url="http://dashboard") as client:
        answer = await client.get(path)
    assert answer.headers.get("location") == target
    assert answer.is_redirect is (target is not None)
