"""Taking personal data out of records: every string is searched once and redacted in place."""

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
"""A function from a type and a value to the word that stands for this value everywhere."""

_WHOLE = "[REDACTED]"
_CASELESS = frozenset({"EMAIL_ADDRESS", "IP_ADDRESS", "STREET_ADDRESS", "DATE_OF_BIRTH"})
_EXACT = frozenset({"API_KEY", "PASSWORD", "PRIVATE_KEY", "URL_CREDENTIALS", "CRYPTO", USER_ID, SESSION_ID})
_JOINT = len("\n\n")
_FIELDS: tuple[TextField, ...] = get_args(TextField)
_WHOLE_FIELDS: tuple[TextField, ...] = ("prompt", "response", "reference", "system_prompt")
_OWN_IDS = {"user_id": USER_ID, "session_id": SESSION_ID}
# All optional strings of a record, taken from its definition so that none is forgotten.
_OPTIONAL = tuple(one.name for one in msgspec.structs.fields(Record) if one.type == str | None)
_SECRETIVE = re2.compile("(?i)pass|pwd|kennwort|contrase|secret")


class Redacted(NamedTuple):
    """A record after redaction, and the pii evaluator's score of the record before it.

    The evidence of the score lies in the redacted text. A `dropped` record has no text and no
    score; it has to be scored by its original.
    """

    record: Record
    pii: Score | None
    dropped: bool


@lru_cache(maxsize=4096)
def _is_secretive(lead: str) -> bool:
    return _SECRETIVE.search(lead) is not None


class _Place(NamedTuple):
    """A string to search: `lead` is put before it as its name; `own_id` says which id it is."""

    text: str
    lead: str = ""
    own_id: str | None = None

    @property
    def spoken(self) -> tuple[str, str]:
        """What is put before and behind the string: a name, and quotes that make it a value."""
        if self.lead and _is_secretive(self.lead) and '"' not in self.text:
            return f'{self.lead}"', '"'
        return self.lead, ""


class _Text(NamedTuple):
    """The redacted form of a string, what was found in it, and whether texts must be dropped."""

    text: str
    entities: tuple[Entity, ...] = ()
    drops: bool = False


_Change = Callable[[_Place], str]
_Found = tuple[Sequence[Entity], bool]
"""What was found in a text, and whether it was too much."""


def redact(
    records: Sequence[Record], redaction: Redaction, pseudonym: Pseudonym, searched: Prepared | None = None
) -> list[Redacted]:
    """Redact every string of every record: texts, messages, names, ids, tags and metadata.

    The time is linear in the text. `searched` holds the same records if the pii evaluator has seen
    them, and its results are used then. A text in which one type occurs more than a thousand times
    is a list of people and is removed as a whole.
    """
    every = redaction.mode == "drop"
    subjects = [without_text(record) for record in records] if every else list(records)
    search = _Search(redaction, pseudonym)
    for record in subjects:
        _map_record(record, search.collect)
    search.run(_found_by_text(searched) if searched else {})
    return [_redact(record, search, every=every) for record in subjects]


def _found_by_text(searched: Prepared) -> dict[str, _Found]:
    """Return, by text, what the pii evaluator found in the texts that records hold as a whole."""
    by_text: dict[str, _Found] = {}
    for field in _WHOLE_FIELDS:
        overfull: set[int] = set()
        found = find_in_field(searched, field, most=MOST_FINDINGS, overfull=overfull)
        for number, text in enumerate(searched.texts(field)):
            by_text[text] = found.get(number, ()), number in overfull
    return by_text


def without_text(record: Record) -> Record:
    """Return the record without texts and free-form values; ids, names, tags and figures stay."""
    return msgspec.structs.replace(
        record,
        prompt="",
        response="",
        context=(),
        reference=None,
        system_prompt=None,
        messages=(),
        metadata={},
        usage={},
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
    if record.usage:
        changed["usage"] = map_value(record.usage, write)
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
    """Return the pii evaluator's score of a record, with the evidence at its new places."""
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
    """The strings of a batch, which are searched in one pass, and their redacted forms."""

    def __init__(self, redaction: Redaction, pseudonym: Pseudonym) -> None:
        self._redaction = redaction
        self._pseudonym = pseudonym
        self._found: dict[_Place, _Text] = {}

    def collect(self, place: _Place) -> str:
        """Note a string to search, and return it as it is."""
        self._found[place] = _Text(place.text)
        return place.text

    def found(self, place: _Place) -> _Text:
        """Return the redacted form of a string."""
        return self._found[place]

    def run(self, known: Mapping[str, _Found]) -> None:
        """Search all collected strings, except those whose results are `known`."""
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
        """Return the replacement of an id that is redacted as a whole; None if it is searched."""
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
            # An id is stored either as it is or as its pseudonym, so that it can be found again.
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
    """Return one spelling of a value that is written in several ways, so that pseudonyms agree."""
    if kind in _EXACT:
        return value
    return value.casefold() if kind in _CASELESS else compact(value)


def _clusters(entities: Sequence[Entity]) -> Iterator[list[Entity]]:
    """Yield groups of entities that overlap, in order of place."""
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
    """Return the text with parts replaced, and the entities at their new places.

    An entity that touches a replaced part then covers the whole replacement.
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
