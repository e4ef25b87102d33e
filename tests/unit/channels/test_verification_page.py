"""The code that the page shows for verifying a webhook accepts what is sent, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from app.channels.webhook import write_body, write_headers
from tests.documentation.blocks import blocks_of
from tests.unit.channels.notices import NOW, notice

(CODE,) = (block.text for block in blocks_of("docs/how-to/alert-channels.md") if block.language == "python")
SIGNING_KEY = "a-signing-secret"
SENT = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"now": SENT + 299}, True),
        ({"now": SENT + 301}, False),
        ({"now": SENT - 301}, False),
        ({"secret": "another-secret!!"}, False),
        ({"body": b"{}"}, False),
        ({"timestamp": str(SENT + 1)}, False),
    ],
)
def test_the_page_verifies_what_is_sent(changes: dict[str, Any], *, accepted: bool) -> None:
    body = write_body(notice())
    headers = write_headers(SIGNING_KEY, notice(), body, NOW)
    if "timestamp" in changes:
        headers["X-LLM-Monitor-Timestamp"] = changes["timestamp"]
    names: dict[str, Any] = {}
    exec(CODE, names)  # noqa: S102 it is the code of our own page
    given = {"secret": SIGNING_KEY, "body": body, "now": SENT, **changes}
    assert names["verify"](given["secret"], headers, given["body"], given["now"]) is accepted
