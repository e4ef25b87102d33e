"""Changes that people make on pages; the API makes them, with the rights of who is signed in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, NamedTuple

import httpx

from app.errors import Forbidden, MonitorError, Unavailable
from dashboard.auth.current_identity import CURRENT_IDENTITY, CURRENT_SESSION

__all__ = ["Answer", "Changes", "NeedsConsent", "NotAllowed", "Refused"]

_AWAY: Final = "The API does not answer, so nothing was changed. Try again shortly."


class Refused(MonitorError):
    """The API refused a change; `detail` and `errors` are those of its answer."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "refused", "Refused"


class NotAllowed(Refused):
    """The API refused a request because the person's key lacks a scope."""

    status, slug, title = HTTPStatus.FORBIDDEN, "not-allowed", "Not allowed"


class NeedsConsent(Refused):
    """The API refused a change that takes something away, or that meets another change."""

    status, slug, title = HTTPStatus.CONFLICT, "needs-consent", "Nothing was changed"


_KINDS: Final[dict[int, type[Refused]]] = {
    HTTPStatus.FORBIDDEN: NotAllowed,
    HTTPStatus.CONFLICT: NeedsConsent,
}


class Answer(NamedTuple):
    """What the API answered: JSON, None without a body, and the entity tag for If-Match."""

    body: Any
    tag: str | None = None


class Changes:
    """Sends requests of a page to the API."""

    def __init__(self, api: httpx.AsyncClient) -> None:
        self._api = api

    async def send(self, method: str, path: str, project_id: str, **options: Any) -> Any:
        """Return the JSON of the API's answer to a request, None if it has no body.

        `project_id` is the project that the page shows, and `options` are those of httpx. Raises
        Forbidden where the person may not change it, Refused with what the API says (NotAllowed
        and NeedsConsent are kinds of it), and Unavailable if it does not answer.
        """
        return (await self.ask(method, path, project_id, **options)).body

    async def ask(self, method: str, path: str, project_id: str, **options: Any) -> Answer:
        """Return the JSON of an answer with its entity tag; arguments and errors as for `send`."""
        token = CURRENT_SESSION.get()
        identity = CURRENT_IDENTITY.get()
        if identity is not None and identity.anonymous:
            identity.require("admin")  # the API trusts this process more than its visitors
            if identity.project_id != project_id:
                raise Forbidden(f"Sign in with a key of the project {project_id} to change it.")
        headers = dict(options.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await self._api.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise Unavailable(_AWAY, retry_after=5) from error
        if answer.is_success:
            return Answer(answer.json() if answer.content else None, answer.headers.get("etag"))
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> MonitorError:
    kind = _KINDS.get(answer.status_code, Refused)
    try:
        problem = answer.json()
        return kind(str(problem["detail"]), errors=problem.get("errors", ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return kind(f"The API answered {answer.status_code}.")
