"""Secrets from files, beside the environment, and what is said of files that hold none."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import load_settings
from app.errors import StartupError
from app.secret_files import SECRETS

URL = "postgresql://me:secret@db.example/monitor"


@pytest.fixture(autouse=True)
def _without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in SECRETS.values():
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(f"{variable}_FILE", raising=False)


@pytest.mark.parametrize("field", SECRETS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_may_lie_in_a_file(
    field: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "s" * 40
    (tmp_path / "secret").write_bytes(f"{secret}{end}".encode())
    monkeypatch.setenv(f"{SECRETS[field]}_FILE", str(tmp_path / "secret"))
    found = getattr(load_settings(), field)
    assert (found.get_secret_value() if field == "privacy_key" else found) == secret


@pytest.mark.parametrize(("given", "counts"), [("", URL), ("postgresql:///other", "postgresql:///other")])
def test_the_variable_itself_counts_more_and_an_empty_one_is_unset(
    given: str, counts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text(URL)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("DATABASE_URL", given)
    assert load_settings().database_url == counts


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is no text"),
        (b"x" * 65_537, "more than 64 KiB"),
    ],
)
def test_a_file_without_a_secret_is_named_with_its_variable(
    content: bytes | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("LLM_MONITOR_PRIVACY_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(StartupError, match=f"^LLM_MONITOR_PRIVACY_KEY_FILE=.*{said}"):
        load_settings()


def test_a_secret_from_a_file_is_checked_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("short-secret")
    monkeypatch.setenv("LLM_MONITOR_PRIVACY_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(StartupError) as refused:
        load_settings()
    assert "LLM_MONITOR_PRIVACY_KEY" in str(refused.value)
    assert "short-secret" not in str(refused.value)
