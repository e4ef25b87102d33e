"""How a response is written, and how that fits the request: the features of `helpfulness`."""

from __future__ import annotations

from functools import cache
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from monitoring.signals import kernels_features as features
from monitoring.signals import kernels_style as kernels
from monitoring.signals.admissions import declinings, refusals
from monitoring.signals.degeneration import measure_endings, measure_repetition
from monitoring.signals.kernels_characters import END_CLASSES
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.prepared import Prepared
from monitoring.text.vectors import cosine, find_words, overlap, pool

__all__ = ["GROUPS", "describe_request", "describe_style", "measure_forms"]

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


# Columns of kernels_style.count_forms with the number from which on more of them say nothing new. A
# long answer is therefore not good because it is long.
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
"""The names of the features by their subject, in the order of the columns of `describe_style`."""

_ENDS = tuple(accumulate(len(names) for names in GROUPS.values()))
_COUNTED_COLUMNS = np.array([column for column, _ in _COUNTED.values()])
_MOST_COUNTED = np.array([most for _, most in _COUNTED.values()], dtype=np.float32)
_LIST_COLUMNS = np.array([1 + KIND_NAMES.index(kind) for kind in _WITH_LIST])
_CODE_COLUMN = 1 + KIND_NAMES.index("code")
# The logarithm counts of what is counted, of the words by line, and of the new and the taken words.
_LOGGED = np.array([*range(len(_COUNTED)), len(_COUNTED) + 6, _ENDS[0], _ENDS[0] + 1])


def describe_style(batch: Prepared) -> Floats:
    """Return what people see for and against each answer, shape (n, features); see `GROUPS`."""
    forms, words, asked = measure_forms(batch), _measure_words(batch), _read_requests(batch)
    sentences = batch.sentences("response").offsets
    described = np.empty((len(batch), _ENDS[-1]), dtype=np.float32)
    structure, coverage, wording = (described[:, first:end] for first, end in pairwise((0, *_ENDS)))
    features.describe_structure(
        structure,
        forms,
        words,
        asked,
        sentences,
        _COUNTED_COLUMNS,
        _MOST_COUNTED,
        _LIST_COLUMNS,
        _CODE_COLUMN,
    )
    wanted = features.describe_coverage(
        coverage,
        forms,
        words,
        asked,
        sentences,
        *overlap(batch, "prompt", "response"),
        cosine(batch, "prompt", "response"),
    )
    features.describe_wording(wording, forms, words, measure_repetition(batch), measure_endings(batch))
    described[:, _LOGGED] = np.log1p(described[:, _LOGGED])
    wording[:, 4] = np.log(wording[:, 4])
    coverage[:, 11] = np.clip(np.log(coverage[:, 11]), 0, _FARTHEST) if wanted else 0
    coverage[:, 13] = refusals(batch)
    coverage[:, 14] = declinings(batch)
    return described


def describe_request(batch: Prepared) -> Floats:
    """Return what each prompt asks for, on which ordinary answers depend.

    The columns are the log of its words and the square of that, its kinds of words, and its word
    vector.
    """
    asked = _read_requests(batch)
    length = np.log1p(asked[:, :1])
    kinds = np.minimum(asked[:, 1 : kernels.KINDS + 1], 2)
    return np.concatenate([length, length**2, kinds, pool(batch, "prompt")], axis=1)


def measure_forms(batch: Prepared) -> Floats:
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
    """Return what `kernels_style.read_requests` finds in the prompts, cached in the batch."""

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
