"""The number of tokens of a call: reported by the provider, or counted exactly, or estimated."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any, Literal

import msgspec
import numpy as np

from monitoring.models import Record, TokenSource
from monitoring.text.kernels_tokens import count_features

__all__ = [
    "TOKENS_PER_FEATURE",
    "Encoding",
    "TokenCount",
    "count_text",
    "count_tokens",
    "encoding_of",
    "estimate_texts",
]

Encoding = Literal["o200k_base", "cl100k_base"]

# Model families by the start of their name, the longest first if one begins another:
# https://github.com/openai/tiktoken/blob/main/tiktoken/model.py, read 2026-11.
_FAMILIES: tuple[tuple[str, Encoding], ...] = (
    ("gpt-4o", "o200k_base"),
    ("gpt-4.1", "o200k_base"),
    ("gpt-4.5", "o200k_base"),
    ("gpt-5", "o200k_base"),
    ("gpt-oss", "o200k_base"),
    ("chatgpt-4o", "o200k_base"),
    ("codex-mini", "o200k_base"),
    ("o1", "o200k_base"),
    ("o3", "o200k_base"),
    ("o4-mini", "o200k_base"),
    ("gpt-4", "cl100k_base"),
    ("gpt-3.5", "cl100k_base"),
    ("gpt-35", "cl100k_base"),
    ("text-embedding-3", "cl100k_base"),
    ("text-embedding-ada-002", "cl100k_base"),
)
_LONGEST_NAME = 200

# Tokens per unit of each feature, fitted to o200k_base by benchmarks/train/tokens.py on 2026-11-23.
# The mean relative error is 4.6 % on 4,368 held-out texts of at least 50 tokens, and 0.1 % over all
# their tokens.
TOKENS_PER_FEATURE = np.array(
    [
        0.932,  # ascii_words
        0.131,  # letters_beyond_six
        0.663,  # case_changes
        1.586,  # digit_triples
        0.902,  # punctuation_runs
        0.088,  # punctuation_beyond_one
        0.567,  # line_break_runs
        0.000,  # spaces_beyond_one
        0.000,  # latin_characters
        0.311,  # other_two_byte_characters
        0.354,  # indic_characters
        0.694,  # symbols
        0.765,  # cjk_characters
        0.720,  # hangul_characters
        4.281,  # four_byte_characters
    ]
)

# Of a longer text only the two ends are counted, because an exact count would block a worker: so
# many characters of the slowest kind take 0.12 s (emoji, 2026-11-29). They are half a million
# tokens.
_COUNTED_CHARACTERS = 2 * 1024 * 1024

_WEAKEST = {source: strength for strength, source in enumerate(TokenSource)}


class TokenCount(msgspec.Struct, frozen=True):
    """Tokens of prompt and completion, and the weaker of the sources of the two counts.

    `reported` is the figure of the provider. `exact` comes from the published tokenizer of the
    model over the recorded text, without the few tokens that a chat format adds around messages.
    `estimated` is used for texts of more than two million characters, of which the ends are
    counted, and for models without a public tokenizer. The estimate is within about 5 % of
    o200k_base on English prose and 30 % on languages with long words; the tokenizer of the model
    itself may differ from that by 20 % or more.
    """

    prompt: int
    completion: int
    source: TokenSource

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion


def encoding_of(model: str) -> Encoding | None:
    """Return the OpenAI encoding of a model id, or None; `azure/` and `ft:` are ignored."""
    return _encoding_of(model) if len(model) <= _LONGEST_NAME else None


@lru_cache(maxsize=4096)
def _encoding_of(model: str) -> Encoding | None:
    name = model.strip().lower().rpartition("/")[2].removeprefix("ft:")
    for start, encoding in _FAMILIES:
        rest = name.removeprefix(start)
        if rest != name and not rest[:1].isalnum():
            return encoding
    return None


def count_text(text: str, encoding: Encoding) -> int:
    """Return the exact number of ordinary tokens, in time linear in the text.

    Special tokens that are written in the text count as plain text. A lone surrogate counts as the
    replacement character.
    """
    try:
        return _counter(encoding)(text)
    except UnicodeEncodeError:
        return _counter(encoding)(text.encode("utf-8", "replace").decode())


def estimate_texts(texts: Sequence[str]) -> list[int]:
    """Estimate the tokens of texts for models without a public tokenizer."""
    parts = [text.encode("utf-8", "replace") for text in texts]
    starts = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    features = count_features(np.frombuffer(b"".join(parts), dtype=np.uint8), starts)
    estimates: list[int] = np.rint(features @ TOKENS_PER_FEATURE).astype(np.int64).tolist()
    return [max(count, 1) if text else 0 for text, count in zip(texts, estimates, strict=True)]


def count_tokens(records: Sequence[Record]) -> list[TokenCount]:
    """Return one count per record, in order.

    A reported figure counts only for its own side, so a record that reports the prompt still gets
    its completion counted.
    """
    sides = [(record, side) for record in records for side in (0, 1)]
    counted: list[tuple[int, TokenSource]] = [(0, TokenSource.ESTIMATED)] * len(sides)
    unknown: list[tuple[int, str, float]] = []
    for at, (record, side) in enumerate(sides):
        reported = record.completion_tokens if side else record.prompt_tokens
        if reported is not None:
            counted[at] = (reported, TokenSource.REPORTED)
            continue
        text = record.response if side else _input_text(record)
        ends, times = _ends(text)
        encoding = encoding_of(record.model_name)
        if encoding is None:
            unknown.append((at, ends, times))
        elif ends is text:
            counted[at] = (count_text(text, encoding), TokenSource.EXACT)
        else:
            counted[at] = (round(times * count_text(ends, encoding)), TokenSource.ESTIMATED)
    if unknown:
        estimates = estimate_texts([text for _, text, _ in unknown])
        for (at, _, times), count in zip(unknown, estimates, strict=True):
            counted[at] = (round(times * count), TokenSource.ESTIMATED)
    return [
        TokenCount(prompt[0], completion[0], max(prompt[1], completion[1], key=_WEAKEST.__getitem__))
        for prompt, completion in zip(counted[::2], counted[1::2], strict=True)
    ]


def _ends(text: str) -> tuple[str, float]:
    """Return the part of a text that is counted, and how many times longer the whole text is."""
    if len(text) <= _COUNTED_CHARACTERS:
        return text, 1.0
    half = _COUNTED_CHARACTERS // 2
    return text[:half] + text[-half:], len(text) / _COUNTED_CHARACTERS


def _input_text(record: Record) -> str:
    """Return what was sent: all messages if they were recorded, else system prompt and prompt."""
    if record.messages:
        texts = [text for message in record.messages for text in _message_texts(message.get("content"))]
        if record.system_prompt and not any(m.get("role") == "system" for m in record.messages):
            texts.insert(0, record.system_prompt)
        return "\n".join(texts)
    return f"{record.system_prompt}\n{record.prompt}" if record.system_prompt else record.prompt


def _message_texts(content: object) -> list[str]:
    """Return the texts of a message: a string, or a list of parts that may have a text."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        return []
    texts = [part.get("text", part.get("content")) for part in content if isinstance(part, dict)]
    return [text for text in texts if isinstance(text, str)]


@cache
def _counter(encoding: Encoding) -> Callable[[str], int]:
    count: Callable[[str], int] = _bindings().tokenizer_for_encoding(encoding).count
    return count


@cache
def _bindings() -> Any:
    """Load the compiled tokenizer of bpe-openai without the package around it.

    Importing the package builds three rank tables in Python that are not needed here, which takes
    0.6 s and 65 MB in every process. Its own encoder also refuses texts of a million characters.
    """
    package = find_spec("bpe_openai")
    name = "bpe_openai._bindings"
    spec = PathFinder.find_spec(name, package.submodule_search_locations if package else None)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("bpe-openai is not installed: pip install -r requirements.txt", name=name)
    module = sys.modules.setdefault(name, module_from_spec(spec))
    spec.loader.exec_module(module)
    return module
