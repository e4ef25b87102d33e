"""Taking personal data out of records: every string of a batch is searched once and replaced at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple, get_args

import msgspec
import re2

from monitoring.entities.finder import find_in_field, find_in_texts
from monitoring.entities.recognizer import Entity, compact
from monitoring.entities.scoring import MOST_FINDINGS, score_findings
from monitoring.marks import Mark
from monitoring.models import Record, Score, TextField
from monitoring.privacy.redaction import SESSION_ID, USER_ID, Redaction
from monitoring.privacy.values import map_value
from monitoring.text.prepared import Prepared

__all__ = ["Pseudonym", "Redacted", "redact", "without_text"]

Pseudonym = Callable[[str, str], str]
"""From a type and a value to a word that stands for the value wherever it occurs."""

_WHOLE = "[REDACTED]"
_CASELESS = frozenset({"EMAIL_ADDRESS", "IP_ADDRESS", "STREET_ADDRESS", "DATE_OF_BIRTH"})
_EXACT = frozenset({"API_KEY", "PASSWORD", "PRIVATE_KEY", "URL_CREDENTIALS", "CRYPTO", USER_ID, SESSION_ID})
_JOINT = len("\n\n")
_FIELDS: tuple[TextField, ...] = get_args(TextField)
_WHOLE_FIELDS: tuple[TextField, ...] = ("prompt", "response", "reference", "system_prompt")
_OWN_IDS = {"user_id": USER_ID, "session_id": SESSION_ID}
# Every string of a record that may be missing, so that none is forgotten.
_OPTIONAL = tuple(one.name for one in msgspec.structs.fields(Record) if one.type == str | None)
_SECRETIVE = re2.compile("(?i)pass|pwd|kennwort|contrase|secret")


class Redacted(NamedTuple):
    """A record after redaction, and the pii evaluator's score of the record as it was before.

    The score's evidence lies in the redacted text. A `dropped` record has no text and no score: it has to
    be scored by its original.
    """

    record: Record
    pii: Score | None
    dropped: bool


@lru_cache(maxsize=4096)
def _is_secretive(lead: str) -> bool:
    return _SECRETIVE.search(lead) is not None


class _Place(NamedTuple):
    """A string to search: `lead` is put before it and speaks for it, `own_id` names a record's own id."""

    text: str
    lead: str = ""
    own_id: str | None = None

    @property
    def spoken(self) -> tuple[str, str]:
        """What is put before and behind the string: behind the name of a secret it is a value, hence quotes."""
        if self.lead and _is_secretive(self.lead) and '"' not in self.text:
            return f'{self.lead}"', '"'
        return self.lead, ""


class _Text(NamedTuple):
    """What stands in the place of a string, what was found there, and whether it asks for a drop."""

    text: str
    entities: tuple[Entity, ...] = ()
    drops: bool = False


_Change = Callable[[_Place], str]
_Findings = tuple[Sequence[Entity], bool]
"""What was found in a text, and whether it was too much."""


def redact(
    records: Sequence[Record], redaction: Redaction, pseudonym: Pseudonym, searched: Prepared | None = None
) -> list[Redacted]:
    """Redact every string of every record: texts, messages, names, ids, tags, keys and values of metadata.

    Takes time linear in the text. `searched` holds the same records where the pii evaluator has seen them, whose
    findings are taken then. A text in which one type was found more than a thousand times is a list of people, and
    is taken out whole.
    """
    every = redaction.mode == "drop"
    subjects = [without_text(record) for record in records] if every else list(records)
    search = _Search(redaction, pseudonym)
    for record in subjects:
        _map_record(record, search.collect)
    search.run(_findings_of(searched) if searched else {})
    return [_redact(record, search, every=every) for record in subjects]


def _findings_of(searched: Prepared) -> dict[str, _Findings]:
    """Return what is found in the texts of records that are one text each, by the text."""
    findings: dict[str, _Findings] = {}
    for field in _WHOLE_FIELDS:
        overfull: set[int] = set()
        found = find_in_field(searched, field, most=MOST_FINDINGS, overfull=overfull)
        for number, text in enumerate(searched.texts(field)):
            findings[text] = found.get(number, ()), number in overfull
    return findings


def without_text(record: Record) -> Record:
    """Return the record without its texts and free-form values: ids, names, tags and figures stay."""
    return msgspec.structs.replace(
        record,
        prompt="",
        response="",
        context=(),
        reference=None,
        system_prompt=None,
        messages=(),
        metadata={},
        error=record.error and _WHOLE,
        marks=tuple(dict.fromkeys((*record.marks, Mark.TEXT_DROPPED))),
    )


def _redact(record: Record, search: _Search, *, every: bool) -> Redacted:
    places: list[_Place] = []

    def change(place: _Place) -> str:
        places.append(place)
        return search.found(place).text

    changed = _map_record(record, change)
    if every:
        return Redacted(changed, None, dropped=True)
    if any(search.found(place).drops for place in places):
        return Redacted(without_text(changed), None, dropped=True)
    if any(search.found(place).text != place.text for place in places):
        changed = msgspec.structs.replace(changed, marks=(*record.marks, Mark.REDACTED))
    return Redacted(changed, _score(record, search), dropped=False)


def _map_record(record: Record, change: _Change) -> Record:
    """Return the record with every string changed."""

    def write(text: str, lead: str) -> str:
        return change(_Place(text, lead))

    changed: dict[str, Any] = {
        name: change(_Place(text, own_id=_OWN_IDS.get(name)))
        for name in _OPTIONAL
        if (text := getattr(record, name)) is not None
    }
    if record.messages:
        changed["messages"] = tuple(map_value(message, write) for message in record.messages)
    if record.metadata:
        changed["metadata"] = map_value(record.metadata, write)
    return msgspec.structs.replace(
        record,
        prompt=change(_Place(record.prompt)),
        response=change(_Place(record.response)),
        context=tuple(change(_Place(passage)) for passage in record.context),
        tags=tuple(dict.fromkeys(change(_Place(tag)) for tag in record.tags)),
        model_name=change(_Place(record.model_name)),
        **changed,
    )


def _score(record: Record, search: _Search) -> Score:
    """Return the pii evaluator's score of a record, with its evidence at the new places."""
    found: dict[TextField, Sequence[Entity]] = {}
    filled: list[TextField] = []
    for field in _FIELDS:
        value = getattr(record, field) or ()
        texts = [search.found(_Place(text)) for text in ((value,) if isinstance(value, str) else value)]
        original = (value,) if isinstance(value, str) else value
        if any(text and not text.isspace() for text in original):
            filled.append(field)
        begins = accumulate((len(each.text) + _JOINT for each in texts), initial=0)
        found[field] = [
            entity._replace(start=begin + entity.start, end=begin + entity.end)
            for begin, each in zip(begins, texts, strict=False)
            for entity in each.entities
        ]
    return score_findings(filled, {field: found[field] for field in filled})


class _Search:
    """The strings of a batch, each searched once in one pass, with what stands in its place."""

    def __init__(self, redaction: Redaction, pseudonym: Pseudonym) -> None:
        self._redaction = redaction
        self._pseudonym = pseudonym
        self._found: dict[_Place, _Text] = {}

    def collect(self, place: _Place) -> str:
        """Note a string to search, and return it as it is."""
        self._found[place] = _Text(place.text)
        return place.text

    def found(self, place: _Place) -> _Text:
        """Return what stands in the place of a string."""
        return self._found[place]

    def run(self, known: Mapping[str, _Findings]) -> None:
        """Search everything that was collected, except for the texts whose findings are `known`."""
        places = []
        for place in self._found:
            whole = self._whole(place)
            if whole is not None:
                self._found[place] = _Text(whole)
            elif place.text in known and not place.lead:
                entities, overfull = known[place.text]
                self._found[place] = self._replace(place, entities, overfull=overfull)
            else:
                places.append(place)
        self._search(places)

    def _search(self, places: Sequence[_Place]) -> None:
        overfull: set[int] = set()
        spoken = [place.spoken if place.lead else ("", "") for place in places]
        texts = [f"{lead}{place.text}{tail}" for place, (lead, tail) in zip(places, spoken, strict=True)]
        for number, entities in find_in_texts(texts, most=MOST_FINDINGS, overfull=overfull).items():
            place, lead = places[number], len(spoken[number][0])
            length = len(place.text)
            moved = [
                entity._replace(start=max(entity.start - lead, 0), end=min(entity.end - lead, length))
                for entity in entities
                if entity.end > lead and entity.start < lead + length
            ]
            self._found[place] = self._replace(place, moved, overfull=number in overfull)

    def _whole(self, place: _Place) -> str | None:
        """Return what stands for a record's own id whatever it looks like, None where that decides."""
        if place.own_id is None or not place.text:
            return None
        mode = self._redaction.mode_of(place.own_id)
        if mode in {"hash", "drop"}:
            return self._name(place.own_id, place.text)
        return f"[{place.own_id}]" if self._redaction.types.get(place.own_id) == "mask" else None

    def _replace(self, place: _Place, entities: Sequence[Entity], *, overfull: bool) -> _Text:
        active = [
            entity
            for entity in entities
            if entity.confidence >= self._redaction.confidence
            and self._redaction.mode_of(entity.type) != "off"
        ]
        modes = {self._redaction.mode_of(entity.type) for entity in active}
        if place.own_id and modes - {"mask"}:
            # An id has no third form beside its own and its pseudonym, so that it can be found again.
            return _Text(self._name(place.own_id, place.text))
        if overfull:
            whole = tuple(entity._replace(start=0, end=len(_WHOLE)) for entity in entities)
            return _Text(_WHOLE, whole, "drop" in modes)
        if not active:
            return _Text(place.text, tuple(entities))
        edits = [(*_extent(cluster), self._stand_in(place.text, cluster)) for cluster in _clusters(active)]
        return _Text(*_edit(place.text, edits, entities), "drop" in modes)

    def _stand_in(self, text: str, cluster: Sequence[Entity]) -> str:
        surest = max(cluster, key=lambda entity: (entity.confidence, entity.end - entity.start))
        if self._redaction.mode_of(surest.type) == "mask":
            return f"[{surest.type}]"
        return self._name(surest.type, surest.reading or text[surest.start : surest.end])

    def _name(self, kind: str, value: str) -> str:
        return f"[{kind}:{self._pseudonym(kind, _normalise(kind, value))}]"


def _normalise(kind: str, value: str) -> str:
    """Return one spelling for what is written in several ways, so that its pseudonyms agree."""
    if kind in _EXACT:
        return value
    return value.casefold() if kind in _CASELESS else compact(value)


def _clusters(entities: Sequence[Entity]) -> Iterator[list[Entity]]:
    """Yield entities that overlap together, in order of place."""
    cluster: list[Entity] = []
    reach = -1
    for entity in sorted(entities):
        if cluster and entity.start >= reach:
            yield cluster
            cluster = []
        cluster.append(entity)
        reach = max(reach, entity.end)
    if cluster:
        yield cluster


def _extent(cluster: Sequence[Entity]) -> tuple[int, int]:
    return min(entity.start for entity in cluster), max(entity.end for entity in cluster)


def _edit(
    text: str, edits: Sequence[tuple[int, int, str]], entities: Sequence[Entity]
) -> tuple[str, tuple[Entity, ...]]:
    """Return the text with stretches replaced, and the entities at their new places.

    An entity that a replaced stretch touches reaches over the whole of what replaced it.
    """
    pieces: list[str] = []
    moved: list[Entity] = []
    waiting = sorted(entities, reverse=True)
    end = shift = 0
    for first, last, instead in [*edits, (len(text), len(text), "")]:
        while waiting and waiting[-1].end <= first:
            entity = waiting.pop()
            moved.append(entity._replace(start=entity.start + shift, end=entity.end + shift))
        while waiting and waiting[-1].start < last:
            entity = waiting.pop()
            moved.append(entity._replace(start=first + shift, end=first + shift + len(instead)))
        pieces += [text[end:first], instead]
        shift += len(instead) - (last - first)
        end = last
    return "".join(pieces), tuple(moved)
