"""Reading a file of rules: from YAML to typed rules, with the line of every mistake."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, get_args

from monitoring.models import TextField
from monitoring.rules.rule import BiasAdditions, BiasPattern, Pattern, Rule, RuleError, Rules
from monitoring.signals.groups import group_words
from monitoring.text.patterns import PatternSet

if TYPE_CHECKING:
    from monitoring.rules.document import Document
    from monitoring.rules.schema import BiasIn, FileIn, PatternIn, RuleIn

__all__ = ["RuleError", "Rules", "parse_rules"]

_MOST_FAULTS = 5


def parse_rules(text: str) -> Rules:
    """Read the YAML text of a file of rules.

    Raises RuleError with the line of the first mistake; the message names the next few as well.
    """
    from monitoring.rules.document import Document  # installations without rules do not need YAML

    document = Document(text)
    file = _validate(document)
    rules = (_make_rule(rule, document.line_of(("rules", number))) for number, rule in enumerate(file.rules))
    bias = _make_additions(file.bias) if "bias" in file.model_fields_set else None
    return Rules(tuple(rules), bias)


def _validate(document: Document) -> FileIn:
    from pydantic import ValidationError

    from monitoring.rules.schema import FileIn, find_faults

    if document.content is None:
        raise RuleError(1, "the file is empty: it needs `rules:` or `bias:`")
    try:
        return FileIn.model_validate(document.content)
    except ValidationError as error:
        faults = sorted((document.line_of(fault.place), fault.message) for fault in find_faults(error))
    (line, first), *others = faults[:_MOST_FAULTS]
    raise RuleError(line, "; ".join([first, *(f"line {at}: {other}" for at, other in others)]))


def _make_rule(rule: RuleIn, line: int) -> Rule:
    flag = None if rule.category != "safety" or rule.flag is None else rule.flag or rule.name
    judging = flag is not None or rule.category == "quality"
    fields = tuple(field for field in get_args(TextField) if field in rule.fields)
    patterns = tuple(_make_pattern(pattern) for pattern in rule.patterns)
    version = _digest([rule.category, fields, patterns])
    threshold = rule.threshold if judging else None
    return Rule(rule.name, rule.category, flag, threshold, fields, patterns, version, line)


def _make_pattern(pattern: PatternIn) -> Pattern:
    keyword = pattern.keyword.strip()
    regex = pattern.regex or _keyword_regex(keyword)
    return Pattern(regex, pattern.score, pattern.label, pattern.reason or keyword or pattern.label)


def _keyword_regex(keyword: str) -> str:
    """Return a pattern for whole words in any case; scripts without spaces need no boundary."""
    escaped = "".join(c if c.isalnum() or c == "_" else f"\\x{{{ord(c):x}}}" for c in keyword)
    spaceless = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
    bare = PatternSet([f"[{spaceless}]"])
    before = r"(?:^|[^\pL\pN_])" if keyword[0].isalnum() and not bare.matching(keyword[0]) else ""
    after = r"(?:$|[^\pL\pN_])" if keyword[-1].isalnum() and not bare.matching(keyword[-1]) else ""
    return f"(?i){before}({escaped}){after}"


def _make_additions(bias: BiasIn) -> BiasAdditions:
    known = {
        word for name, words in group_words().items() if name not in {"people", "roles"} for word in words
    }
    groups = {
        name: tuple(word for word in line.split() if word not in known) for name, line in bias.groups.items()
    }
    patterns = tuple(
        BiasPattern(kind, pattern.regex, pattern.strength)
        for kind, listed in bias.patterns.items()
        for pattern in listed
    )
    return BiasAdditions(groups, patterns, _digest([sorted(groups.items()), patterns]))


def _digest(content: object) -> str:
    """Return a version that changes whenever the content does."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
