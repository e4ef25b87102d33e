"""The topics into which traffic is sorted, each described by words that belong to it.

A description is read like any text, so words of nearly the same meaning need not all be listed. A
new entry of TOPICS adds a topic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.models import TextField
from monitoring.text.kernels_vectors import average_shares
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import embed, find_words, load_table, lookup

__all__ = ["TOPICS", "Affinities", "load_affinities", "weigh_topics"]

# 2026-11-23, chosen on tests/quality/samples/topics.jsonl: the weight of the nearest word of a
# description beside the description as a whole, and the temperature that turns cosines into shares.
_NEAREST = 0.6
_TEMPERATURE = 0.08
# The rarer a word is, the more it says about the subject. A name says no more than other rare
# words.
_MOST_INFORMATION, _LEAST_INFORMATION, _POWER = 9.0, 2.0, 1.5
_MOST_WORDS = 256
# So many rows of the word table are computed at a time. All of them at once would take memory that
# the process keeps after it is freed.
_ROWS = 4_096

Floats = NDArray[np.float32]


class Affinities(NamedTuple):
    """For each row of the word table, its share 0..255 in each topic and its weight in a text.

    `usual` is the share 0..1 of each topic in an average text, to which common words add up.
    """

    names: tuple[str, ...]
    shares: NDArray[np.uint8]
    weights: Floats
    usual: Floats


class _Description(NamedTuple):
    """A topic's description: the vectors of its words, and that of the whole."""

    words: Floats
    whole: Floats


def _describe(description: str) -> _Description:
    rows = lookup(description)
    return _Description(_vectors_of(rows[rows >= 0]), embed((description,))[0])


def _weigh_rows(rows: slice, topics: Sequence[_Description]) -> Floats:
    """Return how near the words of some rows are to each topic, divided by the temperature."""
    vectors = _vectors_of(rows)
    columns = [
        _NEAREST * (vectors @ topic.words.T).max(axis=1) + (1 - _NEAREST) * (vectors @ topic.whole)
        for topic in topics
    ]
    weighed: Floats = (np.stack(columns, axis=1) / _TEMPERATURE).astype(np.float32, copy=False)
    return weighed


def _vectors_of(rows: slice | NDArray[np.integer]) -> Floats:
    table = load_table()
    vectors: Floats = table.vectors[rows].astype(np.float32) * table.scales[rows][:, None]
    return vectors


@cache
def load_affinities() -> Affinities:
    """Compute the shares of all words, 1.5 MB, once per process (under a second)."""
    table = load_table()
    topics = [_describe(description) for description in TOPICS.values()]
    starts = range(0, len(table.vectors), _ROWS)
    odds = np.concatenate([_weigh_rows(slice(start, start + _ROWS), topics) for start in starts])
    shares = np.exp(odds - odds.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    information = np.minimum(table.information, _MOST_INFORMATION)
    weights = np.where(table.information > _LEAST_INFORMATION, information**_POWER, 0)
    usual = np.average(shares, axis=0, weights=weights * np.exp(-table.information))
    return Affinities(
        tuple(TOPICS),
        np.rint(255 * shares).astype(np.uint8),
        weights.astype(np.float32),
        usual.astype(np.float32),
    )


def weigh_topics(batch: Prepared, field: TextField) -> tuple[Floats, Floats]:
    """Return each topic's share 0..1 of each text of `field`, and the weight of each text.

    The weight is the number of rare words that together weigh as much as the text.
    """
    affinities = load_affinities()
    shares, masses = average_shares(
        find_words(batch, field).rows,
        batch.words(field).offsets,
        affinities.shares,
        affinities.weights,
        _MOST_WORDS,
    )
    return shares, masses / np.float32(_MOST_INFORMATION**_POWER)


TOPICS: Mapping[str, str] = {
    "animals": """
        animal animals dog cat bird fish horse pet puppy mammal reptile insect frog wildlife
        species zoo penguin elephant lion cow breed feathers veterinarian spider snake
    """,
    "art": """
        art artist painting painter sculpture drawing museum gallery canvas portrait photography
        sketch paint exhibition modern abstract brush colors mural statue
    """,
    "business": """
        business company marketing customer sales brand startup manager employee strategy product
        advertising hiring supplier workplace corporate entrepreneur negotiate slogan meeting
        resume interview client revenue competitors
    """,
    "education": """
        education school teacher student university college exam classroom lesson homework
        curriculum scholarship learning study grade course academic tutor pupils essay professor
    """,
    "entertainment": """
        movie film actor actress director television series episode comedy celebrity game video
        streaming hollywood cartoon show anime superhero gaming character quest player
    """,
    "environment": """
        environment climate pollution carbon emissions recycling waste rainforest sustainability
        conservation renewable ecosystem warming deforestation fossil plastic coral solar
        greenhouse
    """,
    "finance": """
        finance money bank investment stock tax taxes mortgage loan interest credit debt budget
        savings bonds inflation gains income dividend fund accounting currency price payment
        retirement
    """,
    "food": """
        food recipe cook cooking bake baking ingredients chicken sauce cheese kitchen meal
        vegetable dish flavor restaurant bread egg rice soup butter sugar wine coffee dinner eat
    """,
    "geography": """
        geography country capital city river mountain lake ocean continent island border map
        population france africa asia europe america germany paris london china india coast located
        region
    """,
    "health": """
        health doctor medicine disease symptoms patient treatment pain medication vaccine diet
        exercise hospital therapy sleep cancer infection blood diabetes fever anxiety depression
        medical weight vitamin
    """,
    "history": """
        history war empire emperor ancient medieval century king revolution battle dynasty
        historical rome soviet colonial wwii treaty civil pharaoh kingdom invasion reign nazi army
        soldiers
    """,
    "home": """
        house garden repair plumbing furniture carpet stain cleaning wall tap plant lawn appliance
        bedroom bathroom roof decorate laundry tools seeds soil renovate floor leak
    """,
    "language": """
        language translate translation grammar word sentence verb noun synonym pronunciation
        vocabulary spanish english meaning spelling french german phrase tense adjective rewrite
        paraphrase punctuation
    """,
    "law": """
        law legal court lawyer lawsuit contract judge crime felony landlord tenant attorney rights
        statute illegal police sue copyright trial custody guilty prison evidence jury
    """,
    "literature": """
        novel book poem poetry author story plot fiction literature writer fantasy chapter
        shakespeare haiku tale protagonist narrative writes dragon knight villain rhyme
    """,
    "mathematics": """
        mathematics equation algebra geometry calculus derivative integral probability matrix
        theorem triangle proof sum multiply divide solve integer polynomial fraction angle math
        square root dice arithmetic
    """,
    "music": """
        music song guitar piano singer band melody chord jazz composer album lyrics orchestra
        concert drum rock symphony violin rap notes
    """,
    "philosophy": """
        philosophy ethics morality kant plato metaphysics consciousness free existential moral
        philosopher nietzsche meaning truth virtue utilitarianism aristotle knowledge determinism
    """,
    "politics": """
        politics political government president election parliament senator vote voters policy
        democracy congress minister party republican democrat campaign constitution immigration
        socialism diplomacy legislation
    """,
    "programming": """
        programming code python javascript function software developer algorithm sql java bug
        compile database git html css array variable api server loop class string regex exception
        linux script debug
    """,
    "relationships": """
        relationship girlfriend boyfriend husband wife friend friends marriage dating love family
        mother father sister breakup wedding romantic parents kids date apology partner argue
    """,
    "religion": """
        religion god christian christians islam muslim jesus buddhist church bible prayer hindu
        jewish faith easter quran priest pope holy rebirth temple saint
    """,
    "science": """
        science physics chemistry biology atom molecule cell gravity energy planet evolution gene
        dna experiment star light chemical quantum protein electron space galaxy scientific
        temperature particles astronomy motion
    """,
    "sports": """
        sports sport football soccer basketball tennis team player players championship league
        coach olympic match marathon athlete baseball ball goal score won tournament golf cricket
        hockey
    """,
    "technology": """
        technology computer smartphone phone laptop internet network device battery wifi artificial
        intelligence machine electronics printer windows electric app chatgpt robot gpu model
        software hardware bluetooth screen data
    """,
    "travel": """
        travel trip tourist hotel flight visa vacation itinerary airport sightseeing luggage
        destination visit passport beach tour cruise pack backpacking booking
    """,
}
