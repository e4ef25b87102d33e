"""What a command says when the API refuses what it asked."""

from __future__ import annotations

from typing import Any

import httpx

from app.errors import MonitorError

__all__ = ["read_problem", "read_refusal"]

_PROBLEM = "application/problem+json"


def read_refusal(response: httpx.Response, *, scope: str) -> MonitorError:
    """Return the error for an answer that is no success.

    Where a key is missing or does not count it names the variable that holds it, and the `scope` that is needed.
    """
    problem = read_problem(response)
    if problem is None:
        return MonitorError(f"The API answered {response.status_code} in a form that is not its own.")
    said = problem.get("detail") or problem.get("title")
    with_key = "authorization" in response.request.headers
    match response.status_code, with_key:
        case httpx.codes.UNAUTHORIZED, False:
            return MonitorError(
                "The API asks for a key: put one into LLM_MONITOR_API_KEY (export LLM_MONITOR_API_KEY=lm_…); "
                f"`llm-monitor keys create NAME --scope {scope}` makes one."
            )
        case httpx.codes.UNAUTHORIZED, True:
            return MonitorError(f"The API does not take the key in LLM_MONITOR_API_KEY: {said}")
        case httpx.codes.FORBIDDEN, True:
            return MonitorError(f"The key in LLM_MONITOR_API_KEY may not do this: {said}")
    return MonitorError(f"The API refused: {said}")


def read_problem(response: httpx.Response) -> dict[str, Any] | None:
    """Return the problem (RFC 9457) that an answer of the API holds, None where it holds none."""
    if not response.headers.get("Content-Type", "").startswith(_PROBLEM):
        return None
    found: dict[str, Any] = response.json()
    return found
