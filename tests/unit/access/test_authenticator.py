"""Who comes in, by setting, address, and what is known of the keys."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from app.access.authenticator import Authenticator
from app.access.identity import Identity, anonymous, reach
from app.access.tokens import Token
from app.config import Settings
from app.errors import Forbidden, MonitorError, NotFound, Unauthorized, Unavailable
from app.schemas.keys import Key

_TEXT = f"lm_0123456789ab_{'A' * 43}"  # one and the same in every process that collects these tests
OURS = Token(_TEXT, _TEXT[:15], hashlib.sha256(_TEXT.encode()).digest())
FOREIGN = "pk-lf-1234"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def make_key(**changes: Any) -> Key:
    fields: dict[str, Any] = {
        "project_id": "shop",
        "prefix": OURS.prefix,
        "name": "till",
        "digest": OURS.digest,
        "scopes": ("ingest",),
        "requests_per_minute": None,
        "created_at": NOW,
        "created_by": "test",
        "expires_at": None,
        "revoked_at": None,
    }
    return Key(**(fields | changes))


class FakeKeyring:
    """Knows one key, or that there is none, or nothing."""

    def __init__(self, *, made: bool | None) -> None:
        self.made = made

    async def any_made(self) -> bool | None:
        return self.made

    async def find(self, text: str) -> Key:
        if text != OURS.text:
            raise Unauthorized("no")
        return make_key()


def authenticator(made: Any, host: str = "127.0.0.1", **settings: Any) -> Authenticator:
    return Authenticator(Settings(host=host, **settings), FakeKeyring(made=made), None)  # type: ignore[arg-type]  # a stand-in for the keyring


ALL = frozenset({"feedback", "ingest", "read", "admin"})
OPEN = {"host": "192.0.2.1", "allow_anonymous": True}
CLOSED = {"host": "192.0.2.1", "require_keys": "always"}


@pytest.mark.parametrize(
    ("made", "settings", "credential", "admitted"),
    [
        # No key was ever made: this machine needs none, and whatever clients send is ignored.
        (False, {}, None, ALL),
        (False, {}, FOREIGN, ALL),
        (False, {}, OURS.text, {"ingest"}),  # made a moment ago
        (False, OPEN, None, {"ingest", "read"}),
        (False, {"require_keys": "always"}, None, Unauthorized),
        (False, {"require_keys": "always"}, FOREIGN, Unauthorized),
        (False, CLOSED, None, Unauthorized),
        (False, {"require_keys": "never"}, None, ALL),
        # From the first key on.
        (True, {}, None, Unauthorized),
        (True, {}, FOREIGN, Unauthorized),
        (True, {}, OURS.text, {"ingest"}),
        (True, OPEN, None, Unauthorized),
        (True, CLOSED, OURS.text, {"ingest"}),
        (True, {"require_keys": "never"}, None, ALL),
        (True, {"require_keys": "never"}, OURS.text, {"ingest"}),
        (True, {"require_keys": "never"}, FOREIGN, Unauthorized),
        (True, {"require_keys": "never"} | OPEN, None, {"ingest", "read"}),
        # Postgres was never reached.
        (None, {}, None, {"ingest"}),
        (None, {}, FOREIGN, {"ingest"}),
        (None, {}, OURS.text, Unavailable),
        (None, OPEN, None, Unavailable),
        (None, {"require_keys": "always"}, None, Unavailable),
    ],
)
async def test_who_comes_in(
    made: Any, settings: dict[str, Any], credential: str | None, admitted: Any
) -> None:
    asked = authenticator(made, **settings)
    if isinstance(admitted, type):
        with pytest.raises(MonitorError) as caught:
            await asked.admit(credential)
        assert type(caught.value) is admitted
    else:
        identity = await asked.admit(credential)
        assert identity.scopes == admitted
        assert identity.project_id == ("shop" if identity.key else "default")


@pytest.mark.parametrize(
    ("scopes", "needed", "passes"),
    [
        ({"ingest"}, "ingest", True),
        ({"ingest"}, "read", False),
        ({"read"}, "ingest", False),
        ({"ingest", "read"}, "admin", False),
        ({"ingest"}, "feedback", True),
        ({"feedback"}, "feedback", True),
        ({"feedback"}, "ingest", False),
        ({"feedback"}, "read", False),
        ({"read"}, "feedback", False),
        ({"admin"}, "ingest", True),
        ({"admin"}, "read", True),
    ],
)
def test_admin_includes_the_other_scopes_and_nothing_else_does(scopes: Any, needed: Any, passes: Any) -> None:
    identity = Identity("shop", frozenset(scopes), "key lm_1 (till)")
    if passes:
        identity.require(needed)
    else:
        with pytest.raises(Forbidden, match=f"the scope {needed}"):
            identity.require(needed)


def test_what_is_not_known_yet_is_said_instead_of_forbidden() -> None:
    with pytest.raises(Unavailable):
        anonymous({"ingest"}, provisional=True).require("read")


@pytest.mark.parametrize(
    ("project_id", "scopes", "asked", "reached"),
    [
        ("shop", {"admin"}, "shop", True),
        ("shop", {"admin"}, "bank", False),
        ("default", {"admin"}, "bank", True),
        ("default", {"ingest", "read"}, "bank", False),
    ],
)
def test_only_an_admin_of_the_default_project_reaches_others(
    project_id: str, scopes: Any, asked: str, reached: Any
) -> None:
    identity = Identity(project_id, frozenset(scopes), "someone")
    if reached:
        reach(identity, asked)
    else:
        with pytest.raises(NotFound, match="There is no project bank"):
            reach(identity, asked)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "active"),
        ({"expires_at": datetime(2026, 11, 27, tzinfo=UTC)}, "active"),
        ({"expires_at": NOW}, "expired"),
        ({"revoked_at": NOW}, "revoked"),
        ({"revoked_at": NOW, "expires_at": NOW}, "revoked"),
    ],
)
def test_a_key_counts_until_its_end(changes: dict[str, Any], state: str) -> None:
    assert make_key(**changes).state(NOW) == state
