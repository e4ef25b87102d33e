"""API and workers under the supervisor of a local stack, on servers that another process kills."""

from __future__ import annotations

import sys

from app.config import load_settings
from app.local.database import prepare_database
from app.local.servers import Addresses
from app.local.stack import child_specs
from app.local.supervisor import Signals, Supervisor


def main() -> None:
    settings = load_settings()
    prepare_database(settings.database_url or "")
    addresses = Addresses(settings.database_url, settings.redis_url)
    specs = [spec for spec in child_specs("all", settings, addresses) if spec.name != "dashboard"]
    with Signals().installed() as signals:
        Supervisor(specs, signals, report=lambda line: print(line, file=sys.stderr, flush=True)).run(
            lambda: print("ready", flush=True)
        )


if __name__ == "__main__":
    main()
