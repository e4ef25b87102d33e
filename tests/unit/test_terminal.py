from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from app.access.administration import KeyRequest, Line, issue_key, make_project
from app.cli import audit as audit_command
from app.config import Settings
from app.errors import InvalidParameter
from app.local.stack import _warning  # what it prints is the question
from app.schemas.ids import mint
from app.schemas.keys import Act
from app.schemas.projects import ProjectSettings
from app.terminal import cell, plain

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Käse & 店 'x' [red]", "Käse & 店 'x' [red]"),
        ("", ""),
        ("evil\n\x1b[31mRED\x1b]0;pwn\x07", "evil\\u000a\\u001b[31mRED\\u001b]0;pwn\\u0007"),
        ("\x7f\x9b31m", "\\u007f\\u009b31m"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_drives_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert plain(shown) == shown


def test_json_stays_json() -> None:
    value = {"a": "\x9b31m\u202e\U000e0041\x7f", "b": [1, "ä"]}
    assert json.loads(plain(json.dumps(value, ensure_ascii=False))) == value


def test_brackets_in_a_table_are_no_markup() -> None:
    table = Table("name", box=None)
    for name in ("[link=https://evil.example]x[/link]", "[/nothing]", "\x1b[31m"):
        table.add_row(cell(name))
    written = StringIO()
    Console(file=written, force_terminal=True, width=80, color_system=None).print(table)
    assert "[link=https://evil.example]x[/link]" in written.getvalue()
    assert "[/nothing]" in written.getvalue()
    assert "\x1b[31m" not in written.getvalue()


def test_the_audit_log_drives_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    act = Act(
        project_id="shop",
        act_id=mint(int(NOW.timestamp() * 1000)),
        actor="key lm_1 (\x1b]0;pwn\x07)",
        act="key.created",
        subject="\x9b31m",
        detail={"name": "a\x9bb"},
    )
    monkeypatch.setattr(audit_command, "transact", lambda _: [act])
    audit_command.audit(project=None, limit=1)
    printed = capsys.readouterr().out
    assert printed.removesuffix("\n").replace("\t", "").isprintable()
    assert "key.created" in printed


@pytest.mark.parametrize("name", ["a\nb", "a\n", "\x1b[31m", "\x9b", "a\u202eb", "", "a" * 129])
async def test_commands_make_no_such_names(name: str) -> None:
    line = Line("shop", "test", NOW)
    with pytest.raises(InvalidParameter, match="A name has 1 to 128 characters"):
        await issue_key(None, line, KeyRequest(name=name, scopes=("read",)))
    with pytest.raises(InvalidParameter, match="A name has 1 to 128 characters"):
        await make_project(None, line, name, ProjectSettings())


EVERYWHERE = {"host": "0.0.0.0"}  # noqa: S104 compared, not bound


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ""),
        (EVERYWHERE | {"require_keys": "always"}, ""),
        (EVERYWHERE | {"allow_anonymous": True}, "until a first key is made, anyone who reaches 0.0.0.0"),
        (EVERYWHERE | {"allow_anonymous": True, "require_keys": "never"}, "WARNING: anyone who reaches"),
    ],
)
def test_a_start_warns_where_no_key_protects(settings: dict[str, Any], said: str) -> None:
    warning = _warning(Settings(**settings))
    assert said in warning
    assert bool(warning) == bool(said)
