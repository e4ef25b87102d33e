"""Which of several spans are one call: hits beside near misses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from app.schemas.spans import PlacedSpan, Restatement, Wording
from workers.spans.likeness import is_same_model
from workers.spans.restatements import restate

NOW = datetime(2026, 11, 30, tzinfo=UTC)
TRACE, ELSEWHERE = b"t" * 16, b"u" * 16
ASKED, ANSWERED = "Where is the Louvre?", "It is in Paris, on the right bank."
OTHER_QUESTION, OTHER_ANSWER = "Where is the Prado?", "It is in Madrid, beside the park."

Told = tuple[PlacedSpan, Wording]


def told(number: int, parent: int = 0, used: tuple[int, int] | None = (1000, 100), **values: Any) -> Told:
    """A call by a small number: its id, its span; `used` are tokens of prompt and completion."""
    said = Wording(
        values.pop("scope", "openinference"),
        values.pop("service", "shop"),
        values.pop("prompt", ASKED),
        values.pop("response", ANSWERED),
    )
    begins, ends = values.pop("at", (0, 1000))
    prompt, completion = used or (None, None)
    fields: dict[str, Any] = {
        "kind": "llm",
        "model_name": "gpt-4o",
        "otel_trace_id": TRACE,
        "begun": NOW + timedelta(milliseconds=begins),
        "lasted_ms": float(ends - begins),
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "answered": bool(said.response),
        "scope": said.scope,
        **values,
    }
    if fields.get("silent"):
        said = said._replace(prompt="", response="")
        fields["answered"] = True
    return (
        PlacedSpan(
            trace_id=UUID(int=number),
            otel_span_id=bytes([number]),
            otel_parent_span_id=bytes([parent]) if parent else None,
            **fields,
        ),
        said,
    )


def step(number: int, parent: int = 0, kind: str = "tool") -> Told:
    return told(number, parent, None, kind=kind)


def key(name: str) -> bytes:
    return name.encode()


def counted(*spans: Told, beside: bool = True) -> dict[int, tuple[int, str]]:
    """Return by number which spans tell of which other one once more, and why."""
    wording = {one.trace_id: said for one, said in spans}
    found = restate([one for one, _ in spans], wording, beside=beside).found
    return {id_.int: (one.call.int, one.because) for id_, one in found.items()}


def left(*spans: Told, beside: bool = True) -> set[int]:
    """Return which calls count."""
    calls = {one.trace_id.int for one, _ in spans if one.kind in {"llm", "embedding"}}
    return calls - counted(*spans, beside=beside).keys()


# Call 1 is around the others; each row says which of them count.
NESTED: dict[str, tuple[Sequence[Told], set[int]]] = {
    "the same usage": ([told(1), told(2, 1)], {2}),
    "with a step between": ([told(1), step(2, 1), told(3, 2)], {3}),
    "three that repeat each other": ([told(1), told(2, 1), told(3, 2)], {3}),
    "another usage": ([told(1), told(2, 1, (900, 100), prompt=OTHER_QUESTION)], {1, 2}),
    "one token more": ([told(1), told(2, 1, (1000, 101))], {1, 2}),
    "another model": ([told(1), told(2, 1, model_name="gpt-4o-mini")], {1, 2}),
    "a dated name of the model": ([told(1), told(2, 1, model_name="openai/gpt-4o-2024-08-06")], {2}),
    "a model that is not named": ([told(1, model_name="unknown"), told(2, 1)], {2}),
    "an embedding inside": ([told(1), told(2, 1, (1000, 0), kind="embedding")], {1, 2}),
    "embeddings that repeat": (
        [told(1, 0, (9, 0), kind="embedding"), told(2, 1, (9, 0), kind="embedding")],
        {2},
    ),
    "cached tokens left out by one": (
        [told(1, 0, (1500, 100), cached_tokens=500), told(2, 1, cached_tokens=500)],
        {2},
    ),
    "the same usage by chance": (
        [told(1), step(2, 1), told(3, 2, prompt=OTHER_QUESTION, response=OTHER_ANSWER)],
        {1, 3},
    ),
    "the same usage, the answer read as JSON": (
        [told(1, response=f'{{"answer": "{ANSWERED}"}}'), told(2, 1)],
        {2},
    ),
    "other response ids and other words": (
        [told(1, response_key=key("a")), told(2, 1, response_key=key("b"), response=OTHER_ANSWER)],
        {1, 2},
    ),
    "other response ids, a run's and a response's": (
        [told(1, response_key=key("run")), told(2, 1, response_key=key("b"))],
        {2},
    ),
    "the same response id, counted otherwise": (
        [told(1, 0, (1000, 130), response_key=key("a")), told(2, 1, response_key=key("a"))],
        {2},
    ),
    "the same id of a server that gives no other": (
        [
            told(1, response_key=key("a")), step(2, 1),
            told(3, 2, (90, 9), response_key=key("a"), prompt=OTHER_QUESTION, response=OTHER_ANSWER),
        ],
        {1, 3},
    ),
    "the same id, without texts, counted otherwise": (
        [told(1, response_key=key("a")), told(2, 1, (90, 9), response_key=key("a"), silent=True)],
        {1, 2},
    ),
    "the sum of two": (
        [told(1, 0, (1500, 150)), told(2, 1, response=""), told(3, 1, (500, 50))],
        {2, 3},
    ),
    "the sum of two, rounded": ([told(1, 0, (1501, 150)), told(2, 1), told(3, 1, (500, 50))], {2, 3}),
    "the sum of two of its model": (
        [told(1, 0, (1500, 150)), told(2, 1), told(3, 1, (500, 50)), told(4, 1, model_name="mini")],
        {2, 3, 4},
    ),
    "not the sum of two": ([told(1, 0, (1600, 150)), told(2, 1), told(3, 1, (500, 50))], {1, 2, 3}),
    "one of two": (
        [told(1), told(2, 1, response=OTHER_ANSWER), told(3, 1, (500, 50), prompt=OTHER_QUESTION)],
        {2, 3},
    ),
    "one of two, without texts": ([told(1), told(2, 1, silent=True), told(3, 1, (500, 50))], {1, 3}),
    "one of two, with other words": (
        [told(1), told(2, 1, prompt=OTHER_QUESTION, response=OTHER_ANSWER), told(3, 1, (500, 50))],
        {1, 2, 3},
    ),
    "one of two of the same usage, with its words": (
        [told(1), told(2, 1), told(3, 1, response=OTHER_ANSWER)],
        {2, 3},
    ),
    "two of the same usage, with other words": (
        [told(1), told(2, 1, response=OTHER_ANSWER), told(3, 1, prompt=OTHER_QUESTION)],
        {1, 2, 3},
    ),
    "a call of an agent around its own span and around the next call": (
        [
            told(1), told(2, 1, silent=True), step(3, 1),
            told(4, 3, (2000, 50), prompt=OTHER_QUESTION), told(5, 4, (2000, 50), silent=True),
        ],
        {1, 4},
    ),
    "no usage around one": ([told(1, 0, None), told(2, 1)], {2}),
    "no usage around several": ([told(1, 0, None), told(2, 1), told(3, 1, (5, 5))], {2, 3}),
    "no usage and other words": (
        [told(1, 0, None), told(2, 1, prompt=OTHER_QUESTION, response=OTHER_ANSWER)],
        {1, 2},
    ),
    "no usage and another model": ([told(1, 0, None, response="No."), told(2, 1, model_name="mini")], {1, 2}),
    "no usage, the model under another name": ([told(1, 0, None, model_name="ours"), told(2, 1)], {2}),
    "nothing of its own": ([told(1, 0, None, silent=True, model_name="agent"), told(2, 1)], {2}),
    "nothing of its own around several": (
        [told(1, 0, None, silent=True), told(2, 1), told(3, 1, model_name="mini")],
        {2, 3},
    ),
    "texts outside, usage inside": ([told(1, 0, None), told(2, 1, silent=True)], {1}),
    "texts and usage outside, usage inside": ([told(1), told(2, 1, silent=True)], {1}),
    "texts outside, another usage inside": ([told(1), told(2, 1, (7, 7), silent=True)], {1, 2}),
    "usage outside, texts inside": ([told(1, silent=True), told(2, 1, None)], {2}),
    "usage and texts outside, texts inside": ([told(1), told(2, 1, None)], {1}),
    "usage outside, other texts inside": (
        [told(1), told(2, 1, None, prompt=OTHER_QUESTION, response=OTHER_ANSWER)],
        {1, 2},
    ),
    "texts outside, a failed try and a good one inside": (
        [told(1), told(2, 1, None, silent=True, failed=True), told(3, 1, silent=True)],
        {1},
    ),
    "texts of a loop outside, its usage inside": (
        [told(1, 0, (1500, 150)), told(2, 1, silent=True), told(3, 1, (500, 50), silent=True)],
        {1},
    ),
    "texts between two that are alike": (
        [told(1, 0, None, silent=True), told(2, 1), told(3, 2, silent=True)],
        {2},
    ),
    "a call of another trace with that parent": ([told(1), told(2, 1, otel_trace_id=ELSEWHERE, scope="openinference")], {1, 2}),
}  # fmt: skip


@pytest.mark.parametrize("case", NESTED)
def test_what_lies_inside_a_call_counts_unless_it_is_that_call(case: str) -> None:
    spans, expected = NESTED[case]
    for order in permutations(spans):
        assert left(*order) == expected
    assert left(*spans, beside=False) == expected


ID: dict[str, Any] = {"response_key": key("chatcmpl-1")}
APART: dict[str, Any] = {"otel_trace_id": ELSEWHERE, "scope": "openllmetry", "at": (2, 998)}
# Calls 1 and 2 of separate traces, or beside each other; each row says which of them count.
BESIDE: dict[str, tuple[Sequence[Told], set[int]]] = {
    "one response, told by two": ([told(1, **ID), told(2, **{**ID, **APART})], {2}),
    "one response, nobody says who told": (
        [told(1, scope=None, **ID), told(2, **{**ID, **APART, "scope": None})],
        {2},
    ),
    "one response, no usage at one": ([told(1, 0, None, **ID), told(2, **{**ID, **APART})], {2}),
    "one response, no texts at one": ([told(1, **ID), told(2, **{**ID, **APART}, silent=True)], {1}),
    "one response, its first tokens added": ([told(1, **ID), told(2, 0, (1000, 108), **{**ID, **APART}, silent=True)], {1}),
    "one response, more than that added": ([told(1, **ID), told(2, 0, (1000, 109), **{**ID, **APART}, silent=True)], {1, 2}),
    "one response, its first tokens added, later": (
        [told(1, **ID), told(2, 0, (1000, 101), **{**ID, **APART, "at": (500, 1500)}, silent=True)],
        {1, 2},
    ),
    "one id of all that are asked at once": (
        [told(n, at=(n, 1000), scope=f"scope {n}", prompt=f"{ASKED} {n}", response=f"{ANSWERED} {n}", **ID) for n in range(1, 4)],
        {1, 2, 3},
    ),
    "one response, told at its end": ([told(1, **ID), told(2, **{**ID, **APART, "at": (1003, 1003)})], {1}),
    "one response, told by one twice": ([told(1, **ID), told(2, **{**ID, **APART, "scope": "openinference"})], {1, 2}),
    "one response, cached for later": ([told(1, **ID), told(2, **{**ID, **APART, "at": (60_000, 60_001)})], {1, 2}),
    "one id of a server that counts none": (
        [told(1, **ID), told(2, **{**ID, **APART}, prompt=OTHER_QUESTION, response=OTHER_ANSWER)],
        {1, 2},
    ),
    "one id, another usage": ([told(1, **ID), told(2, 0, (10, 10), **{**ID, **APART})], {1, 2}),
    "one moment": ([told(1), told(2, **APART)], {2}),
    "one moment, siblings": ([told(1, 9), told(2, 9, **{**APART, "otel_trace_id": TRACE}), step(9)], {2}),
    "one moment, nobody reports usage": ([told(1, 0, None), told(2, 0, None, **APART)], {2}),
    "one moment, an id at one": ([told(1, **ID), told(2, **APART)], {2}),
    "one moment, two ids": ([told(1, **ID), told(2, **APART, response_key=key("other"))], {1, 2}),
    "one moment, told by one": ([told(1), told(2, **{**APART, "scope": "openinference"})], {1, 2}),
    "one moment, nobody says who told": ([told(1, scope=None), told(2, **{**APART, "scope": None})], {1, 2}),
    "one moment, two services": ([told(1), told(2, **APART, service="desk")], {1, 2}),
    "one moment, two sessions": ([told(1, session_id="s-1"), told(2, **APART, session_id="s-2")], {1, 2}),
    "one moment, two users": ([told(1, user_id="u-1"), told(2, **APART, user_id="u-2")], {1, 2}),
    "one moment, a session at one": ([told(1, session_id="s-1"), told(2, **APART)], {2}),
    "one moment, another model": ([told(1), told(2, **APART, model_name="mini")], {1, 2}),
    "one moment, another answer": ([told(1), told(2, **APART, response=OTHER_ANSWER)], {1, 2}),
    "one moment, another usage": ([told(1), told(2, 0, (1001, 100), **APART)], {1, 2}),
    "one moment, no texts": ([told(1), told(2, **APART, silent=True)], {1, 2}),
    "one moment, no texts, siblings": ([told(1), told(2, **{**APART, "otel_trace_id": TRACE}, silent=True)], {1}),
    "one after the other": ([told(1), told(2, **{**APART, "at": (1000, 2000)})], {1, 2}),
    "one beginning within the other": ([told(1), told(2, **{**APART, "at": (500, 1500)})], {1, 2}),
    "two at once, each told by two": (
        [
            told(1, at=(0, 900)), told(2, **{**APART, "at": (1, 899)}),
            told(3, at=(10, 910), otel_trace_id=b"v" * 16), told(4, **{**APART, "at": (11, 909)}),
        ],
        {2, 4},
    ),
    "two at once, one of them told by two": ([told(1), told(2, **APART), told(3, at=(1, 999))], {1, 2}),
    "one told by three": (
        [told(1), told(2, **APART), told(3, **{**APART, "scope": "sdk", "at": (3, 997)})],
        {3},
    ),
    "a fan-out of three": ([told(n, 9, at=(n, 1000 + n)) for n in (1, 2, 3)], {1, 2, 3}),
    "a stream": (
        [told(1, 0, None, response="", at=(0, 20)), told(2, 0, None, at=(900, 900), otel_trace_id=ELSEWHERE)],
        {2},
    ),
    "a stream that says its usage at the end": (
        [told(1, 0, None, response="", at=(0, 20)), told(2, at=(900, 900), **ID)],
        {2},
    ),
    "a request without an answer, and another call": (
        [told(1, 0, None, response="", at=(0, 20)), told(2, 0, None, at=(30, 900))],
        {1, 2},
    ),
    "a request that failed": (
        [told(1, 0, None, response="", at=(0, 20), failed=True), told(2, 0, None, at=(900, 900))],
        {1, 2},
    ),
    "the end of another stream": (
        [told(1, 0, None, response="", at=(0, 20)), told(2, 0, None, at=(900, 900), prompt=OTHER_QUESTION)],
        {1, 2},
    ),
    "the end before the request": (
        [told(1, 0, None, response="", at=(0, 20)), told(2, 0, None, at=(0, 0))],
        {1, 2},
    ),
    "a stream of another instrumentation": (
        [told(1, 0, None, response="", at=(0, 20)), told(2, 0, None, at=(900, 900), scope="openllmetry")],
        {1, 2},
    ),
    "two streams, one of which was given up": (
        [
            told(1, 0, None, response="", at=(0, 20)), told(2, 0, None, response="", at=(30, 50)),
            told(3, 0, None, at=(900, 900)),
        ],
        {1, 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BESIDE)
def test_what_lies_beside_a_call_counts_unless_two_instrumentations_tell_of_it(case: str) -> None:
    spans, expected = BESIDE[case]
    for order in permutations(spans):
        assert left(*order) == expected


def test_an_id_that_every_response_has_tells_none_apart() -> None:
    calls = [told(n, 0, (1000, n), scope=f"scope {n}", silent=True, **ID) for n in range(1, 30)]
    assert left(*calls[:2]) == {2}
    assert len(left(*calls)) > 20  # the last few have few beside them


def test_it_is_said_which_call_and_why() -> None:
    assert counted(told(1), told(2, 1), told(3, **{**ID, **APART}, silent=True)) == {1: (2, "same_usage")}
    assert counted(told(1, 0, (1500, 150)), told(2, 1), told(3, 1, (500, 50))) == {1: (3, "sum_of_usage")}
    assert counted(told(1, 0, None), told(2, 1, silent=True)) == {2: (1, "no_texts_of_its_own")}


def test_what_was_settled_stays_and_is_joined_to_what_comes_later() -> None:
    first = told(1, kind="chain", restates=UUID(int=2), restates_because="same_usage")
    assert counted(first, told(2, 1)) == {1: (2, "same_usage")}
    assert counted(first, told(2, 1), told(3, 2)) == {1: (3, "same_usage"), 2: (3, "same_usage")}
    # A span of the instrumentation that told of the call already tells of another one.
    again = told(4, at=(1, 999))
    assert left(first, told(2, 1, scope="openllmetry"), again) == {2, 4}


def test_without_wording_spans_are_left_apart_and_it_is_asked_for() -> None:
    spans = [told(1)[0], told(2, 1)[0], told(3, 2, silent=True)[0]]
    found = restate(spans, {})
    assert found.found == {UUID(int=3): Restatement(UUID(int=2), "same_usage")}
    assert found.wanted == {UUID(int=1), UUID(int=2)}


def test_spans_inside_themselves_end() -> None:
    assert left(told(1, 1)) == {1}
    assert left(told(1, 2), told(2, 1)) == {1, 2}
    assert left(step(1, 2), step(2, 1), told(3, 1)) == {3}
    assert left(told(1, 2), told(2, 1), told(3, 2)) in ({1, 3}, {1, 2}, {3, 1})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gpt-4o", "openai/gpt-4o-2024-08-06", True),
        ("gpt-4", "gpt-4-0613", True),
        ("models/gemini-1.5-pro-002", "gemini-1.5-pro", True),
        ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-3-5-sonnet", True),
        ("claude-3-5-sonnet-latest", "Claude-3-5-Sonnet", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4", "gpt-4.1", False),
        ("claude-sonnet-4", "claude-sonnet-4-5", False),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-16k", False),
        ("text-embedding-3-small", "text-embedding-3-large", False),
    ],
)
def test_a_model_by_its_names(one: str, other: str, same: bool) -> None:  # noqa: FBT001 a table
    assert is_same_model(one, other) is same
    assert is_same_model(other, one) is same


@pytest.mark.parametrize("shape", ["chain", "siblings", "one outside"])
def test_time_grows_with_spans_and_not_with_their_square(shape: str) -> None:
    def seconds(count: int) -> float:
        parents = {"chain": lambda n: n - 1, "siblings": lambda _: 0, "one outside": lambda n: int(n > 1)}
        spans, wording = [], {}
        for number in range(1, count + 1):
            parent = parents[shape](number)
            one, said = told(1, scope=f"scope {number % 2}")
            spans.append(
                PlacedSpan(
                    **{
                        **{name: getattr(one, name) for name in PlacedSpan.__struct_fields__},
                        "trace_id": UUID(int=number),
                        "otel_span_id": number.to_bytes(8),
                        "otel_parent_span_id": parent.to_bytes(8) if parent else None,
                    }
                )
            )
            wording[UUID(int=number)] = said
        begun = time.process_time()
        restate(spans, wording, beside=True)
        return time.process_time() - begun

    small = min(seconds(150) for _ in range(3))
    assert min(seconds(1_200) for _ in range(2)) < 24 * small
