"""What servers say that are there and cannot take anything: each gets its status and a sentence."""

from __future__ import annotations

from http import HTTPStatus

import asyncpg
import pytest
import redis.exceptions as refusals
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request

from app.api.problems import answer_expected
from app.errors import MonitorError, StorageFull, Unavailable
from app.ingest.outage import redis_required
from app.storage.engine import is_outage, reading, writing


def _of_script(refusal: str) -> refusals.ResponseError:
    """Return the error in which Redis 6.2 wraps the refusal of a script's command."""
    return refusals.ResponseError(
        f"Error running script (call to f_e720d178): @user_script:46: @user_script: 46: -{refusal}"
    )


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (refusals.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), 503, "maxmemory"),
        (refusals.ReadOnlyError("You can't write against a read only replica."), 503, "replica"),
        (
            refusals.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
            507,
            "disk",
        ),
        (_of_script("OOM command not allowed when used memory > 'maxmemory'."), 503, "maxmemory"),
        (_of_script("READONLY You can't write against a read only replica."), 503, "replica"),
        (_of_script("MISCONF Errors writing to the AOF file: No space left on device"), 507, "disk"),
        (_of_script("NOREPLICAS Not enough good replicas to write."), 503, "perhaps not stored"),
        (refusals.ResponseError("ERR unknown command 'OOM'"), 503, "perhaps not stored"),
        (refusals.ResponseError("ERR unknown command"), 503, "perhaps not stored"),
        (refusals.ConnectionError("Connection refused"), 503, "perhaps not stored"),
        (OSError(28, "No space left on device"), 503, "perhaps not stored"),
    ],
)
def test_redis_that_takes_nothing_says_why(error: Exception, status: int, said: str) -> None:
    with pytest.raises(Unavailable) as caught, redis_required():
        raise error
    assert caught.value.status == status
    assert said in caught.value.detail
    assert ("nothing was accepted" in caught.value.detail) is (
        "perhaps" not in caught.value.detail
    ) or status == 503
    assert caught.value.retry_after


@pytest.mark.parametrize("block", [reading, writing])
@pytest.mark.parametrize(
    ("raised", "status"), [(asyncpg.DiskFullError, 507), (asyncpg.CannotConnectNowError, 503)]
)
async def test_a_database_without_room_is_told_apart(
    block: object, raised: type[Exception], status: int
) -> None:
    class Failing:
        def connect(self) -> object:
            raise DBAPIError("INSERT", None, raised("could not extend file"))

        begin = connect

    with pytest.raises(Unavailable) as caught:
        async with block(Failing()):  # type: ignore[operator]  # either way to wait
            pass
    assert caught.value.status == status
    assert is_outage(caught.value)


@pytest.mark.parametrize(
    ("path", "status"), [("/monitor/inferences", 507), ("/v1/traces", 503), ("/v1/logs", 503)]
)
def test_exporters_are_told_in_a_status_after_which_they_try_again(path: str, status: int) -> None:
    error: MonitorError = StorageFull("The disk is full.", retry_after=30)
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    answer = answer_expected(Request(scope), error)
    assert answer.status_code == status
    assert answer.headers["Retry-After"] == "30"
    assert error.status is HTTPStatus.INSUFFICIENT_STORAGE
