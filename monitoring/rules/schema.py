"""The shape of a file of rules, and what is said of one that does not have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from monitoring.evaluator import Category
from monitoring.models import TextField
from monitoring.signals.groups import GROUP_PLACEHOLDER
from monitoring.text.lexicon import hash_words
from monitoring.text.patterns import PatternSet

__all__ = ["BiasIn", "BiasPatternIn", "Fault", "FileIn", "PatternIn", "RuleIn", "find_faults"]

_SHOWN: Final = 80
_OF_KEY: Final = "[key]"  # what pydantic adds to the place of a key that is wrong
# Measures and dimensions of the rollups: an evaluator of that name would be counted among them.
_RESERVED: Final = frozenset(
    {"all", "model", "user", "session", "tag", "template", "flag", "overall_quality", "safety_score"}
    | {"response_time_ms", "time_to_first_token_ms", "cost_usd", "fast"}
)


class Fault(NamedTuple):
    """One thing that is wrong: where, as keys and numbers from the top of the file, and what to do."""

    place: tuple[str | int, ...]
    message: str


class _Expects:
    """Says of a value that it is to be something else, instead of what pydantic would say."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.custom_error_schema(
            handler(source), custom_error_type="expected", custom_error_message=self._text
        )


def _check_filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text


def _check_name(name: str) -> str:
    if not (name.isascii() and name.isidentifier() and name == name.lower()):
        raise ValueError(f"{name!r} is no name: take lower-case letters, digits and underscores")
    return name


def _check_rule_name(name: str) -> str:
    if name in _RESERVED:
        raise ValueError(f"{name} is a name of the reports: choose another")
    return name


def _check_regex(regex: str) -> str:
    return _compile(regex, regex)


def _check_regex_with_groups(regex: str) -> str:
    return _compile(regex, regex.replace(GROUP_PLACEHOLDER, "(?:group)"))


def _compile(written: str, regex: str) -> str:
    """Return the pattern as written, once RE2 takes it."""
    try:
        found = PatternSet([regex])
    except ValueError as error:
        raise ValueError(f"{error} (patterns are RE2: no look-around, no back references)") from error
    if found.matching(""):
        raise ValueError(f"pattern {written!r} matches the empty text, so it would hit everything")
    return written


def _check_words(line: str) -> str:
    for word in line.split():
        if word != word.lower() or not word.replace("'", "").isalnum() or len(hash_words(word)) != 1:
            raise ValueError(f"{word!r} is not one word in lower case")
    return line


Text = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_check_filled),
    _Expects("it is a text of 1 to 64 characters, in quotes"),
]
LongText = Annotated[
    str,
    StringConstraints(max_length=10_000),
    AfterValidator(_check_filled),
    _Expects("it is a text of 1 to 10,000 characters, in quotes"),
]
Name = Annotated[Text, AfterValidator(_check_name)]
GroupWords = Annotated[
    str,
    AfterValidator(_check_filled),
    _Expects("a group is a line of single words in lower case, such as `gamers streamers`"),
    AfterValidator(_check_words),
]
Share = Annotated[float, Field(gt=0, le=1), _Expects("it is a number above 0 and at most 1")]
Border = Annotated[float, Field(gt=0, lt=1), _Expects("it is a number between 0 and 1, both excluded")]
FieldName = Annotated[TextField, _Expects(f"take of {', '.join(get_args(TextField))}")]
CategoryName = Annotated[Category, _Expects(f"take one of {', '.join(get_args(Category))}")]
_Kind = Literal["stereotype", "capability", "exclusion", "guard"]
BiasKind = Annotated[_Kind, _Expects(f"take of {', '.join(sorted(get_args(_Kind)))}")]


class _Entry(BaseModel):
    """A mapping of the file, which `title` names to its author."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    title: ClassVar[str]


class PatternIn(_Entry):
    """What a rule looks for; `model_fields_set` tells whether it is a regex or a keyword."""

    title = "a pattern"
    regex: Annotated[LongText, AfterValidator(_check_regex)] = ""
    keyword: Text = ""
    score: Share = 1.0
    label: Text = "found"
    reason: Text = ""

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if len(self.model_fields_set & {"regex", "keyword"}) != 1:
            raise ValueError("a pattern has either `regex` or `keyword`")
        return self


class RuleIn(_Entry):
    """One rule; `flag` is empty where the rule says nothing of it, None where it wants none."""

    title = "a rule"
    name: Annotated[Name, AfterValidator(_check_rule_name)]
    category: CategoryName = "safety"
    flag: Name | None = ""
    threshold: Border = 0.5
    fields: Annotated[list[FieldName], Field(min_length=1)] = ["response"]
    patterns: Annotated[list[PatternIn], Field(min_length=1)]

    @field_validator("flag")
    @classmethod
    def _check_flag(cls, flag: str | None, info: ValidationInfo) -> str | None:
        category = info.data.get("category", "safety")
        if category != "safety":
            raise ValueError(f"only safety rules raise a flag, and this one is {category}")
        return flag

    @field_validator("threshold")
    @classmethod
    def _check_threshold(cls, threshold: float, info: ValidationInfo) -> float:
        category, flag = info.data.get("category"), info.data.get("flag", "")
        if category == "descriptive" or (category == "safety" and flag is None):
            raise ValueError("a rule without a flag has no use for a threshold: drop it")
        return threshold

    @field_validator("patterns")
    @classmethod
    def _check_labels(cls, patterns: list[PatternIn], info: ValidationInfo) -> list[PatternIn]:
        for number, pattern in enumerate(patterns):
            if info.data.get("category") == "descriptive" and "label" not in pattern.model_fields_set:
                raise _fault("each pattern of a descriptive rule needs a `label`", number)
        return patterns


class BiasPatternIn(_Entry):
    """A pattern for the bias evaluator, in which GROUP stands for any mention of a group."""

    title = "a pattern"
    regex: Annotated[LongText, AfterValidator(_check_regex_with_groups)]
    strength: Border = 0.9


class BiasIn(_Entry):
    """What the bias evaluator learns."""

    title = "bias"
    groups: dict[str, GroupWords] = {}
    patterns: dict[BiasKind, Annotated[list[BiasPatternIn], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if not self.groups and not self.patterns:
            raise ValueError("bias needs `groups` or `patterns`")
        return self


class FileIn(_Entry):
    """The whole file; `model_fields_set` tells which of both it holds."""

    title = "the file"
    rules: Annotated[list[RuleIn], Field(min_length=1)] = []
    bias: BiasIn = Field(default_factory=BiasIn.model_construct)

    @field_validator("rules")
    @classmethod
    def _check_names(cls, rules: list[RuleIn]) -> list[RuleIn]:
        names = [rule.name for rule in rules]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise _fault(f"two rules are called {name}: give one another name", number)
        return rules


_ENTRIES: Final[dict[tuple[str, ...], type[_Entry]]] = {
    (): FileIn,
    ("rules",): RuleIn,
    ("rules", "patterns"): PatternIn,
    ("bias",): BiasIn,
    **{("bias", "patterns", kind): BiasPatternIn for kind in get_args(_Kind)},
}


def _fault(message: str, number: int) -> PydanticCustomError:
    """Return an error of one item of the list that is being checked."""
    return PydanticCustomError("item", message, {"number": number})


def find_faults(error: ValidationError) -> list[Fault]:
    """Return everything that is wrong in a file."""
    return [_describe(found) for found in error.errors(include_url=False)]


def _describe(found: ErrorDetails) -> Fault:
    place, said = found["loc"], found["msg"].removeprefix("Value error, ")
    match found["type"]:
        case "expected" if place[-1] == _OF_KEY:
            place, said = place[:-1], f"`{place[-3]}` has no `{place[-2]}`: {said}"
        case "expected" if isinstance(place[-1], int):
            said = f"`{place[-2]}` holds {_show(found['input'])}: {said}"
        case "expected":
            said = f"`{place[-1]}` is {_show(found['input'])}: {said}"
        case "extra_forbidden":
            entry = _entry_at(place[:-1])
            said = f"{entry.title} has no `{place[-1]}`: take of {', '.join(sorted(entry.model_fields))}"
        case "missing":
            said = f"{_entry_at(place[:-1]).title} needs `{place[-1]}`"
        case "list_type" | "too_short":
            said = f"`{place[-1]}` is a list with at least one item"
        case "model_type":
            said = f"{_entry_at(place).title} is a mapping of keys to values"
        case "dict_type":
            said = f"`{place[-1]}` is a mapping of keys to values"
        case "item":
            place = (*place, found["ctx"]["number"])
    return Fault(place, said)


def _entry_at(place: Sequence[str | int]) -> type[_Entry]:
    return _ENTRIES[tuple(part for part in place if isinstance(part, str))]


def _show(value: object) -> str:
    """Return a plain value as it may stand in a message; what holds others could be endless."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return repr(value)[:_SHOWN]
