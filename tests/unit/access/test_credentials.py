from __future__ import annotations

import base64

import pytest

from app.access.credentials import read_credential
from app.errors import Unauthorized


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        ({}, None),
        ({"x-api-key": ""}, None),
        ({"authorization": ""}, None),
        ({"x-api-key": " k "}, "k"),
        ({"authorization": "Bearer k"}, "k"),
        ({"authorization": "bearer  k"}, "k"),
        ({"authorization": "Bearer"}, ""),
        ({"authorization": basic("pk-lf-1:k")}, "k"),
        ({"authorization": basic(":k")}, "k"),
        ({"authorization": basic("k:")}, "k"),
        ({"authorization": basic("user:k:with:colons")}, "k:with:colons"),
        ({"authorization": "Bearer k", "x-api-key": "other"}, "k"),
    ],
)
def test_a_key_is_found_where_clients_put_it(headers: dict[str, str], credential: str | None) -> None:
    assert read_credential(headers) == credential


@pytest.mark.parametrize(
    "authorization",
    ["Digest k", "k", "Basic !", "Basic /w==", "Basic a2V5OmsK\N{LATIN SMALL LETTER E WITH ACUTE}"],
)
def test_an_authorization_that_cannot_be_read_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthorized):
        read_credential({"authorization": authorization})


def test_an_authorization_without_a_credential_is_an_empty_one() -> None:
    assert read_credential({"authorization": "Basic"}) == ""
