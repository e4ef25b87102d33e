"""Watching a function: plain or async, answering at once or piece by piece."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from monitoring.client.openai import Chunks

__all__ = ["Describe", "Function", "observe"]

logger = logging.getLogger("monitoring.client")

Function = TypeVar("Function", bound=Callable[..., Any])
Describe = Callable[[Any], dict[str, Any]]
Report = Callable[[Mapping[str, Any]], None]


class _Call:
    """One call under way; whatever goes wrong in here is logged and never reaches the application."""

    def __init__(self, report: Report, fields: Mapping[str, Any]) -> None:
        self._report = report
        self._fields = dict(fields)
        self._chunks = Chunks()
        self._begin = time.perf_counter()
        self._done = False

    def add(self, chunk: Any) -> None:
        begun = self._chunks.begun
        try:
            self._chunks.add(chunk)
        except Exception:
            logger.exception("a piece of a response could not be read")
        if self._chunks.begun and not begun:
            self._fields["time_to_first_token_ms"] = (time.perf_counter() - self._begin) * 1000

    def end(self, result: Mapping[str, Any] | None = None, error: Any = None) -> None:
        """Report the call, once."""
        if self._done:
            return
        self._done = True
        took = (time.perf_counter() - self._begin) * 1000
        said = self._chunks.describe() if result is None else result
        if error is not None:
            self._fields["error"] = f"{type(error).__name__}: {error}"
        try:
            self._report({**self._fields, **said, "response_time_ms": took})
        except Exception:
            logger.exception("a call could not be recorded")


class _Observer:
    """Describes the calls of one function."""

    def __init__(
        self,
        signature: inspect.Signature,
        report: Report,
        request: Describe,
        response: Describe,
        fields: Mapping[str, Any],
    ) -> None:
        parameters = signature.parameters.values()
        self._signature = signature
        self._rest = next((one.name for one in parameters if one.kind is one.VAR_KEYWORD), None)
        self._report, self._request, self._response = report, request, response
        self._fields = fields

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
        try:
            bound = self._signature.bind_partial(*args, **kwargs).arguments
            rest = bound.get(self._rest, {}) if self._rest else {}
            said = self._request({**bound, **rest})
        except Exception:
            logger.exception("the arguments of a call could not be read")
            said = {}
        return _Call(self._report, {**said, **self._fields})

    def finish(self, call: _Call, result: Any) -> Any:
        if hasattr(result, "__next__") or hasattr(result, "__anext__"):
            return _Stream(result, call)
        try:
            said = self._response(result)
        except Exception:
            logger.exception("the result of a call could not be read")
            said = {}
        call.end(said)
        return result

    async def wait(self, call: _Call, result: Awaitable[Any]) -> Any:
        try:
            done = await result
        except BaseException as error:
            call.end({}, error)
            raise
        return self.finish(call, done)


def observe(
    function: Function, report: Report, request: Describe, response: Describe, fields: Mapping[str, Any]
) -> Function:
    """Return a function that does what `function` does and reports each call of it.

    `request` describes the arguments by name and `response` the result, in the fields of a record.
    """
    observer = _Observer(inspect.signature(function), report, request, response, fields)

    async def watch_async(*args: Any, **kwargs: Any) -> Any:
        return await observer.wait(observer.begin(args, kwargs), function(*args, **kwargs))

    def watch(*args: Any, **kwargs: Any) -> Any:
        call = observer.begin(args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.end({}, error)
            raise
        # A decorated async function, as OpenAI's are, is plain itself and returns a coroutine.
        return observer.wait(call, result) if inspect.iscoroutine(result) else observer.finish(call, result)

    watcher = watch_async if inspect.iscoroutinefunction(function) else watch
    return functools.wraps(function)(watcher)  # type: ignore[return-value]  # it takes and returns the same


class _Stream:
    """A stream that is read as before, while its pieces are added up; everything else is the stream's own."""

    def __init__(self, inner: Any, call: _Call) -> None:
        self._inner = inner
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self._inner)
        except StopIteration:
            self._call.end()
            raise
        except BaseException as error:
            self._call.end(error=error)
            raise
        self._call.add(chunk)
        return chunk

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await self._inner.__anext__()
        except StopAsyncIteration:
            self._call.end()
            raise
        except BaseException as error:
            self._call.end(error=error)
            raise
        self._call.add(chunk)
        return chunk

    def __enter__(self) -> Self:
        enter = getattr(self._inner, "__enter__", None)
        if enter is not None:
            enter()
        return self

    def __exit__(self, *details: object) -> Any:
        self._call.end(error=details[1])
        leave = getattr(self._inner, "__exit__", None)
        return leave(*details) if leave is not None else None

    async def __aenter__(self) -> Self:
        enter = getattr(self._inner, "__aenter__", None)
        if enter is not None:
            await enter()
        return self

    async def __aexit__(self, *details: object) -> Any:
        self._call.end(error=details[1])
        leave = getattr(self._inner, "__aexit__", None)
        return await leave(*details) if leave is not None else None

    def __del__(self) -> None:
        self._call.end()
