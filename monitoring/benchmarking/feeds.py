"""Which texts of a labelled row go where, and which evaluator its label is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from monitoring.models import Record

__all__ = ["FEEDS", "UNLABELLED", "Feed", "Row", "ranking_part", "to_fed_record", "to_record"]

Row = Mapping[str, Any]

UNLABELLED = "traffic"


class Feed(NamedTuple):
    """An evaluator that a task measures.

    Labels are 1 where the thing looked for is present and, in tasks of quality, where the text is good:
    as values are. `opposite` marks an evaluator whose value is high where the label is low; `sources` names
    those whose label is about it, where it is not all of the task's.
    """

    evaluator: str
    opposite: bool = False
    sources: frozenset[str] | None = None

    def reads(self, source: str) -> bool:
        """Tell whether a source's label is about the evaluator."""
        return self.sources is None or source in self.sources


FEEDS: Mapping[str, tuple[Feed, ...]] = {
    "hallucination": (Feed("hallucination"), Feed("factual_accuracy", opposite=True)),
    "toxicity": (Feed("toxicity"),),
    "bias": (Feed("bias"),),
    "pii": (Feed("pii"),),
    "prompt_injection": (Feed("prompt_injection"),),
    "similarity": (Feed("semantic_similarity"),),
    "relevance": (
        Feed("relevance"),
        Feed("refusal", opposite=True, sources=frozenset({"refusals"})),
    ),
    "coherence": (Feed("coherence"),),
    UNLABELLED: (),
}

# The value of these evaluators is about the response. Where a row is one text, it stands in `prompt`.
_ABOUT_ONE_TEXT = frozenset({"toxicity", "bias", "pii"})
# The context of these sources is the instructions that the application gave.
_SYSTEM_PROMPTS = frozenset({"cyberseceval", "tensor_trust"})
# From so many responses to a prompt on they are candidates that a search found.
_CANDIDATES = 8
_GROUNDED = "hallucination"
_INDIRECT = "injection_in_context"


def to_record(row: Row) -> Record:
    """Turn a row into the record an application would have posted."""
    context = row.get("context")
    return Record(
        prompt=_valid(row.get("prompt")),
        response=_valid(row.get("response")),
        context=(_valid(context),) if context else (),
        reference=_valid(row.get("reference")) or None,
    )


def to_fed_record(task: str, source: str, row: Row) -> Record:
    """Turn a row into the record whose value its label is about."""
    record = to_record(row)
    if task == _GROUNDED and record.context:
        # The label is about the context; a reference beside it, given for some rows alone, would answer instead.
        return Record(prompt=record.prompt, response=record.response, context=record.context)
    if task in _ABOUT_ONE_TEXT and not record.response:
        return Record(prompt="", response=record.prompt, context=record.context, reference=record.reference)
    if source in _SYSTEM_PROMPTS:
        return Record(
            prompt=record.prompt, response=record.response, system_prompt="\n".join(record.context) or None
        )
    return record


def ranking_part(task: str, rows: Sequence[Row]) -> str | None:
    """Name the part of a score that ranks the rows, or None where its value does.

    Instructions inside retrieved text are reported by a part of their own and flag only where a rule
    agrees, so the value ranks what is flagged alone. Candidates for one question, as a search finds them,
    are ranked by a part that does not ask whether they open like an answer, and replies of a conversation by
    how they go on with it.
    """
    if task == "prompt_injection":
        inside = any(span[2] == _INDIRECT for row in rows for span in row.get("spans") or ())
        return "context" if inside else None
    if task == "relevance":
        prompts = {row.get("prompt") for row in rows}
        return "ranking" if len(rows) >= _CANDIDATES * len(prompts) else None
    if task == "coherence":
        turns = sum((row.get("prompt") or "").strip().count("\n") > 0 for row in rows)
        return "continuity" if 2 * turns > len(rows) else None
    return None


def _valid(text: str | None) -> str:
    # JSON can spell half a surrogate pair, which no record may hold.
    return (text or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
