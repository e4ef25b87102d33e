"""The people whose calls are monitored, as far as something can be done about them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.api.dependencies import Caller, Serving
from app.api.users import answer_erasure
from app.jobs.erasure import Target
from monitoring.privacy.redaction import USER_ID

__all__ = ["router"]

router = APIRouter(prefix="/users", tags=["users"])

User = Annotated[str, Path(min_length=1, max_length=4096)]


@router.delete("/{user_id:path}", status_code=HTTPStatus.ACCEPTED)
async def delete_user(serving: Serving, caller: Caller, user_id: User) -> Response:
    """Erase everything accepted from or about a user until now: calls, scores, feedback, dead letters, figures.

    The id is the one that was sent, or the pseudonym under which it is shown.
    """
    written = user_id.replace("\0", "\N{REPLACEMENT CHARACTER}")
    forms = serving.privacy.stored_forms(caller.project_id, USER_ID, written)
    return await answer_erasure(serving, caller, Target(user_ids=forms))
