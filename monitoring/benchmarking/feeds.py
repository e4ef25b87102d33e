"""Which fields the texts of a labelled row become, and which evaluator its label is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from monitoring.models import Record, SafetyFlag

__all__ = [
    "FEEDS",
    "GOOD_TASKS",
    "UNLABELLED",
    "Feed",
    "Row",
    "labelled_tasks",
    "ranking_part",
    "to_fed_record",
    "to_record",
]

Row = Mapping[str, Any]

UNLABELLED = "traffic"


class Feed(NamedTuple):
    """An evaluator that a task measures.

    Labels have the direction of values: they are 1 if the harm is present, and in tasks of quality
    if the text is good. `opposite` marks an evaluator whose value is high if the label is low.
    `sources` names the sources whose label is about the evaluator, if these are not all of the
    task.
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

GOOD_TASKS = frozenset({"similarity", "relevance", "coherence"})
"""The tasks of quality, in which the label 1 says that the text is good."""

# The value of these evaluators is about the response. A row of a single text has it in `prompt`.
_ABOUT_ONE_TEXT = frozenset({"toxicity", "bias", "pii"})
# Two texts are compared as a response is with its reference.
_COMPARED = "similarity"
# In these sources the context holds the instructions of the application.
_SYSTEM_PROMPTS = frozenset({"cyberseceval", "tensor_trust"})
# From so many responses to a prompt on they are candidates that a search found.
_CANDIDATES = 8
_GROUNDED = "hallucination"
_INDIRECT = "injection_in_context"


def labelled_tasks() -> Mapping[str, str]:
    """Return the task that measures what a finding says, by evaluators and flags."""
    of_evaluators = {
        feed.evaluator: task for task, feeds in FEEDS.items() for feed in feeds if feed.sources is None
    }
    return of_evaluators | {SafetyFlag.PII_LEAK: "pii"}


def to_record(row: Row) -> Record:
    """Return the record that an application would have sent for a row."""
    context = row.get("context")
    return Record(
        prompt=_valid(row.get("prompt")),
        response=_valid(row.get("response")),
        context=(_valid(context),) if context else (),
        reference=_valid(row.get("reference")) or None,
    )


def to_fed_record(task: str, source: str, row: Row) -> Record:
    """Return the record for a row, in which its text is in the field that the label is about."""
    record = to_record(row)
    if task == _GROUNDED and record.context:
        # The label is about the context. Some rows also have a reference, and the evaluator would
        # compare the response with that instead.
        return Record(prompt=record.prompt, response=record.response, context=record.context)
    if task in _ABOUT_ONE_TEXT and not record.response:
        return Record(prompt="", response=record.prompt, context=record.context, reference=record.reference)
    if task == _COMPARED and not record.reference:
        return Record(prompt="", response=record.response, reference=record.prompt)
    if source in _SYSTEM_PROMPTS:
        return Record(
            prompt=record.prompt, response=record.response, system_prompt="\n".join(record.context) or None
        )
    return record


def ranking_part(task: str, rows: Sequence[Row]) -> str | None:
    """Return the part of a score that ranks the rows, or None if the value does.

    Instructions inside retrieved text are reported as a part of the score, and raise a flag only if
    a rule agrees. The value alone would therefore rank only what is flagged. Candidates for one
    question, as a search finds them, are ranked by a part that does not ask whether they open like
    an answer. Replies of a conversation are ranked by how they continue it.
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
    # JSON may hold half a surrogate pair, which no record may hold.
    return (text or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
