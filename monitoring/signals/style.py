"""How a response is written and how that fits what was asked, as numbers: the inputs of `helpfulness`."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from monitoring.signals import kernels_style as kernels
from monitoring.signals.admissions import declinings, refusals
from monitoring.signals.degeneration import measure_endings, measure_repetition
from monitoring.signals.kernels_characters import END_CLASSES
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import find_words, overlap, pool

__all__ = ["GROUPS", "describe_request", "describe_style"]

Floats = NDArray[np.float32]

_CLASSES = {
    "hedge": "may might perhaps possibly probably maybe seems likely generally typically often usually sometimes could",
    "apology": "sorry apologize apologies apologise unfortunately regret afraid",
    "self": "i me my i'm i've i'd i'll myself mine",
    "reader": "you your you're yours yourself you'll you've you'd",
    "linker": """
    however therefore additionally furthermore moreover finally firstly also then next because since although while
    consequently thus hence instead similarly meanwhile whereas secondly thirdly lastly
    """,
    "example": "example examples instance such like including namely specifically",
    "praise": """
    great wonderful excellent amazing brilliant fantastic awesome insightful thoughtful fascinating impressive lovely
    perfect beautiful genius clever smart delightful incredible outstanding admire admirable remarkable superb
    marvellous marvelous sharp curious curiosity talented gifted bright inspiring exceptional magnificent terrific
    """,
    "negation": """
    not no never cannot can't don't won't isn't doesn't didn't wasn't aren't couldn't wouldn't shouldn't haven't nor
    none nothing without
    """,
    "machine": "ai openai assistant trained model chatbot",
    "offer": "please let feel help assist welcome happy glad",
    "opener": "sure certainly absolutely course okay ok yes no hello hi hey",
    "conclusion": "conclusion summary overall ultimately summarize remember",
    "asking": "question questions ask asked asking query request topic",
    "intensifier": "very really truly extremely highly quite so incredibly absolutely deeply",
    "function": "the of and a to in is that for on with as are by it be this from or an at",
    "must": "should must need needs required important essential crucial key recommend ensure consider make use try",
    "cause": "because so due reason reasons causes cause result results means leads allows helps why how",
    "know": "know information provide context clarify specific unclear understand unable access",
}

_KINDS = {
    "code": """
    code python javascript java function script sql html css api class bug error regex bash typescript rust react
    algorithm compile json query program
    """,
    "list": "list steps ways tips ideas examples bullet items top suggestions recommendations names options table",
    "brief": "short brief briefly concise only single word summarize summary summarise tldr sentence one",
    "long": "detailed detail essay explain article comprehensive thorough long blog report chapter describe guide",
    "creative": "poem story song joke rap haiku lyrics imagine pretend roleplay scene character plot novel fiction",
    "sum": "solve calculate equation sum probability integral derivative many much percent math number",
    "translate": "translate translation rewrite paraphrase correct grammar rephrase edit",
    "opinion": "best think opinion better favorite recommend worst prefer would",
    "fact": "who when where which whose whom",
    "why": "why how",
    "write": "write create generate make give compose draft design produce",
    "what": "what what's",
    "polar": "is are does do did can could was were has have will",
    "choice": "true false yes no choose following answer correct select",
}
KIND_NAMES = tuple(_KINDS)
_UNITS = (
    "word words",
    "sentence sentences",
    "paragraph paragraphs stanza stanzas",
    "line lines verse verses",
    """
    ways tips ideas examples items steps things reasons points questions names facts options suggestions titles
    books movies songs benefits bullets bullet strategies different key best most main types categories recipes jokes
    """,
)
_NUMBERS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
]


# Columns of kernels_style.count_forms, and how many say no more, so that a long answer is not a good one for being long.
_COUNTED = {
    "lines": (kernels.LINES, 20),
    "paragraphs": (kernels.PARAGRAPHS, 10),
    "bullets": (kernels.BULLETS, 10),
    "numbered": (kernels.NUMBERED, 10),
    "headings": (kernels.HEADINGS, 10),
    "table_rows": (kernels.TABLE_ROWS, 10),
    "fences": (kernels.FENCES, 8),
    "bold": (kernels.BOLD, 10),
    "questions": (kernels.QUESTIONS, 5),
    "exclamations": (kernels.EXCLAMATIONS, 5),
    "colons": (kernels.COLONS, 8),
    "digits": (kernels.DIGITS, 20),
    "commas": (kernels.COMMAS, 20),
    "brackets": (kernels.BRACKETS, 6),
    "quotes": (kernels.QUOTES, 8),
    "addresses": (kernels.ADDRESSES, 5),
    "dashes": (kernels.DASHES, 8),
    "formulas": (kernels.FORMULAS, 20),
    "longest_line": (kernels.LONGEST, 400),
}
_SHARES = np.array([kernels.CODE, kernels.LISTED, kernels.LONGEST, kernels.DIGITS])
_MOST_NEW, _MOST_TAKEN, _MOST_FIRST = 120, 20, 3
_MOST_ITEMS, _MOST_FENCES, _MOST_OPEN = 5, 2, 3
# Added to what shares are taken of, so that short answers have no extreme ones.
_FEW_BYTES, _FEW_WORDS = 20, 10
_FARTHEST = 2.0
_WITH_LIST = ("list", "what", "why", "opinion", "brief", "long")

GROUPS = {
    "structure": (
        *_COUNTED,
        "code_share",
        "listed_share",
        "longest_share",
        "digit_share",
        "capital_share",
        "sentence_words",
        "line_words",
        *(f"{kind}_and_list" for kind in _WITH_LIST),
        "code_and_fence",
        "fence_without_code",
        "code_and_code_share",
    ),
    "coverage": [
        "new",
        "taken",
        "covered",
        "echoed",
        "shared",
        "cosine",
        "opens_taken",
        "ends_taken",
        "words_off",
        "sentences_off",
        "items_right",
        "items_short",
        "items_none",
        "refuses",
        "declines",
    ],
    "wording": (
        "comma_share",
        "long_share",
        "unknown_share",
        "information",
        "distinct",
        "distinct_at_first",
        "said_again",
        "looped",
        "repeated",
        "run",
        *(f"{name}_share" for name in _CLASSES),
        *(f"{name}_first" for name in _CLASSES),
        *(f"ends_{number}" for number in range(END_CLASSES)),
        "open_fence",
        "open_brackets",
    ),
}
"""Names of the features in the order of the columns of `describe_style`, by what they are about."""

_ENDS_OF_GROUPS = np.cumsum([len(names) for names in GROUPS.values()])[:-1]
_COUNTED_COLUMNS = np.array([column for column, _ in _COUNTED.values()])
_MOST_COUNTED = np.array([most for _, most in _COUNTED.values()], dtype=np.float32)
_MOST_NEW_AND_TAKEN = np.array([_MOST_NEW, _MOST_TAKEN], dtype=np.float32)
_LIST_COLUMNS = np.array([1 + KIND_NAMES.index(kind) for kind in _WITH_LIST])
_CODE_COLUMN = 1 + KIND_NAMES.index("code")
_SHARED_WORDS = np.array([kernels.LONG, kernels.UNKNOWN, kernels.INFORMATION])
_REPEATED = np.array([3, 1, 4])
_END_KINDS = np.arange(END_CLASSES)


def describe_style(batch: Prepared) -> Floats:
    """Return what speaks for and against each answer as people see it, shape (n, features); see `GROUPS`."""
    forms, words, asked = _measure_forms(batch), _measure_words(batch), _read_requests(batch)
    described = np.empty((len(batch), sum(map(len, GROUPS.values()))), dtype=np.float32)
    structure, coverage, wording = np.split(described, _ENDS_OF_GROUPS, axis=1)
    _describe_structure(structure, forms, words, asked, batch)
    _describe_coverage(coverage, forms, words, asked, batch)
    _describe_wording(wording, forms, words, batch)
    return described


def describe_request(batch: Prepared) -> Floats:
    """Return what each prompt asks for, by which ordinary answers differ.

    Columns: log of its words and the square of that, its kinds of words, and its word vector.
    """
    asked = _read_requests(batch)
    length = np.log1p(asked[:, :1])
    kinds = np.minimum(asked[:, 1 : kernels.KINDS + 1], 2)
    return np.concatenate([length, length**2, kinds, pool(batch, "prompt")], axis=1)


def _measure_forms(batch: Prepared) -> Floats:
    """Return the counts of `kernels_style.count_forms` for the responses, cached in the batch."""
    encoded = batch.encoded("response")
    return batch.shared(("style", "forms"), lambda: kernels.count_forms(*encoded))


def _measure_words(batch: Prepared) -> Floats:
    """Return the counts of `kernels_style.count_words` for the responses, cached in the batch."""

    def compute() -> Floats:
        words, table = batch.words("response"), _class_table()
        found, asked = find_words(batch, "response"), find_words(batch, "prompt")
        counted: Floats = kernels.count_words(
            words.ids,
            words.begins,
            words.ends,
            words.offsets,
            found.rows,
            found.keys,
            found.information,
            asked.keys,
            batch.words("prompt").offsets,
            table.keys,
            table.classes,
        )
        return counted

    return batch.shared(("style", "words"), compute)


def _read_requests(batch: Prepared) -> Floats:
    """Return what `kernels_style.read_requests` reads in the prompts, cached in the batch."""

    def compute() -> Floats:
        words, table = batch.words("prompt"), _request_table()
        read: Floats = kernels.read_requests(
            batch.encoded("prompt").buffer,
            words.ids,
            words.begins,
            words.ends,
            words.offsets,
            table.keys,
            table.classes,
        )
        return read

    return batch.shared(("style", "requests"), compute)


def _describe_structure(out: Floats, forms: Floats, words: Floats, asked: Floats, batch: Prepared) -> None:
    count, kinds = words[:, kernels.COUNT], len(_COUNTED)
    np.log1p(np.minimum(forms[:, _COUNTED_COLUMNS], _MOST_COUNTED), out=out[:, :kinds])
    out[:, kinds : kinds + 4] = forms[:, _SHARES] / (forms[:, kernels.BYTES, None] + _FEW_BYTES)
    out[:, kinds + 4] = forms[:, kernels.CAPITALS] / (forms[:, kernels.LETTERS] + _FEW_BYTES)
    out[:, kinds + 5] = np.log1p(count / np.maximum(_sentences(batch), 1))
    out[:, kinds + 6] = np.log1p(count / np.maximum(forms[:, kernels.LINES], 1))
    listed = np.minimum(_items(forms), _MOST_ITEMS) / (2 * _MOST_ITEMS)
    out[:, kinds + 7 : -3] = np.minimum(asked[:, _LIST_COLUMNS], 2) * listed[:, None]
    fences = np.minimum(forms[:, kernels.FENCES], _MOST_FENCES) / _MOST_FENCES
    code = np.minimum(asked[:, _CODE_COLUMN], 2) / 2
    out[:, -3] = code * fences
    out[:, -2] = (code == 0) * fences
    out[:, -1] = code * out[:, kinds]


def _describe_coverage(out: Floats, forms: Floats, words: Floats, asked: Floats, batch: Prepared) -> None:
    number, units = asked[:, kernels.KINDS + 1], asked[:, kernels.KINDS + 2 :] > 0
    items, wanted = _items(forms), units[:, -1]
    new_and_taken = words[:, [kernels.NEW, kernels.TAKEN]]
    np.log1p(np.minimum(new_and_taken, _MOST_NEW_AND_TAKEN), out=out[:, :2])
    out[:, 2], out[:, 3], out[:, 4] = overlap(batch, "prompt", "response")
    out[:, 5] = (pool(batch, "prompt") * pool(batch, "response")).sum(axis=1)
    out[:, 6] = words[:, kernels.OPENS_TAKEN] / kernels.FIRST
    out[:, 7] = words[:, kernels.ENDS_TAKEN] / kernels.LAST
    out[:, 8:13] = 0
    if units.any():
        done = np.column_stack([words[:, kernels.COUNT], _sentences(batch)])
        off = np.abs(np.log((done + 1) / (number[:, None] + 1)))
        out[:, 8:10] = np.minimum(off, _FARTHEST) * units[:, :2]
        out[:, 10] = wanted & (items == number)
        out[:, 11] = wanted * np.clip(np.log((number + 1) / (items + 1)), 0, _FARTHEST)
        out[:, 12] = wanted & (items == 0)
    out[:, 13] = refusals(batch)
    out[:, 14] = declinings(batch)


def _describe_wording(out: Floats, forms: Floats, words: Floats, batch: Prepared) -> None:
    count = words[:, kernels.COUNT]
    some = count[:, None] + _FEW_WORDS
    again, ends = measure_repetition(batch), measure_endings(batch)
    first = 10 + kernels.CLASSES
    out[:, 0] = forms[:, kernels.COMMAS] / some[:, 0]
    out[:, 1:4] = words[:, _SHARED_WORDS] / some
    out[:, 4] = np.log((words[:, kernels.DISTINCT] + 5) / (count + 5))
    out[:, 5] = (words[:, kernels.DISTINCT_FIRST] + 5) / (np.minimum(count, kernels.WINDOW) + 5)
    out[:, 6:9] = again[:, _REPEATED] / some
    out[:, 9] = again[:, 5] / np.maximum(again[:, 6], _FEW_BYTES)
    np.sqrt(words[:, kernels.FIXED : kernels.FIXED + kernels.CLASSES] / some, out=out[:, 10:first])
    np.minimum(
        words[:, kernels.FIXED + kernels.CLASSES :], _MOST_FIRST, out=out[:, first : first + kernels.CLASSES]
    )
    out[:, first + kernels.CLASSES : -2] = ends[:, :1] == _END_KINDS
    out[:, -2] = ends[:, 1]
    out[:, -1] = np.minimum(ends[:, 2], _MOST_OPEN)


def _sentences(batch: Prepared) -> NDArray[np.int64]:
    offsets = batch.sentences("response").offsets
    return offsets[1:] - offsets[:-1]


def _items(forms: Floats) -> Floats:
    return forms[:, kernels.BULLETS] + forms[:, kernels.NUMBERED]


@cache
def _class_table() -> WordTable:
    classes: dict[str, int] = {}
    for number, words in enumerate(_CLASSES.values(), start=1):
        for word in words.split():
            classes.setdefault(word, number)
    return build_table(classes)


@cache
def _request_table() -> WordTable:
    classes = {word: kernels.NUMBER_WORD + number for number, word in enumerate(_NUMBERS, start=1)}
    for number, words in enumerate(_UNITS, start=1):
        for word in words.split():
            classes.setdefault(word, kernels.UNIT + number)
    for number, words in enumerate(_KINDS.values(), start=1):
        for word in words.split():
            classes.setdefault(word, number)
    return build_table(classes)
