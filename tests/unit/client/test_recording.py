from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from app.schemas.records import read_record
from monitoring.client import Monitor
from monitoring.client.sending import Sender

Records = list[dict[str, Any]]


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Records:
    """What monitors would send."""
    found: Records = []
    monkeypatch.setattr(Sender, "put", lambda _, record: found.append(json.loads(record)))
    return found


def usage() -> SimpleNamespace:
    return SimpleNamespace(
        prompt_tokens=12,
        completion_tokens=5,
        prompt_tokens_details=SimpleNamespace(cached_tokens=8),
        completion_tokens_details=SimpleNamespace(reasoning_tokens=2),
    )


def completion(text: str, **fields: Any) -> SimpleNamespace:
    message = SimpleNamespace(content=text)
    told = {"model": "m-1", "usage": usage()} | fields
    return SimpleNamespace(choices=[SimpleNamespace(message=message)], **told)


def chunk(text: str | None, **fields: Any) -> SimpleNamespace:
    return SimpleNamespace(
        choices=[SimpleNamespace(delta=SimpleNamespace(content=text))], model="m-1", **fields
    )


def client_of(create: Any) -> SimpleNamespace:
    return SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))


def decorated(function: Any) -> Any:
    """A plain function around an async one, as OpenAI's client has them."""

    def plain(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return plain


MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Raining?"}, {"type": "image_url"}]},
]
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def check_call(record: dict[str, Any]) -> None:
    expected = {
        "prompt": "Raining?",
        "response": "No.",
        "system_prompt": "Be brief.",
        "model_name": "m-1",
        "usage": USAGE,
    }
    assert {name: record.get(name) for name in expected} == expected
    assert record["response_time_ms"] >= 0


def test_a_wrapped_client_answers_as_before_and_is_recorded(records: Records) -> None:
    answer = completion("No.")
    client = client_of(lambda **_: answer)
    assert Monitor().wrap(client) is client
    assert client.chat.completions.create(messages=MESSAGES, model="m") is answer
    check_call(records[0])


async def test_an_async_client_is_recorded_also_behind_a_plain_decorator(records: Records) -> None:
    async def create(**_: Any) -> Any:
        return completion("No.")

    for function in (create, decorated(create)):
        client = Monitor().wrap(client_of(function))
        assert (await client.chat.completions.create(messages=MESSAGES, model="m")).model == "m-1"
    check_call(records[0])
    check_call(records[1])


def test_a_stream_is_added_up_with_the_time_to_its_first_text(records: Records) -> None:
    def create(**_: Any) -> Iterator[Any]:
        yield chunk(None)
        yield chunk("N")
        yield chunk("o.", usage=usage())

    client = Monitor().wrap(client_of(create))
    with client.chat.completions.create(messages=MESSAGES, model="m", stream=True) as stream:
        assert len(list(stream)) == 3
    check_call(records[0])
    assert len(records) == 1
    assert 0 <= records[0]["time_to_first_token_ms"] <= records[0]["response_time_ms"]


class Told(BaseModel):
    """An object of a provider's client, which also keeps what it does not know."""

    model_config = ConfigDict(extra="allow")

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int = 0
    cost: Decimal | None = None


BILLED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "all that was sent and nothing else": (
        {"usage": Told(prompt_tokens=1, completion_tokens=2, server_tool_use={"web_search_requests": 3})}, {},
        {"usage": {"prompt_tokens": 1, "completion_tokens": 2, "server_tool_use": {"web_search_requests": 3}}},
    ),
    "an object of plain values": ({"usage": {"prompt_tokens": 1}}, {}, {"usage": {"prompt_tokens": 1}}),
    "no object": ({"usage": None}, {}, {}),
    "a number is no object": ({"usage": 3}, {}, {}),
    "the tier that answered": ({"service_tier": "default"}, {"service_tier": "flex"}, {"service_tier": "default"}),
    "the tier that was asked for": ({"service_tier": None}, {"service_tier": "flex"}, {"service_tier": "flex"}),
    "a tier that is no word": ({"service_tier": 1}, {}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "request_", "expected"), BILLED.values(), ids=BILLED)
def test_usage_and_tier_are_sent_as_the_provider_says_them(
    answer: dict[str, Any], request_: dict[str, Any], expected: dict[str, Any], records: Records
) -> None:
    given = {"usage": None} | answer
    client = Monitor().wrap(client_of(lambda **_: completion("No.", **given)))
    client.chat.completions.create(messages=MESSAGES, model="m", **request_)
    (record,) = records
    assert {name: record[name] for name in ("usage", "service_tier") if name in record} == expected
    read = read_record(json.dumps(record).encode())
    assert (read.usage, read.service_tier) == (expected.get("usage", {}), expected.get("service_tier"))


def test_a_stream_that_is_left_early_is_recorded_as_far_as_it_came(records: Records) -> None:
    client = Monitor().wrap(client_of(lambda **_: (chunk(text) for text in ("N", "o", "!"))))
    stream = client.chat.completions.create(messages=MESSAGES, model="m")
    next(stream)
    del stream
    gc.collect()
    assert [record["response"] for record in records] == ["N"]


async def test_functions_of_every_kind_are_traced(records: Records) -> None:
    monitor = Monitor()

    @monitor.trace
    def plain(question: str, _: str = "x") -> str:
        return f"{question}!"

    @monitor.trace(model_name="mine", tags=["a"])
    async def waiting(_: list[str], prompt: str) -> str:
        await asyncio.sleep(0)
        return f"{prompt}!"

    @monitor.trace
    def pieces(text: str) -> Iterator[str]:
        yield text
        yield "!"

    @monitor.trace
    async def async_pieces(text: str) -> AsyncIterator[str]:
        yield text
        yield "!"

    assert plain("a") == "a!"
    assert await waiting([], prompt="a") == "a!"
    assert list(pieces("a")) == ["a", "!"]
    assert [piece async for piece in async_pieces("a")] == ["a", "!"]
    assert [(r["prompt"], r["response"]) for r in records] == [("a", "a!")] * 4
    assert (records[1]["model_name"], records[1]["tags"]) == ("mine", ["a"])
    assert plain.__name__ == "plain"


def test_an_error_is_recorded_and_raised(records: Records) -> None:
    @Monitor().trace
    def failing(prompt: str) -> str:
        raise KeyError(prompt)

    with pytest.raises(KeyError):
        failing("a")
    assert (records[0]["response"], records[0]["error"]) == ("", "KeyError: 'a'")


def test_what_cannot_be_described_does_not_reach_the_application(
    records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd:
        @property
        def choices(self) -> Any:
            raise RuntimeError("no")

    @Monitor().trace
    def odd(_: str) -> Odd:
        return Odd()

    with pytest.raises(RuntimeError):
        _ = odd("a").choices
    assert records[0]["response"] == ""
    assert "could not be read" in caplog.text


def test_fields_of_the_block_are_added_and_end_with_it(records: Records) -> None:
    monitor = Monitor()
    with monitor.about(session_id="s", user_id="u"):
        with monitor.about(user_id="v"):
            monitor.record("a", "b", id="mine")
        monitor.record("a", "b", template_id=None)
    monitor.record("a", "b")
    assert [(r.get("session_id"), r.get("user_id")) for r in records] == [
        ("s", "v"),
        ("s", "u"),
        (None, None),
    ]
    assert records[0]["id"] == "mine"
    assert len({record["id"] for record in records}) == 3
    assert "template_id" not in records[1]


def test_a_record_that_is_no_json_is_dropped_aloud(caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor()
    circle: list[Any] = []
    circle.append(circle)
    monitor.record("a", "b", metadata={"circle": circle})
    assert monitor.dropped == 1
    assert "1 records were not sent" in caplog.text


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="begins with http"):
        Monitor("localhost:8000")


def test_the_package_imports_the_standard_library_alone() -> None:
    program = (
        "import sys; before = set(sys.modules); import monitoring.client; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["monitoring"]
    program = "import sys, monitoring.client; print(*(name for name in sys.modules if name.startswith('monitoring')))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert all(name == "monitoring" or name.startswith("monitoring.client") for name in shown.split())
