"""What must change for a new field of a record, a new evaluator and a new page.

The counts are printed with -s.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import dash
import dash_mantine_components as dmc
import msgspec
import pytest
from msgspec.structs import fields, replace

import dashboard.pages
import monitoring.evaluators
from app.catalogue import list_judges, publish_judges, read_raisers
from app.figures.aggregation import aggregate
from app.figures.measures import Counts, Measure
from app.privacy import Privacy
from app.reports.one_trace import OneTrace
from app.reports.safety import flag_shares
from app.schemas.columns import COLUMNS
from app.schemas.dead_letters import DeadReason
from app.schemas.kinds import Kind
from app.schemas.projects import ProjectSettings
from app.schemas.records import read_record
from app.schemas.spans import Reason
from app.schemas.traces import Trace, record_of, scores_from_json, scores_to_json
from app.storage.tables import traces
from dashboard.drawing.frame import register_frame
from dashboard.drawing.navigation import navigation
from dashboard.drawing.trace_detail import trace_detail
from dashboard.drawing.trace_facts import linker
from dashboard.page import find_pages
from monitoring.bounds import FIGURES, bounded
from monitoring.evaluation import find_evaluators
from monitoring.marks import Mark
from monitoring.models import Record, TokenSource
from monitoring.privacy.redaction import Redaction
from monitoring.privacy.redactor import redact
from monitoring.spending.pricing import PricingStatus
from tests.unit.test_aggregation import measure, of
from workers.evaluation.warming import envelope_of
from workers.scoring import Scoring

ROOT = Path(__file__).resolve().parents[2]
CODE = ("app", "dashboard", "migrations", "monitoring", "workers")
MOST_FILES_OF_A_FIELD = 6


def tell(count: str) -> None:
    sys.stdout.write(f"\n{count}\n")


def sources() -> Iterator[tuple[str, str]]:
    for room in CODE:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def newest_field() -> str:
    """Return the column that was migrated last and is a field of a record."""
    migrations = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    added: list[str] = re.findall(
        r'add_column\(\s*"traces",\s*sa\.Column\("(\w+)"',
        "".join(path.read_text(encoding="utf-8") for path in migrations),
    )
    return next(name for name in reversed(added) if name in Record.__struct_fields__)


# A field


def test_the_newest_field_of_a_record_is_named_in_few_files() -> None:
    name = newest_field()
    named = [path for path, text in sources() if re.search(rf"\b{name}\b", text)]
    tell(f"a field, {name}: {len(named)} files: {', '.join(named)}")
    assert "app/schemas/traces.py" in named
    assert len(named) <= MOST_FILES_OF_A_FIELD, named


def test_every_column_of_a_trace_is_a_field_of_it() -> None:
    declared = [one.name for one in COLUMNS]
    assert declared == list(Trace.__struct_fields__) == list(traces.columns.keys())
    assert {one.name: one.nullable for one in COLUMNS} == {one.name: one.nullable for one in traces.columns}


def test_every_field_of_a_record_reaches_its_column_and_comes_back() -> None:
    body = msgspec.json.encode(
        {"prompt": "p", "response": "r", **{name: name for name in ("provider", "template_id", "parent_id")}}
    )
    whole = replace(
        read_record(body),
        **dict.fromkeys(FIGURES, 7),
        id="mine",
        timestamp=datetime(2026, 11, 30, tzinfo=UTC),
        tags=("a",),
        marks=("m",),
        context=("c",),
        error="e",
    )
    (trace,) = Scoring((), Privacy(None)).score([envelope_of(whole, 1)], "job", ProjectSettings())
    assert isinstance(trace, Trace)
    assert record_of(trace) == whole


@pytest.mark.parametrize(
    "field", [one for one in fields(Record) if float in get_args(one.type) or int in get_args(one.type)]
)
def test_every_number_of_a_record_has_a_bound(field: Any) -> None:
    assert field.name in FIGURES
    record = bounded(replace(Record(prompt="", response=""), **{field.name: 1e30}))
    assert (getattr(record, field.name), record.marks) == (None, (Mark.NUMBER_OUT_OF_RANGE,))


@pytest.mark.parametrize("name", [one.name for one in fields(Record) if one.type in (str, str | None)])
def test_every_text_of_a_record_is_redacted(name: str) -> None:
    given: dict[str, Any] = {"prompt": "", "response": "", name: "jana.novak@seznam.cz"}
    (found,) = redact([Record(**given)], Redaction(mode="mask"), lambda _, value: value)
    assert getattr(found.record, name) == "[EMAIL_ADDRESS]"


# An evaluator

DUMMY = '''
"""Finds answers that are dummies."""

from monitoring.models import Score


class Dummy:
    """Finds answers that say so themselves, and no other."""

    name, version, category = "dummy", "1", "safety"
    needs, flag, threshold = frozenset({"response"}), "dummy_found", 0.5

    def evaluate(self, batch):
        return [Score(value=float("dummy" in text), label="looked", version="1") for text in batch.texts("response")]


def build():
    return Dummy()
'''


class Told:
    """The part of Redis that keeps what workers tell."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def set(self, key: str, value: bytes) -> None:
        self._kept[key] = value

    async def get(self, key: str) -> bytes | None:
        return self._kept.get(key)


async def test_one_file_is_a_whole_evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dummy.py").write_text(DUMMY, encoding="utf-8")
    monkeypatch.setattr(monitoring.evaluators, "__path__", [str(tmp_path)])
    evaluators = find_evaluators()
    assert [one.name for one in evaluators] == ["dummy"]

    said, plain = (
        envelope_of(Record(prompt="?", response=text), at)
        for at, text in enumerate(("a dummy", "an answer"), 1)
    )
    one, other = Scoring(evaluators, Privacy(None)).score([said, plain], "job", ProjectSettings())
    assert isinstance(one, Trace)
    assert isinstance(other, Trace)
    assert (one.flags, one.is_safe, one.hits) == (("dummy_found",), False, ("dummy",))
    assert (other.flags, other.is_safe, other.hits) == ((), True, ())
    assert scores_from_json(msgspec.json.decode(scores_to_json(one.scores))) == one.scores

    (total,) = of(aggregate([one, other], frozenset()), "all")
    assert (measure(total, "dummy"), measure(total, "flag:dummy_found")[0]) == ((2, 1.0, 1), 1)
    told = Told()
    judges = list_judges(evaluators)
    await publish_judges(told, judges)  # type: ignore[arg-type]  # all of Redis that is used
    raisers = await read_raisers(told)  # type: ignore[arg-type]  # all of Redis that is used
    assert ([judge.name for judge in judges], raisers) == (["dummy"], {"dummy_found": frozenset({"dummy"})})
    measures = {"dummy": Measure(count=4), "flag:dummy_found": Measure(count=1)}
    assert flag_shares(measures, Counts(), raisers)["dummy_found"].rate == 0.25
    assert "Dummy found" in str(trace_detail(OneTrace(one), linker(None)))
    tell("an evaluator: 1 file and its test")


# Promised names, and measurements on labelled data. Any other file that names an evaluator would
# have to change for a new one.
NAMING_EVALUATORS = {
    "dashboard/drawing/components.py": "how people write an abbreviation",
    "app/reports/relevance.py": "GET /metrics/relevance",
    "app/schemas/records.py": "check_… of a record",
    "monitoring/behaviour.py": "whose labels are counted by model, and how a change of them is called",
    "monitoring/entities/scoring.py": "the score that the redaction gives as well",
    "monitoring/models.py": "SafetyFlag",
    "monitoring/overall_quality.py": "what each fault costs, as it was fitted",
    "monitoring/quality.py": "check_… and HallucinationDetector",
    "monitoring/rules/rule.py": "the section of a file of rules that adds to an evaluator",
    "monitoring/rules/schema.py": "the same",
    "monitoring/rules/file.py": "the same",
    "monitoring/verdict.py": "QualityMetrics, and the weights of overall_quality",
}
# A refusal is a part of a message in the last of them.
OWN_ROOMS = (
    "monitoring/evaluators/",
    "monitoring/benchmarking/",
    "monitoring/signals/",
    "migrations/",
    "monitoring/conversation/",
)


def test_the_framework_knows_no_evaluator_by_name() -> None:
    names = [path.stem for path in (ROOT / "monitoring" / "evaluators").glob("[a-z]*.py")]
    named = re.compile(rf'"({"|".join(names)})"|monitoring\.evaluators\.')
    found = {path for path, text in sources() if not path.startswith(OWN_ROOMS) and named.search(text)}
    assert found == set(NAMING_EVALUATORS)


# A page

PAGE = '''
"""A page that shows nothing."""

from dashboard.page import Page

PAGE = Page(path="/dummy", title="Dummies", order=999, layout=lambda: "nothing to see", register=lambda dash, sources: None)
'''


def test_one_file_is_a_whole_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dummy.py").write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(dashboard.pages, "__path__", [*dashboard.pages.__path__, str(tmp_path)])
    pages = find_pages()
    shown = dash.Dash("dummy", use_pages=False)
    register_frame(shown, pages, health=None, values=None)
    called = _callbacks(shown)
    assert called["content"]("/dummy") == "nothing to see"
    named = [page.title for page in pages if not page.is_below]
    links = [part for part in navigation(pages).children if isinstance(part, dmc.NavLink)]
    assert [one.label for one in links] == named
    assert ("Dummies", "/dummy") in [(one.label, one.href) for one in links]
    tell("a page: 1 file and its test")


def _callbacks(shown: dash.Dash) -> Mapping[str, Any]:
    """Return what each part of the frame is drawn by."""
    return {
        key.split(".")[0]: entry["callback"].__wrapped__
        for key, entry in shown.callback_map.items()
        if "callback" in entry
    }


# Words

WORDS = {
    "kind": Kind,
    "marks": Mark,
    "token_source": TokenSource,
    "pricing_status": PricingStatus,
    "restates_because": Reason,
    "reason": DeadReason,
}
COMPARED = re.compile(r"(?:(\w+) (?:=|<>|IN|NOT IN) \(?((?:'\w+'(?:, )?)+)|('\w+') = ANY\(\w*\.?(marks)\))")


def test_statements_say_no_word_that_was_not_declared() -> None:
    said = 0
    for path, text in sources():
        if not path.startswith("app/storage/"):
            continue
        for left, words, marked, marks in COMPARED.findall(text):
            declared = WORDS.get(left or marks)
            if declared is None:
                continue
            for word in re.findall(r"'(\w+)'", words or marked):
                said += 1
                assert word in set(declared), f"{path}: {left or marks} {word}"
    assert said > 20


@pytest.mark.parametrize("words", [*WORDS.values()])
def test_declared_words_are_plain_text_wherever_they_go(words: type[Any]) -> None:
    for word in words:
        assert msgspec.msgpack.encode(word) == msgspec.msgpack.encode(word.value)
        assert msgspec.json.encode([word]) == msgspec.json.encode([word.value])
        assert (f"{word}", hash(word), {word: 1}[word.value]) == (word.value, hash(word.value), 1)
