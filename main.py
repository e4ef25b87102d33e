"""Start LLM Monitor on this machine: `python main.py [--api-only | --dashboard-only]`."""

from __future__ import annotations

import argparse
import sys

from app.local.stack import run


def main() -> int:
    """Parse the command line and run the chosen part of the stack."""
    parser = argparse.ArgumentParser(
        description="Run API, workers and dashboard. PostgreSQL and Redis are started too, unless DATABASE_URL and REDIS_URL are set."
    )
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--api-only",
        action="store_const",
        const="api",
        dest="part",
        help="the API with one worker",
    )
    part.add_argument(
        "--dashboard-only",
        action="store_const",
        const="dashboard",
        dest="part",
        help="the dashboard; uses the servers that run on the data folder, or starts them",
    )
    parser.set_defaults(part="all")
    return run(parser.parse_args().part)


if __name__ == "__main__":
    sys.exit(main())
