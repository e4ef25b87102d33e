"""Where stored spans stand in their trace, and calls that turn out to be steps around others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.spans import STEP, PlacedSpan
from app.storage.tables import traces
from app.storage.traces import select_spans

__all__ = ["become_steps", "read_places"]

_PLACE = [traces.c[name] for name in PlacedSpan.__struct_fields__]
_BECOME = text("""
UPDATE traces AS t SET
    kind = :step, scores = '{}', flags = '{}', hits = '{}', overall_quality = NULL, safety_score = NULL,
    is_safe = NULL, topic = NULL, cost_usd = NULL, pricing_status = 'not_counted', price_source = NULL,
    token_source = NULL, prompt_tokens = found.prompt, completion_tokens = found.completion
FROM unnest(CAST(:ids AS uuid[]), CAST(:prompts AS bigint[]), CAST(:completions AS bigint[]))
    AS found (id, prompt, completion)
WHERE t.project_id = :project_id AND t.trace_id = found.id AND t.trace_id BETWEEN :first AND :last
""")


async def read_places(
    connection: AsyncConnection, project_id: str, otel_trace_ids: Sequence[bytes], *, since: UUID, until: UUID
) -> list[PlacedSpan]:
    """Return the places of spans that were accepted between the moments that two ids carry."""
    rows = await connection.execute(select_spans(_PLACE, project_id, otel_trace_ids, since, until))
    return [PlacedSpan(**row._asdict()) for row in rows]


async def become_steps(
    connection: AsyncConnection, project_id: str, tokens: Mapping[UUID, tuple[int | None, int | None]]
) -> None:
    """Make stored calls steps, which have no scores and no price; the caller holds locks on them.

    `tokens` says by id what a step itself reported as used, of the prompt and of the completion.
    """
    if not tokens:
        return
    await connection.execute(
        _BECOME,
        {
            "project_id": project_id,
            "step": STEP,
            "ids": list(tokens),
            "prompts": [prompt for prompt, _ in tokens.values()],
            "completions": [completion for _, completion in tokens.values()],
            "first": min(tokens),
            "last": max(tokens),
        },
    )
