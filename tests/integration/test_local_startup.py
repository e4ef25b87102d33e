from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings, load_settings
from app.errors import StartupError
from app.local import stack
from app.local.stack import Part, check_ports


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "PORT_SECONDS", 0.0)


def _listen(host: str) -> Iterator[int]:
    with socket.create_server((host, 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def taken() -> Iterator[int]:
    yield from _listen("127.0.0.1")


@pytest.fixture
def taken_elsewhere() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as here:  # so that it is free here a moment later
        port: int = here.getsockname()[1]
        elsewhere = socket.create_server(("127.0.0.2", port))
    with elsewhere:
        yield port


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _settings(tmp_path: Path, api_port: int, dashboard_port: int) -> Settings:
    return Settings(data_dir=tmp_path, api_port=api_port, dashboard_port=dashboard_port)


@pytest.mark.parametrize("part", ["all", "api"])
def test_a_taken_api_port_names_the_setting(tmp_path: Path, taken: int, free: int, part: Part) -> None:
    with pytest.raises(StartupError, match=f"port {taken} is in use.*LLM_MONITOR_API_PORT"):
        check_ports(part, _settings(tmp_path, taken, free))


@pytest.mark.parametrize("part", ["all", "dashboard"])
def test_a_taken_dashboard_port_names_the_setting(tmp_path: Path, taken: int, free: int, part: Part) -> None:
    with pytest.raises(StartupError, match=f"port {taken} is in use.*LLM_MONITOR_DASHBOARD_PORT"):
        check_ports(part, _settings(tmp_path, free, taken))


def test_one_port_for_both_is_refused(tmp_path: Path, free: int) -> None:
    with pytest.raises(StartupError, match="cannot share port"):
        check_ports("all", _settings(tmp_path, free, free))


def test_a_port_that_the_part_does_not_use_may_be_taken(tmp_path: Path, taken: int, free: int) -> None:
    check_ports("api", _settings(tmp_path, free, taken))
    check_ports("dashboard", _settings(tmp_path, taken, free))


def test_a_port_taken_on_another_address_is_free(tmp_path: Path, taken_elsewhere: int, free: int) -> None:
    check_ports("all", _settings(tmp_path, taken_elsewhere, free))


def test_an_address_of_another_machine_names_host(tmp_path: Path, free: int) -> None:
    settings = Settings(data_dir=tmp_path, api_port=free, host="192.0.2.1", allow_anonymous=True)
    with pytest.raises(StartupError, match="LLM_MONITOR_HOST"):
        check_ports("api", settings)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"LLM_MONITOR_API_PORT": "eighty"}, "LLM_MONITOR_API_PORT='eighty'"),
        ({"LLM_MONITOR_API_PORT": "70000"}, "LLM_MONITOR_API_PORT='70000'"),
        ({"LLM_MONITOR_WORKERS": "0"}, "LLM_MONITOR_WORKERS='0'"),
        ({"LLM_MONITOR_HOST": "0.0.0.0"}, "LLM_MONITOR_ALLOW_ANONYMOUS=1"),  # noqa: S104 must be refused
        ({"LLM_MONITOR_HOST": "example.org"}, "LLM_MONITOR_ALLOW_ANONYMOUS=1"),
    ],
)
def test_wrong_settings_are_one_line_that_names_them(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], line: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartupError) as caught:
        load_settings()
    assert line in caught.value.detail
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize(
    "environment",
    [
        {"LLM_MONITOR_HOST": "127.0.0.1"},
        {"LLM_MONITOR_HOST": "::1"},
        {"LLM_MONITOR_HOST": "localhost"},
        {"LLM_MONITOR_HOST": "0.0.0.0", "LLM_MONITOR_ALLOW_ANONYMOUS": "1"},  # noqa: S104 allowed by name
        {"DATABASE_URL": "", "REDIS_URL": ""},
    ],
)
def test_right_settings_are_taken(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.database_url is None
    assert settings.redis_url is None
