"""From text to entities: regions, recognisers, context, and what to keep where findings overlap."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.entities import (
    americas,
    asia_pacific,
    credentials,
    europe,
    finance,
    network,
    personal,
    phones,
)
from monitoring.entities.boundaries import is_in_link, stands_alone
from monitoring.entities.kernels import (
    ADDRESS,
    COLONS,
    KEY,
    NUMBER,
    TOKEN,
    WORDS,
    find_disguised,
    find_regions,
    find_windows,
)
from monitoring.entities.recognizer import Entity, Recognizer
from monitoring.kernels import scan_words
from monitoring.models import Record, TextField
from monitoring.patterns import KeywordSet, PatternSet
from monitoring.prepared import Prepared
from monitoring.text import Folded, fold_aligned

__all__ = [
    "Finder",
    "Region",
    "build_finder",
    "entity_types",
    "find_entities",
    "find_in_field",
    "find_in_texts",
    "recognizers",
]

# Characters read around a match for words that speak for or against it.
_BEFORE, _AFTER = 48, 24
_CLOSE = 22
# What a word such as "order" before a number, or a link around it, leaves of the confidence.
_DOUBT = 0.3
# Findings less sure than this are not worth telling.
_FLOOR = 0.05
# From here on a finding hides weaker ones at its place.
_SURE = 0.5
_AGAINST = (
    "order", "order number", "invoice", "ticket", "tracking", "version", "v", "isbn", "issn", "issue", "commit",
    "build", "sha", "sha1", "sha256", "md5", "hash", "port", "serial", "model", "part number", "sku", "upc",
    "release", "pull", "pr", "rfc", "doi", "arxiv", "pmid", "timestamp", "seed", "article", "case number",
    "reference number", "transaction", "uuid", "guid", "etag", "checksum", "digest", "revision", "rev", "pmcid",
    "bestellung", "bestellnummer", "commande", "pedido", "patent", "bug",
)  # fmt: skip


# Stands between pieces of different places: no pattern crosses a NUL between line breaks.
_SEAM = "\n\0\n"
# A private key is read this far beyond its first line; of a text full of first lines only the first are.
_KEY_LENGTH, _MOST_KEYS = 8192, 20


class Region(NamedTuple):
    """A stretch of one record's text to look at: character offsets and the kinds of `kernels`."""

    record: int
    start: int
    end: int
    kinds: int


class _Group:
    """Recognisers that share one pattern set."""

    def __init__(self, recognizers: Iterable[Recognizer]) -> None:
        self.recognizers = tuple(recognizers)
        self.patterns = PatternSet(recognizer.pattern for recognizer in self.recognizers)


class Finder:
    """Runs the recognisers over regions of a text. Immutable, safe to share between threads."""

    def __init__(self) -> None:
        national = (*americas.RECOGNIZERS, *europe.RECOGNIZERS, *asia_pacific.RECOGNIZERS)
        numbers = (*finance.NUMBERS, *phones.RECOGNIZERS, *national)
        self._groups = (
            (ADDRESS, _Group(network.ADDRESSES)),
            (NUMBER, _Group(numbers)),
            (NUMBER | TOKEN, _Group(finance.TOKENS + credentials.TOKENS)),
            (COLONS, _Group(network.HOSTS)),
            (KEY, _Group(credentials.KEYS)),
            (WORDS, _Group((*personal.RECOGNIZERS, *credentials.ASSIGNMENTS))),
        )
        self.recognizers = tuple(one for _, group in self._groups for one in group.recognizers)
        types: dict[str, set[str]] = defaultdict(set)
        for recognizer in self.recognizers:
            for word in recognizer.words:
                types[word].add(recognizer.type)
        words = [*types, *(word for word in _AGAINST if word not in types)]
        self._words = KeywordSet(words)
        self._types = [frozenset(types.get(word, ())) for word in words]
        self._against = frozenset(number for number, word in enumerate(words) if word in _AGAINST)

    def find(
        self,
        texts: Sequence[str],
        regions: Sequence[Region],
        *,
        most: int | None = None,
        overfull: set[int] | None = None,
    ) -> dict[int, list[Entity]]:
        """Return the entities in the regions by record, in order of place, for the records that have any.

        Each recogniser takes at most `most` from one record; the records that had more are added to
        `overfull`.
        """
        found: dict[int, set[Entity]] = defaultdict(set)
        full: set[int] = set()
        for kinds, group in self._groups:
            wanted = [region for region in regions if region.kinds & kinds]
            full |= self._match(group, texts, wanted, most, found)
        if overfull is not None:
            overfull |= full
        return {record: _resolve(entities) for record, entities in sorted(found.items())}

    @property
    def types(self) -> frozenset[str]:
        """The names of everything that can be found."""
        return frozenset(recognizer.type for _, group in self._groups for recognizer in group.recognizers)

    def _match(
        self,
        group: _Group,
        texts: Sequence[str],
        regions: Sequence[Region],
        most: int | None,
        found: dict[int, set[Entity]],
    ) -> set[int]:
        """Add what a group finds, and return the records where it was too much.

        All regions are matched as one text, which costs one pass and not many.
        """
        overfull: set[int] = set()
        pieces = [texts[region.record][region.start : region.end] for region in regions]
        joined = _SEAM.join(pieces)
        begins = list(accumulate((len(piece) + len(_SEAM) for piece in pieces), initial=0))
        for number in group.patterns.matching(joined):
            recognizer = group.recognizers[number]
            counts: Counter[int] = Counter()
            for hit in group.patterns.scan(joined, number):
                place = bisect_right(begins, hit.start) - 1
                record, offset = regions[place].record, regions[place].start - begins[place]
                if most is not None and counts[record] >= most:
                    overfull.add(record)
                    continue
                entity = self._grade(recognizer, texts[record], offset + hit.start, offset + hit.end)
                if entity is not None:
                    counts[record] += 1
                    found[record].add(entity)
        return overfull

    def _grade(self, recognizer: Recognizer, text: str, start: int, end: int) -> Entity | None:
        if not stands_alone(text, start, end, recognizer.nature):
            return None
        grade = recognizer.judge(text[start:end])
        if grade is None:
            return None
        near, against = self._surroundings(text, start, end, recognizer.type)
        confidence = grade.near if near else grade.bare
        doubtful = against and not near and recognizer.nature != "token"
        if doubtful or (recognizer.nature == "number" and is_in_link(text, start)):
            confidence *= _DOUBT
        if confidence < _FLOOR:
            return None
        return Entity(start, end, recognizer.type, round(confidence, 3), grade.note)

    def _surroundings(self, text: str, start: int, end: int, kind: str) -> tuple[bool, bool]:
        """Tell whether words near the match speak for its type, and whether words before it speak against."""
        first = max(0, start - _BEFORE)
        near = against = False
        for hit in self._words.find(text[first:start]):
            near = near or kind in self._types[hit.item]
            against = against or (hit.item in self._against and first + hit.end >= start - _CLOSE)
        if not near:
            near = any(kind in self._types[hit.item] for hit in self._words.find(text[end : end + _AFTER]))
        return near, against


def _resolve(found: Iterable[Entity]) -> list[Entity]:
    """Drop what a surer or longer finding covers; keep rivals where nothing is sure."""
    kept: list[Entity] = []
    ranked = sorted(found, key=lambda e: (e.start, -e.confidence, e.start - e.end, e.type, e.note))
    clusters: list[list[Entity]] = []
    reach = -1
    for entity in ranked:
        if entity.start >= reach:
            clusters.append([])
        clusters[-1].append(entity)
        reach = max(reach, entity.end)
    for cluster in clusters:
        kept.extend(_best(cluster) if len(cluster) > 1 else cluster)
    return sorted(kept)


def _best(cluster: list[Entity]) -> list[Entity]:
    kept: list[Entity] = []
    for entity in sorted(cluster, key=lambda e: (-e.confidence, e.start - e.end, e)):
        rivals = [other for other in kept if entity.start < other.end and other.start < entity.end]
        if not any(rival.confidence >= _SURE or rival.type == entity.type for rival in rivals):
            kept.append(entity)
    return kept


def recognizers() -> tuple[Recognizer, ...]:
    """Return every recogniser there is."""
    return build_finder().recognizers


@cache
def build_finder() -> Finder:
    """Return the finder with every recogniser, compiled once per process."""
    return Finder()


def find_entities(text: str) -> list[Entity]:
    """Return the personal data and credentials in a text, in order of place.

    Types are named as Presidio names them where it has them (EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD,
    IBAN_CODE, US_SSN, IP_ADDRESS, …), else API_KEY, PRIVATE_KEY, PASSWORD, URL_CREDENTIALS, DATE_OF_BIRTH,
    PASSPORT, STREET_ADDRESS. Where several types fit one place and none is sure, each is returned. Offsets
    are characters; confidence is 0..1; time is linear in the text.
    """
    batch = Prepared([Record(prompt=text, response="")])
    return find_in_field(batch, "prompt").get(0, [])


def entity_types() -> frozenset[str]:
    """Return the names of everything that can be found."""
    return build_finder().types


def find_in_texts(
    texts: Sequence[str], *, most: int | None = None, overfull: set[int] | None = None
) -> dict[int, list[Entity]]:
    """Return the entities of texts that stand alone, by the number of the text; as `find_in_field` does."""
    batch = Prepared([Record(prompt=text, response="") for text in texts])
    return find_in_field(batch, "prompt", most=most, overfull=overfull)


def find_in_field(
    batch: Prepared, field: TextField, *, most: int | None = None, overfull: set[int] | None = None
) -> dict[int, list[Entity]]:
    """Return the entities of one field by record number, for the records that have any.

    Each recogniser takes at most `most` from one record, which bounds the time of a hostile text; the
    records that had more are added to `overfull`.
    """
    if not len(batch.encoded(field).buffer):
        return {}
    found = _find_plain(batch, field, most, overfull)
    for record in find_disguised(*batch.encoded(field)).tolist():
        folded = fold_aligned(batch.texts(field)[record])
        full: set[int] = set()
        alone = Prepared([Record(prompt=folded.text, response="")])
        entities = _find_plain(alone, "prompt", most, full).get(0, [])
        if full and overfull is not None:
            overfull.add(record)
        if entities:
            original = {_locate(entity, folded) for entity in entities}
            found[record] = _resolve(original | set(found.get(record, ())))
    return found


def _locate(entity: Entity, folded: Folded) -> Entity:
    """Return an entity of the folded text at its place in the original one."""
    start, end = folded.locate(entity.start, entity.end)
    return entity._replace(start=start, end=end)


def _find_plain(
    batch: Prepared, field: TextField, most: int | None, overfull: set[int] | None
) -> dict[int, list[Entity]]:
    buffer, starts = batch.encoded(field)
    places: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    owners, begins, ends, kinds = find_regions(buffer, starts)
    for owner, begin, end, kind in zip(
        owners.tolist(), begins.tolist(), ends.tolist(), kinds.tolist(), strict=True
    ):
        places[owner].append((begin, end, kind))
    owners, begins, ends = find_windows(buffer, starts, *batch.words(field), _trigger_table())
    for owner, begin, end in zip(owners.tolist(), begins.tolist(), ends.tolist(), strict=True):
        places[owner].append((begin, end, WORDS))
    texts = batch.texts(field)
    regions = []
    for record, found in places.items():
        first, last = int(starts[record]), int(starts[record + 1])
        character = _Places(buffer[first:last], len(texts[record]), first)
        keys = 0
        for begin, end, kind in found:
            keys += bool(kind & KEY)
            reach = character[end] + (_KEY_LENGTH if kind & KEY and keys <= _MOST_KEYS else 0)
            regions.append(Region(record, character[begin], reach, kind))
        if keys > _MOST_KEYS and overfull is not None:
            overfull.add(record)
    return build_finder().find(texts, regions, most=most, overfull=overfull)


class _Places:
    """Turns byte positions in a field's buffer into character offsets of one text, each in constant time."""

    def __init__(self, encoded: NDArray[np.uint8], length: int, first: int) -> None:
        self._first = first
        self._counts = None if len(encoded) == length else np.cumsum((encoded & 0xC0) != 0x80)  # noqa: PLR2004 UTF-8

    def __getitem__(self, position: int) -> int:
        at = position - self._first
        if self._counts is None or not at:
            return at
        return int(self._counts[at - 1])


@cache
def _trigger_table() -> NDArray[np.uint32]:
    """Return the hashes of the trigger words, open-addressed in a table four times their number."""
    size = 1 << (4 * len(personal.TRIGGERS)).bit_length()
    table = np.zeros(size, dtype=np.uint32)
    for word in personal.TRIGGERS:
        encoded = np.frombuffer(word.encode(), dtype=np.uint8)
        value = scan_words(encoded, np.array([0, len(encoded)], dtype=np.int64))[0][0]
        slot = int(value) & (size - 1)
        while table[slot]:
            slot = (slot + 1) & (size - 1)
        table[slot] = value
    return table
