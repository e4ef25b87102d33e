"""The fields of a trace that a filter may name: their names, types, operators and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

import msgspec

from app.filters.conditions import ORDERED, Operator
from app.schemas.columns import COLUMNS, ColumnType
from app.schemas.kinds import PART_KINDS, Kind

__all__ = ["FAMILIES", "FIELDS", "Field", "FieldType", "find_field", "near_names"]


class FieldType(StrEnum):
    """The types of fields, which decide what a field may be compared with."""

    TEXT = "text"
    TEXTS = "texts"
    """Several texts. A comparison holds if it holds for one of them."""
    NUMBER = "number"
    TRUTH = "boolean"
    MOMENT = "time"
    ID = "uuid"
    HEX = "hex"
    JSON = "text, number or boolean"


_EQUAL = frozenset({Operator.IN, Operator.EXISTS})
_OPERATORS: Final[Mapping[FieldType, frozenset[Operator]]] = {
    FieldType.TEXT: _EQUAL | {Operator.CONTAINS},
    FieldType.TEXTS: _EQUAL | {Operator.CONTAINS},
    FieldType.NUMBER: _EQUAL | ORDERED,
    FieldType.TRUTH: _EQUAL,
    FieldType.MOMENT: _EQUAL | ORDERED,
    FieldType.ID: _EQUAL,
    FieldType.HEX: _EQUAL,
    FieldType.JSON: _EQUAL | ORDERED | {Operator.CONTAINS},
}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field, or a family of fields whose name ends with a dot (`metadata.` with any key).

    `column` is the column of a trace, or the name of a value that is computed from columns.
    `values` lists all values where only some are possible.
    """

    name: str
    type: FieldType
    column: str
    description: str
    aliases: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def operators(self) -> frozenset[Operator]:
        """The operators that this field may be compared with."""
        return _EQUAL if self.values else _OPERATORS[self.type]


_TYPES: Final[Mapping[ColumnType, FieldType]] = {
    ColumnType.TEXT: FieldType.TEXT,
    ColumnType.TEXTS: FieldType.TEXTS,
    ColumnType.TRUTH: FieldType.TRUTH,
    ColumnType.MOMENT: FieldType.MOMENT,
    ColumnType.ID: FieldType.ID,
    ColumnType.BYTES: FieldType.HEX,
    ColumnType.COUNT: FieldType.NUMBER,
    ColumnType.NUMBER: FieldType.NUMBER,
    ColumnType.MONEY: FieldType.NUMBER,
}
_INTERNAL = frozenset({"project_id", "job_id", "response_key"})
# Names by which people know a column: the first is written, the others are read too.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "model_name": ("model", "model_name"),
    "user_id": ("user", "user_id"),
    "session_id": ("session", "session_id"),
    "template_id": ("template", "template_id"),
    "tags": ("tag", "tags"),
    "flags": ("flag", "flags", "safety_flags"),
    "marks": ("mark", "marks"),
    "dismissed_flags": ("dismissed_flag", "dismissed_flags"),
    "dismissed_hits": ("dismissed_hit", "dismissed_hits"),
    "hits": ("hit", "hits"),
    "overall_quality": ("quality", "quality_score", "overall_quality"),
    "safety_score": ("safety", "safety_score"),
    "cost_usd": ("cost", "cost_usd"),
    "reported_cost_usd": ("reported_cost", "reported_cost_usd"),
    "computed_cost_usd": ("computed_cost", "computed_cost_usd"),
    "response_time_ms": ("latency", "latency_ms", "response_time_ms"),
    "time_to_first_token_ms": ("time_to_first_token", "time_to_first_token_ms", "ttft"),
    "occurred_at": ("timestamp", "time", "occurred_at"),
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens"),
}
_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "model_name": "The name of the model.",
    "provider": "The company or service that ran the model.",
    "user_id": "The id that was sent, or its pseudonym.",
    "session_id": "The id that was sent, or its pseudonym.",
    "template_id": "The name of the prompt template.",
    "tags": "The tags of the call.",
    "flags": "The safety flags, such as toxicity.",
    "hits": "The evaluators whose value was beyond their threshold.",
    "dismissed_flags": "Safety flags that are false alarms and no longer count.",
    "dismissed_hits": "The evaluators that raised nothing but such flags.",
    "marks": "What was noticed about the record, such as no_content.",
    "overall_quality": "The overall quality, 0 to 1, where 1 is good.",
    "safety_score": "The safety, 0 to 1, where 1 is safe.",
    "is_safe": "Whether the call has no safety flag.",
    "cost_usd": "The cost that counts, in US dollars.",
    "reported_cost_usd": "The cost that the client or provider stated, in US dollars.",
    "computed_cost_usd": "The cost by the tables of prices where a stated one counts, in US dollars.",
    "response_time_ms": "The duration of the call in milliseconds.",
    "time_to_first_token_ms": "The time until the first token in milliseconds.",
    "occurred_at": "The moment of the call, as in RFC 3339.",
    "error": "The error that the call ended with.",
    "trace_id": "The id of the trace here.",
    "client_id": "The id that the client gave the record.",
    "otel_trace_id": "The OpenTelemetry trace in hexadecimal digits.",
    "otel_span_id": "The OpenTelemetry span in hexadecimal digits.",
    "topic": "The topic of the prompt.",
    "source": "How the record came: live traffic, an evaluation, or an import.",
    "kind": "What the span is; only llm and embedding are calls.",
    "pricing_status": "Whether the cost is known.",
    "guard": "What the guard decided.",
}
_VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "source": ("live", "evaluate", "import"),
    "kind": tuple(kind for kind in Kind if kind not in PART_KINDS),
}
_COMPUTED: Final = (
    Field(
        name="status",
        type=FieldType.TEXT,
        column="status",
        description="error where the call ended with an error, otherwise ok.",
        values=("ok", "error"),
    ),
    Field(
        name="environment",
        type=FieldType.TEXT,
        column="environment",
        description="The deployment environment that the metadata names.",
    ),
    Field(
        name="name",
        type=FieldType.TEXT,
        column="name",
        description="The name of the OpenTelemetry span.",
    ),
    Field(
        name="total_tokens",
        type=FieldType.NUMBER,
        column="total_tokens",
        description="The tokens of prompt and completion together.",
        aliases=("tokens",),
    ),
    Field(
        name="rating",
        type=FieldType.NUMBER,
        column="rating",
        description="A rating of feedback, 1 (bad) to 5 (good).",
    ),
    Field(
        name="chance",
        type=FieldType.NUMBER,
        column="chance",
        description="A number 0 to 1 that each call has by chance: below 0.01 is one in a hundred.",
    ),
    Field(
        name="reviewed",
        type=FieldType.TRUTH,
        column="reviewed",
        description="Whether people decided all flags, or labelled a call that has none.",
    ),
    Field(
        name="label",
        type=FieldType.TEXTS,
        column="people",
        description="What people said of a finding, or that they scored the whole call.",
        values=("true_alarm", "false_alarm", "score"),
    ),
)
FAMILIES: Final = (
    Field(
        name="score.",
        type=FieldType.NUMBER,
        column="score",
        description="The value that an evaluator gave, or one of its parts (score.relevance.topical).",
        aliases=("scores.",),
    ),
    Field(
        name="label.",
        type=FieldType.TEXT,
        column="label",
        description="The label that an evaluator gave.",
        aliases=("labels.",),
    ),
    Field(
        name="given.",
        type=FieldType.NUMBER,
        column="given",
        description="The value that another system gave, by the name of its evaluator.",
        aliases=("given_scores.",),
    ),
    Field(
        name="metadata.",
        type=FieldType.JSON,
        column="metadata",
        description="The value of a key of the metadata. The key may hold dots; an odd one is quoted.",
    ),
)
"""Fields with a key of the caller's after the dot."""


def _stored() -> Iterator[Field]:
    for column in COLUMNS:
        if column.name in _INTERNAL or column.type not in _TYPES:
            continue
        name, *aliases = _NAMES.get(column.name, (column.name,))
        yield Field(
            name=name,
            type=_TYPES[column.type],
            column=column.name,
            description=_DESCRIPTIONS.get(
                column.name, f"{column.name.replace('_', ' ').capitalize()} of the call."
            ),
            aliases=tuple(aliases),
            values=_VALUES.get(column.name, ()),
        )


FIELDS: Final = (*_stored(), *_COMPUTED)
"""All fields that have no key."""
_BY_NAME: Final = {name: field for field in FIELDS for name in (field.name, *field.aliases)}
_BY_PREFIX: Final = {name: family for family in FAMILIES for name in (family.name, *family.aliases)}


def find_field(name: str) -> tuple[Field, str] | None:
    """Return the field of a name and the key in it, which is empty where the field has none."""
    found = _BY_NAME.get(name.lower())
    if found is not None:
        return found, ""
    head, dot, key = name.partition(".")
    family = _BY_PREFIX.get(head.lower() + dot)
    return (family, key) if family is not None else None


def near_names(name: str, names: tuple[str, ...] = (*_BY_NAME, *_BY_PREFIX)) -> tuple[str, ...]:
    """Return up to three of the names that look most like a wrong one."""
    return tuple(get_close_matches(name.lower()[:64], names, n=3, cutoff=0.6))
