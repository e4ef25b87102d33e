"""A file of rules: what its evaluators find, and that a wrong file is refused with its line."""

from __future__ import annotations

import time

import pytest

from monitoring.evaluation import evaluate, find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.models import Record, SafetyAssessment, Score
from monitoring.rules.evaluators import build_evaluators
from monitoring.rules.file import RuleError, Rules, parse_rules
from monitoring.text.prepared import Prepared
from monitoring.verdict import Policy, assess

FILE = r"""
rules:
  - name: codename
    flag: codename_leak
    threshold: 0.6
    fields: [response, prompt]
    patterns:
      - regex: 'ticket (PROJ-\d{4})\b'
        score: 0.9
        reason: project number
      - keyword: blue falcon
        score: 0.7
      - keyword: C++
        score: 0.2
      - keyword: 秘密計画
  - name: off_brand
    category: quality
    patterns:
      - {keyword: cheap, score: 0.8, label: cheap_talk}
  - name: intent
    category: descriptive
    fields: [prompt]
    patterns:
      - {keyword: refund, label: billing}
      - {regex: '(?i)\bpass(word|phrase)\b', label: account}
  - name: watched
    flag: null
    patterns:
      - keyword: competitor
"""


def score_of(name: str, record: Record, rules: Rules) -> Score:
    (results,) = evaluate([record], build_evaluators(rules.rules))
    score = results[name]
    assert isinstance(score, Score)
    return score


def written(record: Record, score: Score) -> list[str]:
    return [Prepared([record]).texts(one.field)[0][one.start : one.end] for one in score.evidence]


@pytest.mark.parametrize(
    ("name", "record", "value", "label", "places"),
    [
        ("codename", Record(prompt="", response="See ticket PROJ-1234."), 0.9, "found", ["PROJ-1234"]),
        ("codename", Record(prompt="", response="See PROJ-1234."), 0.0, "none", []),
        ("codename", Record(prompt="", response="See ticket PROJ-12345."), 0.0, "none", []),
        ("codename", Record(prompt="Is Blue Falcon late?", response="No."), 0.7, "found", ["Blue Falcon"]),
        ("codename", Record(prompt="", response="Two blue falcons."), 0.0, "none", []),
        ("codename", Record(prompt="", response="I write C++, not C."), 0.2, "found", ["C++"]),
        ("codename", Record(prompt="", response="これは秘密計画です"), 1.0, "found", ["秘密計画"]),
        ("codename", Record(prompt=" ", response=""), None, "empty", []),
        ("codename", Record(prompt="", response="ok", context=("blue falcon",)), 0.0, "none", []),
        ("off_brand", Record(prompt="", response="It is cheap."), 0.2, "cheap_talk", ["cheap"]),
        ("off_brand", Record(prompt="", response="It is cheaper."), 1.0, "none", []),
        ("intent", Record(prompt="A refund, please", response=""), 1.0, "billing", ["refund"]),
        ("intent", Record(prompt="My Password?", response=""), 1.0, "account", ["word"]),
        ("intent", Record(prompt="Hello", response="refund"), None, "none", []),
    ],
)
def test_a_rule_finds_what_it_names_and_no_more(
    name: str, record: Record, value: float | None, label: str, places: list[str]
) -> None:
    score = score_of(name, record, parse_rules(FILE))
    assert score.value == pytest.approx(value)
    assert (score.label, written(record, score)) == (label, places)


def test_rules_flag_beside_the_promised_five() -> None:
    evaluators = build_evaluators(parse_rules(FILE).rules)
    record = Record(prompt="", response="Blue falcon is cheap, says our competitor.")
    (results,) = evaluate([record], evaluators)
    verdict = assess(record, results, evaluators, Policy())
    assert (verdict.flags, verdict.low, verdict.is_safe) == (("codename_leak",), ("off_brand",), False)
    assessment = verdict.safety_assessment({})
    assert [flag.value for flag in assessment.flags] == ["codename_leak"]
    assert SafetyAssessment.model_validate_json(assessment.model_dump_json()) == assessment
    lenient = Policy(thresholds={"codename": 0.8})
    assert assess(record, results, evaluators, lenient).is_safe


def test_a_changed_rule_is_another_version() -> None:
    def versions(text: str) -> dict[str, str]:
        return {rule.name: rule.version for rule in parse_rules(text).rules}

    before, after = versions(FILE), versions(FILE.replace("score: 0.9", "score: 0.95"))
    assert before["codename"] != after["codename"]
    assert before["intent"] == after["intent"]
    assert before == versions(FILE.replace("threshold: 0.6", "threshold: 0.7"))


@pytest.mark.parametrize("text", ["PROJ-1234 " * 100_000, "blue falcon " * 80_000, "a" * 1_000_000])
def test_a_hostile_text_takes_its_time_once(text: str) -> None:
    (evaluator, *_) = build_evaluators(parse_rules(FILE).rules)
    before = time.thread_time()
    (score,) = evaluator.evaluate(Prepared([Record(prompt=text, response=text)]))
    assert time.thread_time() - before < 2
    assert len(score.evidence) <= 20


def test_rules_join_the_evaluators_and_bias_learns_groups() -> None:
    text = r"""
bias:
  groups:
    gaming: gamers streamers
  patterns:
    exclusion:
      - regex: '\bGROUP are bad for our server\b'
"""
    plain, taught = by_name(find_evaluators()), by_name(find_evaluators(parse_rules(FILE + text)))
    assert taught.keys() - plain.keys() == {"codename", "off_brand", "intent", "watched"}
    batch = Prepared(
        [
            Record(prompt="", response="I think that gamers are lazy and stupid, as everybody knows."),
            Record(prompt="", response="I would say that streamers are bad for our server."),
            Record(prompt="", response="There are gamers and streamers who like this game very much."),
        ]
    )
    before = [score.value for score in plain["bias"].evaluate(batch)]
    after = [score.value for score in taught["bias"].evaluate(batch)]
    assert before == [0.0, 0.0, 0.0]
    assert [value is not None and value >= 0.5 for value in after] == [True, True, False]
    assert taught["bias"].version.startswith(f"{plain['bias'].version}+")


def by_name(evaluators: tuple[Evaluator, ...]) -> dict[str, Evaluator]:
    return {evaluator.name: evaluator for evaluator in evaluators}


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("", 1, "empty"),
        ("rules: [", 1, "no valid YAML"),
        ("rules:\n  - name: a\n   patterns: []", 3, "no valid YAML"),
        ("rules:\n  - name: \x07", 2, "a character that YAML does not allow"),
        ("- a", 1, "the file is a mapping"),
        ("rule:\n  - name: a", 1, "has no `rule`: take of bias, rules"),
        ("rules: []", 1, "at least one item"),
        ("rules:\n  - name: a", 2, "needs `patterns`"),
        ("rules:\n  - patterns: [{keyword: x}]", 2, "needs `name`"),
        ("rules:\n  - name: A b\n    patterns: [{keyword: x}]", 2, "lower-case letters"),
        ("rules:\n  - name: a\n    name: b\n    patterns: [{keyword: x}]", 3, "said twice"),
        ("rules:\n  - name: all\n    patterns: [{keyword: x}]", 2, "a name of the reports"),
        ("rules:\n  - name: a\n    patterns:\n      - regex: '(?<=a)b'", 4, "no look-around"),
        ("rules:\n  - name: a\n    patterns:\n      - regex: 'a*'", 4, "matches the empty text"),
        ("rules:\n  - name: a\n    patterns:\n      - regex: a\n        keyword: b", 4, "either"),
        ("rules:\n  - name: a\n    patterns:\n      - keyword: ''", 4, "1 to 64 characters"),
        ("rules:\n  - name: a\n    patterns:\n      - {keyword: b, score: 1.5}", 4, "at most 1"),
        ("rules:\n  - name: a\n    patterns:\n      - {keyword: b, score: true}", 4, "at most 1"),
        ("rules:\n  - name: a\n    threshold: 1\n    patterns: [{keyword: b}]", 3, "both excluded"),
        ("rules:\n  - name: a\n    fields: [answer]\n    patterns: [{keyword: b}]", 3, "take of prompt"),
        ("rules:\n  - name: a\n    category: harm\n    patterns: [{keyword: b}]", 3, "take one of safety"),
        (
            "rules:\n  - name: a\n    category: quality\n    flag: b\n    patterns: [{keyword: b}]",
            4,
            "only safety",
        ),
        (
            "rules:\n  - name: a\n    category: descriptive\n    patterns: [{keyword: b}]",
            4,
            "needs a `label`",
        ),
        (
            "rules:\n  - name: a\n    flag: null\n    threshold: 0.5\n    patterns: [{keyword: b}]",
            4,
            "no use",
        ),
        (
            "rules:\n  - name: a\n    patterns: [{keyword: b}]\n  - name: a\n    patterns: [{keyword: b}]",
            4,
            "two rules",
        ),
        ("rules:\n  - name: !!python/name:os.system a\n    patterns: [{keyword: b}]", 2, "no valid YAML"),
        ("bias: {}", 1, "needs `groups` or `patterns`"),
        ("bias:\n  groups:\n    x: Gamers", 3, "not one word in lower case"),
        ("bias:\n  groups:\n    x: '.*'", 3, "not one word in lower case"),
        ("bias:\n  patterns:\n    insult:\n      - regex: a", 3, "take of capability, exclusion"),
        ("bias:\n  patterns:\n    guard:\n      - regex: 'GROUP (are'", 4, "missing"),
        ("rules: &a [*a]", 1, "a rule is a mapping"),
        ("rules:\n  - ? [a]\n    : b", 2, "a key is to be one plain value"),
        ("rules:\n  - name: 2021-13-45\n    patterns: [{keyword: b}]", 2, "cannot be read: put it in quotes"),
        ("rules:\n  - name: a\n    patterns: !!map x", 3, "no valid YAML"),
        ("rules:\n  - name: {a: b}\n    patterns: [{keyword: b}]", 2, "`name` is a mapping: it is a text"),
        ("bias:\n  patterns:\n    - regex: a", 2, "`patterns` is a mapping"),
        (
            "rules:\n  - name: a\n    threshold: 2\n    flavour: x\n    patterns: [{keyword: b}]",
            3,
            "both excluded; line 4: a rule has no `flavour`",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, line: int, complaint: str) -> None:
    with pytest.raises(RuleError) as refusal:
        parse_rules(text)
    assert refusal.value.line == line
    assert complaint in refusal.value.message


def test_a_message_names_five_faults_at_most_and_nothing_endless() -> None:
    bomb = "".join(f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
    with pytest.raises(RuleError) as refusal:
        parse_rules(f"rules:\n  - &a0 [x]\n{bomb}")
    assert refusal.value.line == 2
    assert refusal.value.message.count("line ") == 4
    assert len(refusal.value.message) < 500


def test_a_rule_takes_no_name_of_an_evaluator() -> None:
    rules = parse_rules("rules:\n  - name: toxicity\n    patterns: [{keyword: b}]")
    with pytest.raises(RuleError, match="line 2: an evaluator is already called toxicity"):
        find_evaluators(rules)
