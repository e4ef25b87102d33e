"""The services of docker-compose.yml on servers and ports of their own."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

import asyncpg

from app.local.postgres import run_postgres
from app.local.redis_server import run_redis
from tests.deployment.services import Service, read_services
from tests.e2e.stack import free_ports

__all__ = ["Composed"]


class Composed:
    """The services on servers of their own. Each worker replica uses a database role of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir()
        self.database_url = stack.enter_context(run_postgres(folder / "postgres"))
        redis_url = stack.enter_context(run_redis(folder / "redis", fsync="always", maxmemory_mb=256))
        api, dashboard = free_ports()
        self.api, self.dashboard = f"http://127.0.0.1:{api}", f"http://127.0.0.1:{dashboard}"
        given = dict.fromkeys(("POSTGRES_PASSWORD", "REDIS_PASSWORD"), "secret")
        given |= {"DATABASE_URL": self.database_url, "REDIS_URL": redis_url, "API_BASE_URL": self.api}
        self._services = read_services(given)
        self._ports = {"8000": str(api), "8080": str(dashboard), "0.0.0.0": "127.0.0.1"}  # noqa: S104 it is replaced by loopback
        self._folder, self._stack = folder, stack

    def start(self, name: str, number: int = 1, **settings: str) -> Service:
        service = self._services[f"llm-monitor-{name}"]
        moved = [self._ports.get(word, word) for word in service["command"]]
        if health := service.get("healthcheck", {}).get("test"):
            health = [self._here(word) for word in health]
        service = {**service, "command": moved, "healthcheck": {"test": health or []}}
        port = {"LLM_MONITOR_DASHBOARD_PORT": self._ports["8080"]}
        started = Service(name, service, self.folder(name, number), {**port, **settings})
        self._stack.callback(started.close)
        return started

    def folder(self, name: str, number: int = 1) -> Path:
        """Return the volume of a container."""
        return self._folder / f"{name}-{number}"

    def _here(self, word: str) -> str:
        word = sys.executable if word == "python" else word
        return word.replace(":8080/", f":{self._ports['8080']}/")

    def sql(self, statement: str) -> list[asyncpg.Record]:
        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.database_url)
            try:
                return list(await connection.fetch(statement))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def url_of(self, role: str) -> str:
        return self.database_url.replace("llm_monitor@", f"{role}@")

    def jobs_of(self) -> dict[str, int]:
        """Return how many jobs each worker replica has settled, by its role."""
        rows = self.sql("SELECT settled_by, count(*) FROM settlements GROUP BY 1")
        return {str(row[0]): int(row[1]) for row in rows}

    def migrate(self) -> str:
        """Run the service that migrates; returns the admin key that it makes and prints."""
        service = self.start("migrate")
        assert service.process.wait(60) == 0, service.log.read_text()
        key = self.key_file.read_text().strip()
        assert key in service.log.read_text()
        return key

    @property
    def key_file(self) -> Path:
        """The file in which the first key is kept."""
        return self.folder("migrate") / "admin-key"
