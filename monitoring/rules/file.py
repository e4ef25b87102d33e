"""Reading a file of rules: YAML in, typed rules out, and what is wrong said with its line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast, get_args

import yaml

from monitoring.evaluator import Category
from monitoring.models import TextField
from monitoring.signals.groups import GROUP_PLACEHOLDER, group_words
from monitoring.text.lexicon import hash_words
from monitoring.text.patterns import PatternSet

__all__ = ["BiasAdditions", "BiasPattern", "Pattern", "Rule", "RuleError", "Rules", "parse_rules"]

_DEFAULT_THRESHOLD = 0.5
_LONGEST_NAME = 64
_FIELDS: tuple[TextField, ...] = get_args(TextField)
_CATEGORIES: tuple[Category, ...] = get_args(Category)
_BIAS_KINDS = ("stereotype", "capability", "exclusion", "guard")
# Measures and dimensions of the rollups: an evaluator of that name would be counted among them.
_RESERVED = frozenset(
    [
        "all",
        "model",
        "user",
        "session",
        "tag",
        "template",
        "flag",
        "overall_quality",
        "safety_score",
        "response_time_ms",
        "time_to_first_token_ms",
        "cost_usd",
        "fast",
    ]
)


class RuleError(ValueError):
    """What is wrong in a file of rules, and in which `line`, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


class Pattern(NamedTuple):
    """What a rule looks for: RE2 `regex`, the `score` 0..1 of a hit, its `label` and the `reason` shown."""

    regex: str
    score: float
    label: str
    reason: str


class Rule(NamedTuple):
    """One evaluator of a file; see docs/how-to/add-your-own-rules.md. `version` follows from the content."""

    name: str
    category: Category
    flag: str | None
    threshold: float | None
    fields: tuple[TextField, ...]
    patterns: tuple[Pattern, ...]
    version: str
    line: int


class BiasPattern(NamedTuple):
    """A pattern that the bias evaluator reads as well: its `kind`, and how sure it is, `strength` 0..1."""

    kind: str
    regex: str
    strength: float


class BiasAdditions(NamedTuple):
    """What a file adds to the bias evaluator: words by name of group, patterns, and a `version` of both."""

    groups: Mapping[str, tuple[str, ...]]
    patterns: tuple[BiasPattern, ...]
    version: str


class Rules(NamedTuple):
    """All that a file says."""

    rules: tuple[Rule, ...] = ()
    bias: BiasAdditions | None = None

    @property
    def additions(self) -> Mapping[str, BiasAdditions]:
        """What is added to evaluators, by the name of each."""
        return {} if self.bias is None else {"bias": self.bias}


class _Entry(NamedTuple):
    """The keys of a mapping: for each the node of its value, and the line of the key."""

    nodes: Mapping[str, tuple[yaml.Node, int]]
    line: int

    def line_of(self, key: str) -> int:
        return self.nodes[key][1] if key in self.nodes else self.line


def parse_rules(text: str) -> Rules:
    """Read the YAML text of a file of rules; raises RuleError for the first thing that is wrong."""
    try:
        return _read(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise RuleError(line, f"this is no valid YAML: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise RuleError(line, "this line holds a character that YAML does not allow") from error


def _read(root: yaml.Node | None) -> Rules:
    if root is None:
        raise RuleError(1, "the file is empty: it needs `rules:` or `bias:`")
    content = _mapping(root, "the file", {"rules", "bias"})
    listed = _sequence(*content.nodes["rules"], "rules") if "rules" in content.nodes else []
    rules: list[Rule] = []
    for node in listed:
        rule = _rule(node)
        if any(rule.name == other.name for other in rules):
            raise RuleError(rule.line, f"two rules are called {rule.name}: give one another name")
        rules.append(rule)
    bias = _bias(content.nodes["bias"][0]) if "bias" in content.nodes else None
    return Rules(tuple(rules), bias)


def _rule(node: yaml.Node) -> Rule:
    keys = {"name", "category", "flag", "threshold", "fields", "patterns"}
    entry = _mapping(node, "a rule", keys, needed=("name", "patterns"))
    name = _name(entry, "name")
    if name in _RESERVED:
        raise RuleError(entry.line_of("name"), f"{name} is a name of the reports: choose another")
    category = cast("Category", _choice(entry, "category", _CATEGORIES, "safety"))
    flag = _flag(entry, name) if category == "safety" else None
    if category != "safety" and "flag" in entry.nodes:
        raise RuleError(entry.line_of("flag"), f"only safety rules raise a flag, and this one is {category}")
    judging = flag is not None or category == "quality"
    if "threshold" in entry.nodes and not judging:
        raise RuleError(
            entry.line_of("threshold"), "a rule without a flag has no use for a threshold: drop it"
        )
    patterns = _sequence(*entry.nodes["patterns"], "patterns")
    described = tuple(_pattern(one, labelled=category == "descriptive") for one in patterns)
    fields = _fields(entry)
    threshold = _number(entry, "threshold", _DEFAULT_THRESHOLD, ends=False) if judging else None
    version = _digest([category, fields, described])
    return Rule(name, category, flag, threshold, fields, described, version, entry.line)


def _flag(entry: _Entry, name: str) -> str | None:
    if "flag" not in entry.nodes:
        return name
    return None if _value(entry, "flag") is None else _name(entry, "flag")


def _fields(entry: _Entry) -> tuple[TextField, ...]:
    if "fields" not in entry.nodes:
        return ("response",)
    node, line = entry.nodes["fields"]
    named = [(_scalar(item), item.start_mark.line + 1) for item in _sequence(node, line, "fields")]
    for field, at in named:
        if field not in _FIELDS:
            raise RuleError(at, f"fields holds {field!r}: take of {', '.join(_FIELDS)}")
    chosen = {field for field, _ in named}
    return tuple(field for field in _FIELDS if field in chosen)


def _pattern(node: yaml.Node, *, labelled: bool) -> Pattern:
    entry = _mapping(node, "a pattern", {"regex", "keyword", "score", "label", "reason"})
    if ("regex" in entry.nodes) == ("keyword" in entry.nodes):
        raise RuleError(entry.line, "a pattern has either `regex` or `keyword`")
    if labelled and "label" not in entry.nodes:
        raise RuleError(entry.line, "each pattern of a descriptive rule needs a `label`")
    score = _number(entry, "score", 1.0, ends=True)
    label = _text(entry, "label", "found")
    if "keyword" in entry.nodes:
        keyword = _text(entry, "keyword", "").strip()
        regex = _keyword_regex(keyword)
    else:
        keyword = ""
        regex = _regex(entry)
    return Pattern(regex, score, label, _text(entry, "reason", keyword or label))


def _regex(entry: _Entry, *, groups: str = "") -> str:
    """Return the pattern as written, once RE2 takes it (with `groups` in the place of GROUP)."""
    regex, line = _text(entry, "regex", "", longest=10_000), entry.line_of("regex")
    try:
        found = PatternSet([regex.replace(GROUP_PLACEHOLDER, groups) if groups else regex])
    except ValueError as error:
        raise RuleError(line, f"{error} (patterns are RE2: no look-around, no back references)") from error
    if found.matching(""):
        raise RuleError(line, f"pattern {regex!r} matches the empty text, so it would hit everything")
    return regex


def _keyword_regex(keyword: str) -> str:
    """Return a pattern for whole words without regard to case; scripts without spaces need no boundary."""
    escaped = "".join(c if c.isalnum() or c == "_" else f"\\x{{{ord(c):x}}}" for c in keyword)
    spaceless = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
    bare = PatternSet([f"[{spaceless}]"])
    before = r"(?:^|[^\pL\pN_])" if keyword[0].isalnum() and not bare.matching(keyword[0]) else ""
    after = r"(?:$|[^\pL\pN_])" if keyword[-1].isalnum() and not bare.matching(keyword[-1]) else ""
    return f"(?i){before}({escaped}){after}"


def _bias(node: yaml.Node) -> BiasAdditions:
    entry = _mapping(node, "bias", {"groups", "patterns"})
    groups: dict[str, tuple[str, ...]] = {}
    if "groups" in entry.nodes:
        known = {word for name, words in group_words().items() if name != "people" for word in words}
        for name, (value, line) in _mapping(entry.nodes["groups"][0], "groups", None).nodes.items():
            groups[name] = tuple(_words(value, line, known))
    patterns: list[BiasPattern] = []
    if "patterns" in entry.nodes:
        kinds = _mapping(entry.nodes["patterns"][0], "patterns", set(_BIAS_KINDS))
        for kind, (value, line) in kinds.nodes.items():
            patterns += [_bias_pattern(kind, one) for one in _sequence(value, line, kind)]
    if not groups and not patterns:
        raise RuleError(entry.line, "bias needs `groups` or `patterns`")
    return BiasAdditions(groups, tuple(patterns), _digest([sorted(groups.items()), patterns]))


def _words(node: yaml.Node, line: int, known: set[str]) -> Iterator[str]:
    value = _scalar(node)
    if not isinstance(value, str) or not value.strip():
        raise RuleError(line, "a group is a line of single words in lower case, such as `gamers streamers`")
    for word in value.split():
        if word != word.lower() or not word.replace("'", "").isalnum() or len(hash_words(word)) != 1:
            raise RuleError(line, f"{word!r} is not one word in lower case")
        if word not in known:
            yield word


def _bias_pattern(kind: str, node: yaml.Node) -> BiasPattern:
    entry = _mapping(node, "a pattern", {"regex", "strength"}, needed=("regex",))
    regex = _regex(entry, groups="(?:group)")
    strength = _number(entry, "strength", 0.9, ends=False)
    return BiasPattern(kind, regex, strength)


def _mapping(node: yaml.Node, what: str, allowed: set[str] | None, *, needed: Sequence[str] = ()) -> _Entry:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise RuleError(line, f"{what} is a mapping of keys to values")
    nodes: dict[str, tuple[yaml.Node, int]] = {}
    for key_node, value in node.value:
        key, at = str(_scalar(key_node)), key_node.start_mark.line + 1
        if allowed is not None and key not in allowed:
            raise RuleError(at, f"{what} has no `{key}`: take of {', '.join(sorted(allowed))}")
        if key in nodes:
            raise RuleError(at, f"`{key}` is said twice")
        nodes[key] = (value, at)
    for key in needed:
        if key not in nodes:
            raise RuleError(line, f"{what} needs `{key}`")
    return _Entry(nodes, line)


def _sequence(node: yaml.Node, line: int, what: str) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise RuleError(line, f"`{what}` is a list with at least one item")
    return list(node.value)


def _scalar(node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        raise RuleError(node.start_mark.line + 1, "this is to be one plain value")
    return yaml.SafeLoader("").construct_object(node)


def _value(entry: _Entry, key: str) -> Any:
    return _scalar(entry.nodes[key][0])


def _text(entry: _Entry, key: str, default: str, *, longest: int = _LONGEST_NAME) -> str:
    if key not in entry.nodes:
        return default
    value = _value(entry, key)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise RuleError(
            entry.line_of(key), f"`{key}` is a text of 1 to {longest} characters: put it in quotes"
        )
    return value


def _name(entry: _Entry, key: str) -> str:
    value = _text(entry, key, "")
    if not (value.isascii() and value.isidentifier() and value == value.lower()):
        raise RuleError(
            entry.line_of(key), f"`{key}` is {value!r}: take lower-case letters, digits and underscores"
        )
    return value


def _choice(entry: _Entry, key: str, choices: Sequence[str], default: str) -> str:
    value = _value(entry, key) if key in entry.nodes else default
    if value not in choices:
        raise RuleError(entry.line_of(key), f"`{key}` is {value!r}: take one of {', '.join(choices)}")
    return str(value)


def _number(entry: _Entry, key: str, default: float, *, ends: bool) -> float:
    value = _value(entry, key) if key in entry.nodes else default
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if not numeric or not (0 < value <= 1 if ends else 0 < value < 1):
        above = "above 0 and at most 1" if ends else "between 0 and 1, both excluded"
        raise RuleError(entry.line_of(key), f"`{key}` is {value!r}: it is a number {above}")
    return float(value)


def _digest(content: object) -> str:
    """Return a version that changes whenever the content does."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
