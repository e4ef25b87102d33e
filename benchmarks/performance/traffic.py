"""Records to load the application with: real prompts and responses, cut and joined to one size."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from app.schemas.ids import mint
from app.schemas.queued import Envelope
from app.schemas.records import read_record

__all__ = ["SIZE", "Text", "make_envelopes", "make_lines", "read_texts"]

SIZE = 2048
SAMPLES = Path(__file__).resolve().parents[2] / "tests" / "quality" / "samples"
CONTEXT_BYTES = 700
PROMPT_BYTES = 500
ENVELOPE_BYTES = 230  # names and quotes of the JSON object
USERS, SESSIONS, TEMPLATES = 1_000, 12_000, 20

_encode = msgspec.json.Encoder().encode


class Text(NamedTuple):
    """One recorded call: its prompt, its response, and which model wrote it."""

    prompt: str
    response: str
    model: str


def read_texts(data: Path | None) -> list[Text]:
    """Read `traffic/llm_traffic.jsonl.gz` under `data`; without it, the texts that the tests carry."""
    if data is not None:
        with gzip.open(data / "llm_traffic.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        return [Text(row["prompt"], row["response"], row["meta"]["model"]) for row in rows if row["response"]]
    texts: list[Text] = []
    for path in sorted(SAMPLES.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            if not line.startswith("#") and (row := json.loads(line)).get("response"):
                texts.append(
                    Text(row.get("prompt") or "Tell me.", row["response"], f"model-{len(texts) % 40}")
                )
    return texts


def make_lines(texts: Sequence[Text], count: int, *, size: int = SIZE) -> list[bytes]:
    """Return `count` records as JSON of about `size` bytes; every second one has a context.

    A text that is too short goes on with the one after it. Users, sessions and templates recur as they do
    in traffic; none of the records carries a client id.
    """
    return list(islice(_lines(texts, size), count))


def make_envelopes(lines: Sequence[bytes]) -> list[Envelope]:
    """Return the records of lines as the queue carries them, all accepted now."""
    now = time.time_ns() // 1_000_000
    return [
        Envelope(trace_id=mint(now), project_id="default", source="live", record=read_record(line))
        for line in lines
    ]


def _lines(texts: Sequence[Text], size: int) -> Iterator[bytes]:
    room = size - ENVELOPE_BYTES
    endless = cycle(texts)
    for number, text in enumerate(cycle(texts)):
        prompt = _cut(text.prompt, PROMPT_BYTES)
        left = room - len(prompt.encode())
        context = None
        if number % 2:
            context = _fill(endless, "", CONTEXT_BYTES)
            left -= len(context.encode())
        record = {
            "prompt": prompt,
            "response": _fill(endless, text.response, left),
            "model_name": text.model,
            "user_id": f"user-{number * 7919 % USERS}",
            "session_id": f"session-{number * 104_729 % SESSIONS}",
            "template_id": f"template-{number % TEMPLATES}",
            "response_time_ms": 200.0 + number % 1_800,
        }
        yield _encode(record if context is None else record | {"context": context})


def _fill(more: Iterator[Text], text: str, size: int) -> str:
    parts, length = [text], len(text.encode())
    while length < size:
        parts.append(next(more).response)
        length += len(parts[-1].encode()) + 1
    return _cut("\n".join(filter(None, parts)), size)


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")
