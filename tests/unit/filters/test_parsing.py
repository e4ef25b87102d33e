"""The texts that a filter may have, beside texts that look like one and are refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from app.errors import InvalidParameter
from app.filters import Filter, parse_filter
from app.filters.parsing import MOST_COMPARISONS, MOST_DEPTH, MOST_VALUES
from app.filters.tokens import MOST_CHARACTERS
from tests.unit.filters.strategies import FILTERS


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (" \n", ""),
        ("model = gpt-4o", 'model = "gpt-4o"'),
        ("MODEL_NAME == 'gpt-4o'", 'model = "gpt-4o"'),
        ('model <> "x"', 'model != "x"'),
        ("not model = x", 'model != "x"'),
        ("not not model = x", 'model = "x"'),
        ("user = 123", 'user = "123"'),
        ("quality < .50", "quality < 0.5"),
        ("cost >= 1e-3 AND latency_ms<=2000", "cost >= 0.001 and latency <= 2000"),
        ("quality > -0", "quality > 0"),
        ("not (quality > 0.3)", "not (quality > 0.3)"),
        ("model in (a, 'b', a)", 'model in ("a", "b")'),
        ("model not in (a)", 'model != "a"'),
        ("not tag in (a, b)", 'tag not in ("a", "b")'),
        ("prompt contains 'A \"b\"'", 'prompt ~ "A \\"b\\""'),
        ("error not contains x", 'error !~ "x"'),
        ("error !~ x", 'error !~ "x"'),
        ("user is null or user is not null", "user is null or user is not null"),
        ("not user exists", "user is null"),
        ("is_safe", "is_safe = true"),
        ("not is_safe", "is_safe != true"),
        ("is_safe = False", "is_safe = false"),
        (
            "model = a and model = b or model = c",
            '(model = "a" and model = "b") or model = "c"',
        ),
        ("model = a and (model = b or model = c)", 'model = "a" and (model = "b" or model = "c")'),
        (
            "((model = a) and ((model = b) and model = c))",
            'model = "a" and model = "b" and model = "c"',
        ),
        ("metadata.team = search", 'metadata.team = "search"'),
        ("metadata.span.name = x", 'metadata.span.name = "x"'),
        ('metadata."odd key" = "x"', 'metadata."odd key" = "x"'),
        ("metadata.n in (1, 1.0, '1', true)", 'metadata.n in (1, "1", true)'),
        ("metadata.n ~ 5", 'metadata.n ~ "5"'),
        ("scores.toxicity >= 0.5", "score.toxicity >= 0.5"),
        ("label.language = de", 'label.language = "de"'),
        ("timestamp >= 2026-11-01", 'timestamp >= "2026-11-01T00:00:00+00:00"'),
        ("time < '2026-11-01T02:00:00+02:00'", 'timestamp < "2026-11-01T00:00:00+00:00"'),
        ("otel_trace_id = 00FF", 'otel_trace_id = "00ff"'),
        ("status = error", 'status = "error"'),
    ],
)
def test_a_text_has_a_canonical_form(text: str, canonical: str) -> None:
    assert parse_filter(text).to_text() == canonical
    assert parse_filter(canonical) == parse_filter(text)


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("modell = x", 1, "did you mean model"),
        ("quality < 0.5 and metdata.team = x", 19, "metadata"),
        ("zzz = x", 1, "GET /filters/fields"),
        ("model", 6, "after model one of `=`"),
        ("model = ", 9, "a value for model is expected here, not the end"),
        ("model gpt-4o", 7, "expected, not `gpt-4o`"),
        ("model > 3", 7, "model cannot be compared with `>`"),
        ("is_safe > 3", 9, "is_safe cannot be compared"),
        ("quality ~ 3", 9, "quality cannot be compared with `~`"),
        ("status ~ err", 8, "status cannot be compared"),
        ("model = null", 9, "write `is null`"),
        ("model = and", 9, "a text in quotes"),
        ("model is x", 7, "`is`"),
        ("quality < high", 11, "a number"),
        ("quality < '0.5'", 11, "a number without quotes"),
        ("latency > 3s", 11, "or unit"),
        ("cost > 1e99", 8, "a number"),
        ("cost > nan", 8, "a number"),
        ("cost > 0x10", 8, "a number"),
        ("is_safe = maybe", 11, "true or false"),
        ("timestamp > yesterday", 13, "a moment such as"),
        ("trace_id = 12", 12, "an id of a trace"),
        ("otel_trace_id = 123", 17, "hexadecimal"),
        ("source = liv", 10, "did you mean live?"),
        ("metadata.a > x", 14, "a number"),
        ("metadata. = x", 10, "is expected after `metadata.`"),
        ("metadata. 'x' = x", 10, "is expected after `metadata.`"),
        ("score = 1", 1, "did you mean"),
        ("model = 'x", 9, "no closing quote"),
        ("model = x !", 11, "`!` means nothing here"),
        ("(model = x", 11, "`)` is expected for the `(` at character 1"),
        ("model = x)", 10, "`and`, `or` or the end"),
        ("model = x, model = y", 10, "`and`, `or` or the end"),
        ("model = x model = y", 11, "`and`, `or` or the end"),
        ("model = x && model = y", 11, "`and`, `or` or the end"),
        ("model = x and", 14, "the name of a field"),
        ("and model = x", 1, "the name of a field"),
        ("'model' = x", 1, "the name of a field"),
        ("()", 2, "the name of a field"),
        ("tag in x", 8, "`(` is expected after `in`"),
        ("tag in ()", 9, "a value for tag"),
        ("tag in (a b)", 11, "`,` or `)`"),
        ("tag in (a,)", 11, "a value for tag"),
        ("model = 'a\0'", 11, "NUL"),
        ("model = '\ud800'", 10, "half of a character"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, position: int, said: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parse_filter(text)
    (error,) = refused.value.errors
    assert error["field"] == "filter"
    assert error["position"] == position
    assert said in str(error["message"])
    assert f"at character {position}" in refused.value.detail


_ONE = "tag = a"


@pytest.mark.parametrize(
    ("fits", "exceeds"),
    [
        (_ONE.ljust(MOST_CHARACTERS), _ONE.ljust(MOST_CHARACTERS + 1)),
        ("(" * MOST_DEPTH + _ONE + ")" * MOST_DEPTH, "(" * (MOST_DEPTH + 1) + _ONE + ")" * (MOST_DEPTH + 1)),
        ("not " * MOST_DEPTH + _ONE, "not " * (MOST_DEPTH + 1) + _ONE),
        (" and ".join([_ONE] * MOST_COMPARISONS), " or ".join([_ONE] * (MOST_COMPARISONS + 1))),
        (
            f"tag in ({','.join(map(str, range(MOST_VALUES)))})",
            f"tag in ({','.join(map(str, range(MOST_VALUES + 1)))})",
        ),
        (f"tag = {'a' * 1000}", f"tag = {'a' * 1001}"),
        (f"metadata.{'a' * 256} = x", f"metadata.{'a' * 257} = x"),
    ],
)
def test_a_filter_has_bounds(fits: str, exceeds: str) -> None:
    assert parse_filter(fits) != Filter()
    with pytest.raises(InvalidParameter):
        parse_filter(exceeds)


@pytest.mark.parametrize(
    "part",
    ["(", "not ", "a", "'", "\\", '"\\', "!", "<=", "tag = a or ", "tag in (", "1e", " ", "🙂", "metadata."],
)
def test_a_hostile_text_is_read_at_once(part: str) -> None:
    text = (part * MOST_CHARACTERS)[:MOST_CHARACTERS]
    begun = time.process_time()
    with pytest.raises(InvalidParameter) as refused:
        parse_filter(f"{text[:-1]})")
    assert time.process_time() - begun < 0.5
    assert len(refused.value.detail) < 300


@given(FILTERS)
def test_the_canonical_text_says_the_same(of: Filter) -> None:
    assert parse_filter(of.to_text()) == of
    assert parse_filter(of.to_text()).to_text() == of.to_text()
