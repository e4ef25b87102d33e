"""Attacks on what is kept for an account.

These are settings, keys, sessions, ids, and rates that an attacker tries to avoid.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from functools import partial
from itertools import cycle

from tests.abuse.attacks.attack import Attack, Round, Strike, Target, side_by_side
from tests.abuse.attacks.bodies import NDJSON, lines_of
from tests.abuse.attacks.connection import Connection, request

__all__ = ["ATTACKS"]

_NAMES = 1_500_000
_POSTS = 20
_RATE = 2
_ESCAPES = "evil\n\x1b[31mRED\x1b]0;pwn\x07"


def large_settings(target: Target) -> Strike:
    """Case 18: settings of 30 MB, which every process reads again and again.

    The audit log then holds them too.
    """
    path, key = f"/projects/{target.project}/settings", target.admin_key
    block = ",".join(f'"name{number:07}":0.5' for number in range(_NAMES))
    large = request(
        path, f'{{"guard":{{"block":{{{block}}}}}}}'.encode(), "If-Match: *", key=key, method="PUT"
    )
    empty = request(path, b"{}", "If-Match: *", key=key, method="PUT")
    audit = request("/audit", key=key)

    def strike(round_: Round) -> None:
        with Connection(target.port, patience=15) as connection:
            round_.send(connection, large)
            round_.send(connection, audit)
            round_.pause(round_.seconds)
            round_.send(connection, empty)

    return strike


def many_keys(target: Target) -> Strike:
    """Case 18: more and more keys, whose names hold terminal escapes.

    The project is allowed to make keys.
    """
    asked = json.dumps({"name": _ESCAPES, "scopes": ["read"]}).encode()
    plain = json.dumps({"name": "another", "scopes": ["read"]}).encode()
    post = partial(request, f"/projects/{target.project}/keys", key=target.admin_key)
    requests = [post(asked), *[post(plain) for _ in range(9)]]

    def strike(round_: Round) -> None:
        side_by_side(*[partial(round_.repeat, target.port, cycle(requests), every=0.02) for _ in range(3)])

    return strike


def rate_bypass(target: Target) -> Strike:
    """Case 02: a key that may ask twice a minute signs in, and asks with the session."""
    record = b'{"prompt":"What is it?","response":"It is a river."}'
    begin = request("/sessions", json.dumps({"key": target.limited_key}).encode())

    def strike(round_: Round) -> None:
        with Connection(target.port) as connection:
            sessions = [round_.send(connection, begin) for _ in range(3)]
            tokens = [one.json()["session"] for one in sessions if one.status == "201"]
            bodies = [
                request("/monitor/inference", record, "Prefer: respond-async", key=one) for one in tokens
            ]
            answers = [round_.send(connection, body).status for body in bodies for _ in range(_POSTS)]
            if answers.count("202") > _RATE + 1:  # a token may have grown back meanwhile
                round_.wrong("sessions of a key may ask more often than the key")
            round_.pause(round_.seconds)

    return strike


def sessions(target: Target) -> Strike:
    """Case 10: more and more sessions of one key, while Redis has little room left."""
    begin = request("/sessions", json.dumps({"key": target.ingest_key}).encode())

    def strike(round_: Round) -> None:
        side_by_side(*[partial(round_.repeat, target.port, cycle([begin]), every=0.001) for _ in range(4)])

    return strike


def ids(target: Target) -> Strike:
    """Case 10: ids of records that are refused for their size, which must leave nothing behind.

    Nothing of them may stay in Redis.
    """

    def bodies() -> Iterator[bytes]:
        for count, text in cycle(((200_000, "a"), (5_000, "a" * 8_000), (1_000, "a" * 40_000))):
            run = secrets.token_hex(6)
            lines = lines_of([{"id": f"{run}-{i}", "prompt": text, "response": "b"} for i in range(count)])
            yield request(
                "/monitor/inferences", lines, key=target.ingest_key, content_type=NDJSON, compressed=True
            )

    prepared = [body for _, body in zip(range(6), bodies(), strict=False)]
    return lambda round_: round_.repeat(target.port, prepared, every=0.3)


ATTACKS = (
    Attack("rate_bypass", "02", rate_bypass, seconds=5),
    Attack("sessions", "10", sessions, headroom_mib=4),
    Attack("ids", "10", ids, seconds=8, headroom_mib=24),
    Attack("many_keys", "18", many_keys),
    Attack("large_settings", "18", large_settings, seconds=8),
)
