"""Distil the word table that `monitoring/text/vectors.py` loads.

    python benchmarks/train/vectors.py DATA

DATA is the folder of labelled sources. Only sources under MIT, Apache-2.0 or CC BY are read, and of
them only how many texts hold a word. The script needs the packages of the `train` extra, and reads
their files directly:

- wordllama 0.4.0.post1 (MIT): 32,000 token vectors of 256 dimensions and their tokenizer. The
  vector of a word is the mean of its tokens (of the spelling, lower case or capital, with the
  fewest tokens), scaled to length 1. wordllama was trained so that the first dimensions carry the
  most; 96 are kept.
- symspellpy 6.10.1 (MIT): 82,765 English words with their counts in Google Books (CC BY 3.0).
- bpe-openai 0.1.4 (MIT): single-token words of cl100k_base, for names and technical terms.

The result is deterministic: the same inputs give the same bytes of every array.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import math
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import bpe_openai
import numpy as np
from features import WEIGHTS, write_sums
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

WIDTH = 96
# The source files. If a file mixes licences, these values of `source` or `meta.sub` may be read.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "relevance/truthfulqa_informative": (),  # Apache-2.0
    "relevance/refusals": (),  # CC BY 4.0, MIT
    "hallucination/truthfulqa_judge": (),  # Apache-2.0
    "hallucination/halueval_general": (),  # MIT
    "hallucination/halueval2_human": (),  # MIT
    "hallucination/faithdial_audit": (),  # MIT
    "prompt_injection/benign_instructions": (  # Apache-2.0, MIT
        "arena-hard-v0.1",
        "arena-hard-v2",
        "mt_bench",
        "self-instruct-seed",
        "cyberseceval-frr",
    ),
    "prompt_injection/jailbreaks_in_the_wild": (),  # Apache-2.0, MIT
    "prompt_injection/jailbreakbench_artifacts": (),  # MIT
    "prompt_injection/bipia_indirect": (),  # MIT
    "bias/bbq": (),  # CC BY 4.0
    "bias/redditbias": (),  # MIT
    "pii/docs_numeric_negatives": (),  # Apache-2.0, MIT, BSD-3-Clause, CC BY 4.0
    "pii/wnut17_person": (),  # CC BY 4.0
    "toxicity/tdavidson_tweets": (),  # MIT
    "toxicity/pyrit_response_harm": (),  # MIT
    "traffic/llm_traffic": ("arena_hard_v0.1", "arena_hard_v2", "xstest_completions"),  # Apache-2.0, CC BY
}
BOOK_WORDS = 50_000
# A text counts as so many words when the counts in books become shares of texts, and the books
# count as so many texts. This is enough to rank words that the sources lack, and too little to
# outweigh the sources.
WORDS_PER_TEXT = 60
BOOK_TEXTS = 5_000
# A dictionary word, any other word and a number are chosen if they occur in at least so many texts.
LEAST_TEXTS, LEAST_TEXTS_ALONE, LEAST_TEXTS_NUMBER = 2, 3, 20
SHORTEST, LONGEST = 3, 40
LEAST_RELATED = 0.3
_WORD = re.compile(r"[a-z0-9_]+(?:'[a-z0-9_]+)*")


def read_texts(folder: Path) -> set[str]:
    """Return the distinct texts of the permitted sources."""
    texts: set[str] = set()
    for name, subs in SOURCES.items():
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                if subs and row["source"] not in subs and row["meta"].get("sub") not in subs:
                    continue
                texts.update(row[key] for key in ("prompt", "response", "context", "reference") if row[key])
    return texts


def split(text: str) -> list[str]:
    """Split like `monitoring.text.kernels.scan_words`, for ASCII words."""
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def package(name: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed: pip install '.[train]'")
    return Path(spec.origin).parent


def read_books() -> dict[str, int]:
    """Return the book count of each dictionary word."""
    path = package("symspellpy") / "frequency_dictionary_en_82_765.txt"
    pairs = (line.split() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return {word.lower(): int(count) for word, count in pairs if word.isascii()}


def read_tokens() -> Iterator[str]:
    """Yield the words that are one token of cl100k_base."""
    encoding = bpe_openai.get_encoding("cl100k_base")
    for token in range(100_256):
        word = bytes(encoding.decode_single_token_bytes(token)).decode("utf-8", "replace")
        if word.startswith(" ") and word[1:].isascii() and word[1:].isalpha():
            yield word[1:].lower()


def choose(books: Mapping[str, int], seen: Mapping[str, int]) -> list[str]:
    """Choose the words of the table.

    They are common in books, or they occur in the sources and are a dictionary word, a token or
    frequent there.
    """
    ranked = sorted(books, key=lambda word: (-books[word], word))
    chosen = set(ranked[:BOOK_WORDS]) | {word for word in ranked if seen.get(word, 0) >= LEAST_TEXTS}
    for word, count in seen.items():
        if count >= (LEAST_TEXTS_NUMBER if word.isdigit() else LEAST_TEXTS_ALONE):
            chosen.add(word)
    chosen |= {word for word in read_tokens() if word in seen and len(word) >= SHORTEST}
    return sorted(word for word in chosen if len(word) <= LONGEST)


def compose(words: list[str]) -> NDArray[np.float32]:
    """Return a vector of length 1 per word from its tokens."""
    folder = package("wordllama")
    tokens = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"].astype(
        np.float32
    )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    spellings = [
        [
            encoding.ids
            for encoding in tokenizer.encode_batch(list(map(change, words)), add_special_tokens=False)
        ]
        for change in (str.lower, str.capitalize, str.upper)
    ]
    vectors = np.stack([tokens[min(ids, key=len)].mean(axis=0) for ids in zip(*spellings, strict=True)])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def inform(
    words: list[str], books: Mapping[str, int], seen: Mapping[str, int], texts: int
) -> NDArray[np.float64]:
    """Return the inverse document frequency of each word in nats.

    The frequencies of the sources are shrunk towards those of the books.
    """
    total = sum(books.values())
    rarest = min(books.values())
    shares = [-math.expm1(-WORDS_PER_TEXT * books.get(word, rarest) / total) for word in words]
    return np.array(
        [
            -math.log((seen.get(word, 0) + BOOK_TEXTS * share) / (texts + BOOK_TEXTS))
            for word, share in zip(words, shares, strict=True)
        ]
    )


def stems(word: str) -> Iterator[str]:
    """Yield what may be the base form of an English word, the likeliest first."""
    if word.endswith("'s"):
        yield word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "'s")):
        yield word[:-1]
        if word.endswith("ies"):
            yield word[:-3] + "y"
        if word.endswith("es"):
            yield word[:-2]
    for suffix in ("ing", "ed", "er", "ly"):
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            yield stem + "e"
            yield stem
            if len(stem) >= SHORTEST and stem[-1] == stem[-2]:
                yield stem[:-1]
            if suffix in {"ed", "ly"} and stem.endswith("i"):
                yield stem[:-1] + "y"


def find_bases(
    words: list[str], vectors: NDArray[np.float32], counts: Mapping[str, float]
) -> NDArray[np.int32]:
    """Return the row of each word's base form, which is shorter, common enough and related.

    Common enough means at least a hundredth as common as the word. Related means a cosine of 0.3,
    which keeps `thing` from `the` and `united` from `unit`. Chains such as `teachings` ->
    `teaching` -> `teach` are followed to their end.
    """
    row_of = {word: row for row, word in enumerate(words)}
    bases = np.arange(len(words), dtype=np.int32)
    for row, word in enumerate(words):
        for stem in stems(word):
            base = row_of.get(stem)
            if base is None or len(stem) < SHORTEST or 100 * counts[stem] < counts[word]:
                continue
            if word.endswith("'s") or float(vectors[row] @ vectors[base]) > LEAST_RELATED:
                bases[row] = base
                break
    for row in range(len(words)):
        while bases[bases[row]] != bases[row]:
            bases[row] = bases[bases[row]]
    return bases


def hash_word(word: str) -> int:
    """Return the word's 32-bit FNV-1a hash."""
    value = 2166136261
    for byte in word.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def main() -> None:
    """Build the table and print what it holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, default=WEIGHTS / "vectors.npz")
    arguments = parser.parse_args()
    texts = read_texts(arguments.data)
    seen = collections.Counter(word for text in texts for word in set(split(text)))
    books = read_books()
    words = choose(books, seen)
    # If two words share a hash, the more common one keeps it.
    information = dict(zip(words, inform(words, books, seen, len(texts)), strict=True))
    by_hash: dict[int, str] = {}
    for word in sorted(words, key=lambda word: (information[word], word)):
        by_hash.setdefault(hash_word(word), word)
    hashes = sorted(by_hash)
    words = [by_hash[value] for value in hashes]
    vectors = compose(words)
    bases = find_bases(words, vectors, {word: math.exp(-information[word]) for word in words})
    kept = vectors[:, :WIDTH] / np.linalg.norm(vectors[:, :WIDTH], axis=1, keepdims=True)
    scales = np.abs(kept).max(axis=1) / 127
    np.savez_compressed(
        arguments.output,
        ids=np.array(hashes, dtype=np.uint32),
        vectors=np.rint(kept / scales[:, None]).astype(np.int8),
        scales=scales.astype(np.float16),
        information=np.array([information[word] for word in words], dtype=np.float16),
        # An unknown word is a misspelling as often as a name, so it counts as the lower quartile
        # does.
        unknown=np.float32(np.percentile(list(information.values()), 25)),
        bases=bases,
    )
    write_sums()
    size = arguments.output.stat().st_size
    print(
        f"{len(texts)} texts, {len(words)} words, {int((bases != np.arange(len(words))).sum())} forms, {size} bytes"
    )


if __name__ == "__main__":
    main()
