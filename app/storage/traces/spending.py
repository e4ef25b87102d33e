"""Reading the newest calls of a window with their texts.

That is bounded: by a number of calls, by the size of texts, and by a time for the statement.
"""

# ruff: noqa: S608 - fragments are constants of this module; values of callers are bound

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.ids import first_id
from app.schemas.kinds import COUNTED_KINDS
from app.storage.engine import is_overdue
from monitoring.spending.sampled_calls import LONGEST_TEXT, SampledCall
from monitoring.spending.usage import BILLED, Usage
from monitoring.statistics.trends import Window

__all__ = ["AT_LIMIT", "FINISH", "read_in_time", "read_sampled_calls"]

_MOST_READ = 2_000
_MOST_BYTES = 24 * 1024 * 1024
_MOST_PASSAGES = 20
_LONGEST_PASSAGE = 4_000
_TIMEOUT = text("SET LOCAL statement_timeout = '3s'")
_TIMEOUT_AGAIN = text("SET LOCAL statement_timeout = DEFAULT")
_LATEST_AHEAD = timedelta(days=1)

_NEWEST = (
    "project_id = :project_id AND source = :source AND occurred_at >= :start AND occurred_at < :end "
    "AND trace_id >= :first AND kind = ANY(:kinds)"
)
_SYSTEM = (
    "CASE WHEN system_prompt IS NULL OR messages->0->>'role' IN ('system', 'developer') THEN '' "
    "ELSE left(system_prompt, :length) || E'\\n' END"
)
_TALK = (
    "CASE WHEN jsonb_typeof(messages) = 'array' AND jsonb_array_length(messages) > 0 THEN "
    "(SELECT left(string_agg(one ->> 'content', E'\\n' ORDER BY place), :length)"
    " FROM jsonb_array_elements(messages) WITH ORDINALITY AS m (one, place)) ELSE left(prompt, :length) END"
)
FINISH = " || ' ' || ".join(
    f"left(coalesce(metadata ->> '{name}', ''), 200)"
    for name in ("finish_reason", "stop_reason", "finish_reasons", "gen_ai.response.finish_reasons")
)
_LIMIT = (
    "coalesce("
    + ", ".join(
        f"left(metadata ->> '{name}', 20)"
        for name in ("max_tokens", "max_completion_tokens", "max_output_tokens", "gen_ai.request.max_tokens")
    )
    + ")"
)
_BYTES = (
    "least(octet_length(prompt), 4 * :length) + least(coalesce(octet_length(system_prompt), 0), 4 * :length) "
    "+ least(octet_length(response), 4 * :length) + least(coalesce(pg_column_size(messages), 0), 4 * :length) "
    "+ least(pg_column_size(context), 4 * :passages * :passage)"
)
_READ = text(
    "SELECT trace_id, occurred_at, model_name, provider, service_tier, template_id, "
    "coalesce(session_id, user_id) AS owner, cost_usd, overall_quality, is_safe, error IS NOT NULL AS failed, "
    f"{', '.join(BILLED)}, {FINISH} AS finish, {_LIMIT} AS asked_limit, "
    "scores #>> '{coherence,label}' AS coherence, "
    f"{_SYSTEM} AS system, coalesce({_TALK}, '') AS talk, left(response, :length) AS response, "
    "md5(concat_ws(E'\\x1f', system_prompt, prompt, messages::text)) AS digest, "
    "CASE WHEN cardinality(context) > 0 THEN md5(array_to_string(context, E'\\x1f')) ELSE '' END AS documents_digest, "
    "ARRAY(SELECT left(one, :passage) FROM unnest(context[1:20]) AS one) AS passages, "
    "coalesce(length(system_prompt), 0) + coalesce(length(messages::text), length(prompt)) AS characters "
    "FROM traces WHERE project_id = :project_id AND trace_id >= :first AND trace_id = ANY(ARRAY("
    " SELECT trace_id FROM (SELECT trace_id, sum(size) OVER (ORDER BY occurred_at DESC, trace_id DESC) AS so_far"
    f" FROM (SELECT trace_id, occurred_at, {_BYTES} AS size FROM traces WHERE {_NEWEST}"
    " ORDER BY occurred_at DESC, trace_id DESC LIMIT :most) AS newest) AS sized WHERE so_far <= :bytes))"
)
AT_LIMIT = ("length", "max_tokens", "max_output_tokens", "model_length", "token_limit", "max_tokens_reached")


async def read_sampled_calls(
    connection: AsyncConnection, project_id: str, window: Window, source: str = "live"
) -> list[SampledCall]:
    """Return the newest 2,000 calls of a window, or fewer if their texts have 24 MB.

    The result is empty if that takes too long.
    """
    parameters = _parameters(project_id, window, source) | {
        "most": _MOST_READ,
        "bytes": _MOST_BYTES,
        "length": LONGEST_TEXT,
        "passage": _LONGEST_PASSAGE,
        "passages": _MOST_PASSAGES,
    }
    return [_call(row) for row in await read_in_time(connection, _READ, parameters)]


async def read_in_time(
    connection: AsyncConnection, statement: Executable, parameters: dict[str, Any] | None = None
) -> Sequence[Row[Any]]:
    """Return the rows of a statement, none if it takes longer than three seconds."""
    try:
        async with connection.begin_nested():
            await connection.execute(_TIMEOUT)
            rows = (await connection.execute(statement, parameters)).all()
            await connection.execute(_TIMEOUT_AGAIN)
            return rows
    except DBAPIError as error:
        if not is_overdue(error):
            raise
        return []


def _parameters(project_id: str, window: Window, source: str) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "source": source,
        "start": window.start,
        "end": window.end,
        "first": first_id(window.start - _LATEST_AHEAD),
        "kinds": list(COUNTED_KINDS),
    }


def _usage(row: Row[Any]) -> Usage:
    return Usage(*(max(int(getattr(row, name) or 0), 0) for name in BILLED))


def _call(row: Row[Any]) -> SampledCall:
    passages = tuple(row.passages)
    whole = (row.system + row.talk)[:LONGEST_TEXT]
    beside = sum(map(len, passages)) if passages and not any(one in whole for one in passages) else 0
    return SampledCall(
        trace_id=UUID(bytes=row.trace_id.bytes),
        at=row.occurred_at,
        model_name=row.model_name,
        provider=row.provider,
        service_tier=row.service_tier,
        template_id=row.template_id,
        owner=row.owner,
        cost_usd=row.cost_usd,
        usage=_usage(row),
        quality=row.overall_quality,
        is_safe=row.is_safe,
        failed=row.failed,
        stopped_at_limit=any(word in row.finish.casefold() for word in AT_LIMIT),
        limit=int(row.asked_limit) if row.asked_limit and row.asked_limit.isdecimal() else None,
        breaks_off=row.coherence == "truncated",
        text=whole,
        system_characters=min(len(row.system), len(whole)),
        characters=row.characters + beside,
        digest=row.digest,
        documents_digest=row.documents_digest,
        response=row.response,
        context=passages,
    )
