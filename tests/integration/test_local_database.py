from __future__ import annotations

import socket
import subprocess

import pytest

from app.errors import StartupError
from app.local.database import prepare_database
from app.local.programs import POSTGRES, find_program


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize("url", ["", "mysql://root@localhost/x", "localhost:5432", "redis://localhost"])
def test_an_address_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(StartupError, match="not a PostgreSQL address"):
        prepare_database(url)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("/llm_monitor?", "/nowhere?", 'database "nowhere" does not exist'),
        ("//llm_monitor@", "//stranger@", 'role "stranger" does not exist'),
        ("/run&", "/away&", "No such file or directory"),
    ],
)
def test_a_server_that_refuses_us_is_one_line(postgres_url: str, old: str, new: str, reason: str) -> None:
    with pytest.raises(StartupError, match=reason) as caught:
        prepare_database(postgres_url.replace(old, new))
    assert "\n" not in caught.value.detail


def test_a_server_that_is_not_there_is_one_line() -> None:
    with pytest.raises(StartupError, match="DATABASE_URL cannot be used") as caught:
        prepare_database(f"postgresql://user:secret@127.0.0.1:{_closed_port()}/x")
    assert "secret" not in caught.value.detail


def test_an_empty_database_gets_its_schema_and_a_current_one_keeps_it(empty_database_url: str) -> None:
    for _ in range(2):
        prepare_database(empty_database_url)
    psql = find_program(POSTGRES).with_name("psql")
    count = "SELECT count(*) FROM pg_tables WHERE tablename = 'traces'"
    found = subprocess.run(
        [psql, empty_database_url, "-Atc", count], capture_output=True, text=True, check=True
    )
    assert found.stdout == "1\n"
