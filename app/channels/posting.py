"""Sending JSON over HTTP to a host that a tenant chose."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus

import httpcore
import httpx

from app.channels.errors import DeliveryError
from app.channels.network import CheckedBackend, Network

__all__ = ["MOST_SECONDS", "post"]

MOST_SECONDS = 10.0
"""Seconds that one request may take as a whole, however slowly a receiver answers."""
_STEP_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 3600
_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_TIMES = {"connect": _STEP_SECONDS, "read": MOST_SECONDS, "write": _STEP_SECONDS, "pool": _STEP_SECONDS}


async def post(network: Network, url: str, content: bytes, headers: Mapping[str, str]) -> int:
    """Post a JSON body and return the status, which is 2xx. The answer's body is not read.

    Redirects are not followed. Raises DeliveryError.
    """
    parsed = httpx.URL(url)
    plain = parsed.scheme != "https"
    sent = {
        "Host": parsed.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "llm-monitor",
        **headers,
    }
    address = httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
    )
    try:
        async with (
            asyncio.timeout(MOST_SECONDS),
            httpcore.AsyncConnectionPool(
                ssl_context=network.tls,
                network_backend=CheckedBackend(network, plain=plain),
                max_connections=1,
            ) as pool,
            pool.stream(
                "POST", address, headers=list(sent.items()), content=content, extensions={"timeout": _TIMES}
            ) as answer,
        ):
            status, told = answer.status, dict(answer.headers)
    except (TimeoutError, httpcore.TimeoutException) as error:
        raise DeliveryError(f"The receiver did not answer within {MOST_SECONDS:g} seconds.") from error
    except httpcore.NetworkError as error:
        raise DeliveryError(_explain(error)) from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise DeliveryError("The receiver did not answer in HTTP.") from error
    _check(status, told)
    return status


def _check(status: int, headers: Mapping[bytes, bytes]) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 the range of success
        return
    if 300 <= status < 400:  # noqa: PLR2004 the range of redirects
        raise DeliveryError(
            f"The receiver answered {status} and points elsewhere. Redirects are not followed: enter the "
            "address at which messages are taken.",
            permanent=True,
            status_code=status,
        )
    again = status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    raise DeliveryError(
        f"The receiver answered {status}.",
        permanent=not again,
        status_code=status,
        retry_after=_wait(headers) if again else None,
    )


def _wait(headers: Mapping[bytes, bytes]) -> float | None:
    for name, value in headers.items():
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:  # noqa: PLR2004 nine digits are 31 years
            return float(min(int(value), _LONGEST_WAIT_SECONDS))
    return None


def _explain(error: BaseException) -> str:
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return "The certificate of the host is not valid for its name."
    return "The connection to the host failed."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
