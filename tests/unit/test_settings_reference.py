from pathlib import Path

import pytest
from pydantic import SecretStr

from app.cli.settings import describe_settings, variable_name
from app.config import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "configuration.md"
ROWS = {line.split("|")[1].strip(" `"): line for line in describe_settings().splitlines() if "| `" in line}


def test_the_reference_page_says_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == describe_settings(), "run `make reference`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_row_with_a_description(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    assert field.description in ROWS[variable_name(name, field)]


@pytest.mark.parametrize(
    ("variable", "cells"),
    [
        ("DATABASE_URL", "| unset | text |"),
        ("LLM_MONITOR_API_PORT", "| `8000` | integer, ≥ 1, ≤ 65535 |"),
        ("LLM_MONITOR_ALLOW_ANONYMOUS", "| `0` | `0` or `1` |"),
        ("LLM_MONITOR_DATA_DIR", "| depends on the machine | path |"),
        ("LLM_MONITOR_REDIS_FSYNC", "| `always` | `always`, `everysec` |"),
        ("LLM_MONITOR_RESULT_WAIT_SECONDS", "| `5.0` | number, ≥ 0, ≤ 60 |"),
    ],
)
def test_a_row_tells_default_and_range(variable: str, cells: str) -> None:
    assert cells in ROWS[variable]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_named_variable_is_the_one_that_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    field = Settings.model_fields[name]
    value = {
        "data_dir": "/somewhere",
        "host": "127.0.0.2",
        "allow_anonymous": "1",
        "require_keys": "never",
        "cors_origins": "https://a.example",
        "trusted_proxies": "10.0.0.0/8",
        "alert_networks": "10.0.0.0/8",
        "dashboard_url": "https://monitor.example",
        "redis_fsync": "everysec",
        "log_level": "error",
        "rollup_retention_days": "1700",
        "privacy_key": "a secret of more than thirty-two characters",
    }.get(name, "2048" if "body" in name else "17" if field.annotation in {int, float} else "text")
    monkeypatch.setenv(variable_name(name, field), value)
    read = getattr(Settings(), name)
    assert str(read.get_secret_value() if isinstance(read, SecretStr) else read) in {
        value,
        f"{value}.0",
        "True",
    }
