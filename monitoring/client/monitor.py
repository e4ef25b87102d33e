"""The helper that applications hold: records, traced functions and wrapped clients."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar, overload

from monitoring.client.openai import describe_request, describe_response
from monitoring.client.sending import Sender
from monitoring.client.tracing import Function, observe

__all__ = ["Monitor"]

_Client = TypeVar("_Client")
_about: ContextVar[Mapping[str, Any]] = ContextVar("llm_monitor_about", default=MappingProxyType({}))
_PROMPTS = ("prompt", "question", "query", "message", "text", "input")


class Monitor:
    """Sends records to a monitor at `url` in the background, with `api_key` where it wants one.

    Without `url` the variable API_BASE_URL names it, else it is http://localhost:8000.
    At most `max_records` and `max_bytes` wait in memory; further ones are dropped, counted in `dropped`
    and reported as warnings of the logger `monitoring.client`. A batch goes when `batch_records` wait or
    `pause_seconds` after the first. No method raises because of the monitor, or waits for it, but
    `flush` and `close`; leaving the process flushes for `exit_seconds`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        max_records: int = 10_000,
        max_bytes: int = 32 * 1024 * 1024,
        batch_records: int = 200,
        pause_seconds: float = 0.5,
        exit_seconds: float = 5.0,
    ) -> None:
        self._sender = Sender(
            url or os.environ.get("API_BASE_URL") or "http://localhost:8000",
            {"authorization": f"Bearer {api_key}"} if api_key else {},
            max_records=max_records,
            max_bytes=max_bytes,
            batch_records=batch_records,
            pause_seconds=pause_seconds,
            timeout_seconds=30.0,
        )
        self._exit_seconds = exit_seconds
        finish = weakref.finalize(self, self._sender.close, exit_seconds)
        finish.atexit = True

    @property
    def sent(self) -> int:
        """How many records the monitor has accepted."""
        return self._sender.sent

    @property
    def dropped(self) -> int:
        """How many records were given up."""
        return self._sender.dropped

    def record(self, prompt: str, response: str, **fields: Any) -> str:
        """Queue one call with any field that POST /monitor/inference takes; returns its id.

        Fields that `about` set are added.
        """
        identity = str(fields.pop("id", None) or uuid.uuid4().hex)
        stamp = datetime.now(UTC).isoformat()
        record = {"timestamp": stamp, **_about.get(), **fields, "id": identity}
        known = {name: value for name, value in record.items() if value is not None}
        try:
            encoded = json.dumps({"prompt": prompt, "response": response, **known}, default=str).encode()
        except (TypeError, ValueError, RecursionError) as error:
            self._sender.drop(f"a record is no JSON: {error}")
        else:
            self._sender.put(encoded)
        return identity

    @contextmanager
    def about(self, **fields: Any) -> Iterator[None]:
        """Add fields, such as session_id and user_id, to every record made within the block."""
        token = _about.set({**_about.get(), **fields})
        try:
            yield
        finally:
            _about.reset(token)

    @overload
    def trace(self, function: Function) -> Function: ...
    @overload
    def trace(self, **fields: Any) -> Callable[[Function], Function]: ...
    def trace(self, function: Function | None = None, **fields: Any) -> Any:
        """Record every call of a function: its prompt argument, what it returns, its time and its error.

        Plain and async functions and generators of text are taken; of a generator the time to its first
        text too. The prompt is the argument `prompt`, `question`, `query`, `message`, `text` or `input`,
        else the first text. `fields` are added to each record.
        """

        def decorate(inner: Function) -> Function:
            return observe(inner, self._report, _describe_arguments, _describe_result, fields)

        return decorate if function is None else decorate(function)

    def wrap(self, client: _Client) -> _Client:
        """Record every chat completion and response of an OpenAI client, streamed and async ones too.

        Returns the same client; other methods of it stay as they are.
        """
        chat = getattr(client, "chat", None)
        for resource in (getattr(chat, "completions", None), getattr(client, "responses", None)):
            create = getattr(resource, "create", None)
            if callable(create):
                wrapped = observe(create, self._report, describe_request, describe_response, {})
                resource.create = wrapped  # type: ignore[union-attr]  # None has no create
        return client

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything queued is delivered or dropped; False when that takes longer."""
        return self._sender.flush(seconds)

    async def aflush(self, seconds: float = 10.0) -> bool:
        """Wait as `flush` does, beside the event loop."""
        return await asyncio.to_thread(self.flush, seconds)

    def close(self) -> None:
        """Flush and end; later records are dropped."""
        self._sender.close(self._exit_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _report(self, fields: Mapping[str, Any]) -> None:
        said = dict(fields)
        self.record(str(said.pop("prompt", "")), str(said.pop("response", "")), **said)


def _describe_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(arguments.get("messages"), list | tuple):
        known = describe_request(arguments)
        return {name: known[name] for name in ("prompt", "system_prompt", "messages")}
    named = [arguments[name] for name in _PROMPTS if isinstance(arguments.get(name), str)]
    texts = [value for value in arguments.values() if isinstance(value, str)]
    return {"prompt": (named or texts or [""])[0]}


def _describe_result(result: Any) -> dict[str, Any]:
    if isinstance(result, str) or result is None:
        return {"response": result or ""}
    if hasattr(result, "choices") or hasattr(result, "output_text"):
        return describe_response(result)
    return {"response": str(result)}
