from __future__ import annotations

import hashlib

import pytest

from app.access.tokens import mint_token, prefix_of, same_token

TOKEN = "lm_0123456789ab_" + "A" * 42 + "-"


def test_a_token_is_random_and_its_digest_is_that_of_the_whole_text() -> None:
    tokens = [mint_token() for _ in range(100)]
    assert len({token.text for token in tokens}) == len({token.prefix for token in tokens}) == 100
    for token in tokens:
        assert (prefix_of(token.text), len(token.text)) == (token.prefix, 59)
        assert token.digest == hashlib.sha256(token.text.encode()).digest()
        assert token.text.removeprefix(token.prefix) not in repr(token.digest)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        (TOKEN, "lm_0123456789ab"),
        (TOKEN[:-1], None),
        (TOKEN + "A", None),
        (TOKEN + "\n", None),
        ("sk" + TOKEN[2:], None),
        (TOKEN.upper(), None),
        (f" {TOKEN}", None),
        ("", None),
        (TOKEN.replace("A", "é"), None),
    ],
)
def test_only_a_text_of_the_right_shape_has_a_prefix(text: str, prefix: str | None) -> None:
    assert prefix_of(text) == prefix


def test_a_token_is_told_from_one_that_differs_in_a_letter() -> None:
    token = mint_token()
    assert same_token(token.text, token.digest)
    swapped = token.text[:-1] + ("A" if token.text[-1] != "A" else "B")
    assert not same_token(swapped, token.digest)
