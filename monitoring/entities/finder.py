"""Finding entities in texts: regions, recognisers, context, and the choice among overlaps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache, partial
from itertools import accumulate

from monitoring.entities import (
    americas,
    asia_pacific,
    assignments,
    credentials,
    europe,
    finance,
    network,
    personal,
    phones,
)
from monitoring.entities.boundaries import is_in_link, stands_alone
from monitoring.entities.disguises import is_address, locate, places_of, reveal_place
from monitoring.entities.kernels import ADDRESS, COLONS, DISGUISE, KEY, NUMBER, SECRET, TOKEN, WORDS
from monitoring.entities.positions import Characters, Place
from monitoring.entities.recognizer import Entity, Recognizer
from monitoring.entities.regions import Region, regions_of
from monitoring.models import Record, TextField
from monitoring.text.patterns import KeywordSet, PatternSet
from monitoring.text.prepared import Prepared

__all__ = [
    "Finder",
    "build_finder",
    "entity_types",
    "find_entities",
    "find_in_field",
    "find_in_texts",
    "recognizers",
]

# Characters around a match in which words for or against it are looked for.
_BEFORE, _AFTER = 48, 24
_CLOSE = 22
# A word such as "order" before a number, or a link around it, leaves this share of the confidence.
_DOUBT = 0.3
# Entities with less confidence are not returned.
_FLOOR = 0.05
# An entity with at least this confidence replaces weaker ones at its place.
_SURE = 0.5
_AGAINST = (
    "order", "order number", "invoice", "ticket", "tracking", "version", "v", "isbn", "issn", "issue", "commit",
    "build", "sha", "sha1", "sha256", "md5", "hash", "port", "serial", "model", "part number", "sku", "upc",
    "release", "pull", "pr", "rfc", "doi", "arxiv", "pmid", "timestamp", "seed", "article", "case number",
    "reference number", "transaction", "uuid", "guid", "etag", "checksum", "digest", "revision", "rev", "pmcid",
    "bestellung", "bestellnummer", "commande", "pedido", "patent", "bug",
)  # fmt: skip

# This separates texts of different places. No pattern matches a NUL between line breaks.
_SEAM = "\n\0\n"
# If a text has more disguised places, it is read in one piece from the first to the last of them.
_MOST_STRETCHES = 200


class _Group:
    """Recognisers that share one pattern set."""

    def __init__(self, recognizers: Iterable[Recognizer]) -> None:
        self.recognizers = tuple(recognizers)
        self.patterns = PatternSet(recognizer.pattern for recognizer in self.recognizers)


class Finder:
    """Runs the recognisers over regions of a text; it is immutable and may be shared by threads."""

    def __init__(self) -> None:
        national = (*americas.RECOGNIZERS, *europe.RECOGNIZERS, *asia_pacific.RECOGNIZERS)
        numbers = (*finance.NUMBERS, *phones.RECOGNIZERS, *national)
        self._groups = (
            (ADDRESS, _Group(network.ADDRESSES)),
            (NUMBER, _Group(numbers)),
            (NUMBER | TOKEN, _Group(finance.TOKENS + credentials.TOKENS)),
            (COLONS, _Group(network.HOSTS)),
            (KEY, _Group(credentials.KEYS)),
            (WORDS | SECRET, _Group((*personal.RECOGNIZERS, *assignments.RECOGNIZERS))),
        )
        self.recognizers = tuple(one for _, group in self._groups for one in group.recognizers)
        types: dict[str, set[str]] = defaultdict(set)
        for recognizer in self.recognizers:
            for word in recognizer.words:
                types[word].add(recognizer.type)
        words = [*types, *(word for word in _AGAINST if word not in types)]
        self._words = KeywordSet(words)
        self._stems = KeywordSet(phones.STEMS, whole_words=False)
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
        """Return the entities in the regions by record, in order of place.

        Each recogniser takes at most `most` entities from one record. Records that had more are
        added to `overfull`.
        """
        found: dict[int, set[Entity]] = defaultdict(set)
        full: set[int] = set()
        for kinds, group in self._groups:
            wanted = [region for region in regions if region.kinds & kinds]
            if wanted:
                full |= self._match(group, texts, wanted, most, found)
        if overfull is not None:
            overfull |= full
        return {record: _resolve(entities) for record, entities in sorted(found.items())}

    @property
    def types(self) -> frozenset[str]:
        """The names of all types that can be found."""
        return frozenset(recognizer.type for _, group in self._groups for recognizer in group.recognizers)

    def _match(
        self,
        group: _Group,
        texts: Sequence[str],
        regions: Sequence[Region],
        most: int | None,
        found: dict[int, set[Entity]],
    ) -> set[int]:
        """Add what a group of recognisers finds, and return the records that had too many entities.

        All regions are matched as one text, which costs a single pass.
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

    def believes(self, entity: Entity, text: str) -> bool:
        """Tell whether a disguised entity is real; an address in words may be a sentence."""
        near, _ = self._surroundings(text, entity.start, entity.end, entity.type)
        return is_address(entity, text[entity.start : entity.end], near=near)

    def _surroundings(self, text: str, start: int, end: int, kind: str) -> tuple[bool, bool]:
        """Tell whether words near a match speak for its type, and words before it against it."""
        first = max(0, start - _BEFORE)
        near = against = False
        for hit in self._words.find(text[first:start].replace("_", " ")):
            near = near or kind in self._types[hit.item]
            against = against or (hit.item in self._against and first + hit.end >= start - _CLOSE)
        if not near:
            near = any(kind in self._types[hit.item] for hit in self._words.find(text[end : end + _AFTER]))
        if not near and kind == "PHONE_NUMBER":
            near = bool(self._stems.find(text[first:start]) or self._stems.find(text[end : end + _AFTER]))
        return near, against


def _resolve(found: Iterable[Entity]) -> list[Entity]:
    """Drop entities that one with more confidence or length covers; keep all if none is certain."""
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
    """Return all recognisers."""
    return build_finder().recognizers


@cache
def build_finder() -> Finder:
    """Return the finder with all recognisers, which is compiled once per process."""
    return Finder()


def find_entities(text: str) -> list[Entity]:
    """Return the personal data and credentials in a text, in order of place.

    Types have the names that Presidio gives them if it has them (EMAIL_ADDRESS, PHONE_NUMBER,
    CREDIT_CARD, IBAN_CODE, US_SSN, IP_ADDRESS, …), or else API_KEY, PRIVATE_KEY, PASSWORD,
    URL_CREDENTIALS, DATE_OF_BIRTH, PASSPORT, STREET_ADDRESS. If several types fit one place and
    none is certain, all are returned. Offsets are in characters, confidence is 0..1, and time is
    linear in the text.
    """
    batch = Prepared([Record(prompt=text, response="")])
    return find_in_field(batch, "prompt").get(0, [])


def entity_types() -> frozenset[str]:
    """Return the names of all types that can be found."""
    return build_finder().types


def find_in_texts(
    texts: Sequence[str], *, most: int | None = None, overfull: set[int] | None = None
) -> dict[int, list[Entity]]:
    """Return the entities of separate texts, by the index of the text; see `find_in_field`."""
    batch = Prepared([Record(prompt=text, response="") for text in texts])
    return find_in_field(batch, "prompt", most=most, overfull=overfull)


def find_in_field(
    batch: Prepared, field: TextField, *, most: int | None = None, overfull: set[int] | None = None
) -> dict[int, list[Entity]]:
    """Return the entities of one field by record index, for the records that have any.

    Each recogniser takes at most `most` entities from one record, which bounds the time for a
    hostile text. Records that had more are added to `overfull`. The result is shared within the
    batch and must not be changed.
    """
    found, full = batch.shared(("entities", field, most), partial(_find_in_field, batch, field, most))
    if overfull is not None:
        overfull |= full
    return found


def _find_in_field(
    batch: Prepared, field: TextField, most: int | None
) -> tuple[dict[int, list[Entity]], set[int]]:
    """Return the entities of one field by record index, and the records that had too many."""
    encoded = batch.encoded(field)
    overfull: set[int] = set()
    if not len(encoded.buffer):
        return {}, overfull
    places = places_of(batch, field)
    regions = regions_of(batch, field, (one for one in places if one.kind != DISGUISE), overfull)
    found = build_finder().find(batch.texts(field), regions, most=most, overfull=overfull)
    hidden = [one for one in places if one.kind == DISGUISE]
    if hidden:
        for record, entities in _find_hidden(batch, field, hidden, most, overfull).items():
            found[record] = _resolve(_unhidden(found.get(record, ()), entities))
    return found, overfull


def _find_hidden(
    batch: Prepared, field: TextField, hidden: Sequence[Place], most: int | None, overfull: set[int]
) -> dict[int, list[Entity]]:
    """Return the entities in disguised places, at their place in the text as it is written."""
    encoded, texts = batch.encoded(field), batch.texts(field)
    stretches = _join(hidden)
    views = [reveal_place(encoded, begin, end) for _, begin, end in stretches]
    shown = Prepared([Record(prompt=view.text, response="") for view in views])
    if not len(shown.encoded("prompt").buffer):
        return {}
    places = [one for one in places_of(shown, "prompt") if one.kind != DISGUISE]
    full: set[int] = set()
    finder = build_finder()
    regions = regions_of(shown, "prompt", places, full)
    results = finder.find(shown.texts("prompt"), regions, most=most, overfull=full)
    overfull |= {stretches[number][0] for number in full}
    found: dict[int, list[Entity]] = defaultdict(list)
    characters: dict[int, Characters] = {}
    for number, entities in results.items():
        record = stretches[number][0]
        if record not in characters:
            characters[record] = Characters(encoded, record, len(texts[record]))
        for entity in entities:
            original = locate(entity, views[number], characters[record], texts[record])
            if original is not None and finder.believes(original, texts[record]):
                found[record].append(original)
    return found


def _join(hidden: Sequence[Place]) -> list[tuple[int, int, int]]:
    """Return record, first and end byte of each part to read; of too many parts, one for all."""
    by_record: dict[int, list[Place]] = defaultdict(list)
    for place in hidden:
        by_record[place.record].append(place)
    stretches = []
    for record, places in by_record.items():
        if len(places) > _MOST_STRETCHES:
            stretches.append((record, places[0].begin, places[-1].end))
        else:
            stretches += [(record, place.begin, place.end) for place in places]
    return stretches


def _unhidden(plain: Iterable[Entity], hidden: Sequence[Entity]) -> list[Entity]:
    r"""Return both kinds, without plain entities that a hidden one of their type covers.

    Only the hidden one begins at the right place: `\njane@corp.net` is read as a line break and a
    name.
    """
    taken: dict[str, tuple[list[int], list[int]]] = {}
    for kind in {one.type for one in hidden}:
        own = sorted((one.start, one.end) for one in hidden if one.type == kind)
        taken[kind] = [start for start, _ in own], list(accumulate((end for _, end in own), max))
    kept = list(hidden)
    for one in plain:
        starts, ends = taken.get(one.type, ([], []))
        before = bisect_left(starts, one.end)
        if not before or ends[before - 1] < one.end:
            kept.append(one)
    return kept
