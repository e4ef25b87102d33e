"""A newcomer reads every page from top to bottom.

The test does what the page says, and finds what the page shows.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import pytest

from app.schemas.queued import encode
from app.storage.engine import create_engine, writing
from app.storage.ledger.dead_letters import DeadLetter, bury
from monitoring.samples import SAMPLES
from tests.documentation.blocks import PAGES, Block, blocks_of
from tests.documentation.newcomer import Newcomer, clone
from tests.documentation.tables import CHANGING, SAYS, reason_of
from tests.e2e.stack import Stack, data_folder, free_ports, running_stack, wait_for
from workers.evaluation.warming import envelope_of

pytestmark = pytest.mark.long

READ = [page for page in PAGES if blocks_of(page)]
# These pages say themselves how the environment is activated.
FIRST = {"README.md", "docs/tutorial/first-calls.md"}
STOPPED = "With the stack stopped,"
START = Block("", 0, "bash", "python main.py --api-only\n")


class Place(NamedTuple):
    """Where the stack of a page runs: its API, and the settings by which commands find it."""

    api: str
    settings: Mapping[str, str]


@pytest.fixture(scope="module")
def shared() -> Iterator[Stack]:
    """A stack for pages that leave it as it was before."""
    usual = {"LLM_MONITOR_REDIS_MAXMEMORY_MB": "1024"}  # which the doctor finds good
    with running_stack("--api-only", workers=1, settings=usual) as stack:
        yield stack


@contextmanager
def own_place() -> Iterator[Place]:
    """A data folder and ports for a page that starts a stack itself.

    Nothing runs there when the page ends.
    """
    with data_folder() as data_dir:
        ports = free_ports()
        settings = {
            "LLM_MONITOR_DATA_DIR": str(data_dir),
            "LLM_MONITOR_API_PORT": str(ports[0]),
            "LLM_MONITOR_DASHBOARD_PORT": str(ports[1]),
            "LLM_MONITOR_WORKERS": "1",
        }
        yield Place(f"http://127.0.0.1:{ports[0]}", settings)
        wait_for(lambda: not processes_in(data_dir), 10, "everything to stop")


def processes_in(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
    ]


@contextmanager
def place_of(page: str, request: pytest.FixtureRequest) -> Iterator[Place]:
    if page in CHANGING or any(block.runs_on for block in blocks_of(page)):
        with own_place() as place:
            yield place
    else:
        stack: Stack = request.getfixturevalue("shared")
        names = (name for name in stack.environment if name.startswith("LLM_MONITOR_"))
        yield Place(stack.api, {name: stack.environment[name] for name in names})


def addresses(stack: Stack) -> dict[str, str]:
    printed = stack.command("urls").stdout.splitlines()
    return dict(line.split("=", 1) for line in printed)


def replace_addresses(place: Place) -> dict[str, str]:
    api = place.api.removeprefix("http://")
    dashboard = f"127.0.0.1:{place.settings['LLM_MONITOR_DASHBOARD_PORT']}"
    return {"localhost:8000": api, "127.0.0.1:8000": api, "127.0.0.1:8080": dashboard}


def replace_servers(stack: Stack) -> dict[str, str]:
    """Use other servers for the ones that the page has invented."""
    urls = {name: shlex.quote(url) for name, url in addresses(stack).items()}
    return {
        "postgresql://user:password@db.example/llm_monitor": urls["DATABASE_URL"],
        "postgresql://reader@replica.example/llm_monitor": urls["DATABASE_URL"],
        "redis://cache.example:6379/0": urls["REDIS_URL"],
        "http://api.example:8000": stack.api,
    }


def bury_one(stack: Stack) -> dict[str, str]:
    """Leave a record that was given up, as a worker does."""
    envelope = envelope_of(SAMPLES[0], time.time_ns() // 1_000_000)
    letter = DeadLetter(
        project_id="default",
        trace_id=envelope.trace_id,
        job_id="job",
        reason="deadline",
        detail="took too long",
        attempts=2,
        payload=encode(envelope),
    )

    async def store() -> None:
        engine = create_engine(addresses(stack)["DATABASE_URL"], application="llm-monitor-test")
        async with writing(engine) as connection:
            assert await bury(connection, "default", [letter]) == 1
        await engine.dispose()

    asyncio.run(store())
    return {"TRACE_ID": str(envelope.trace_id)}


def send_one(stack: Stack) -> dict[str, str]:
    """Send a call of a user."""
    call = {"prompt": "Is it raining?", "response": "It is dry.", "model_name": "gpt-4", "user_id": "c-17"}
    httpx.post(f"{stack.api}/monitor/inference", json=call, timeout=30).raise_for_status()
    return {"USER_ID": "c-17"}


PREPARED: Mapping[str, Callable[[Stack], dict[str, str]]] = {
    "docs/how-to/dead-letters.md": bury_one,
    "docs/how-to/keep-and-forget.md": send_one,
    "docs/how-to/scale.md": replace_servers,
}
"""What is there before a page is read, and what replaces its placeholders."""


@pytest.mark.parametrize("page", READ)
def test_a_page_does_what_it_says(page: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with place_of(page, request) as place:
        replaced = replace_addresses(place)
        if page in PREPARED:
            replaced |= PREPARED[page](request.getfixturevalue("shared"))
        newcomer = Newcomer(clone(tmp_path), place.settings, replaced, activated=page not in FIRST)
        with newcomer.reading():
            if page in CHANGING:
                newcomer.start(START)
            said = {key[1]: iter(texts) for key, texts in SAYS.items() if key[0] == page}
            for block in blocks_of(page):
                follow(newcomer, block, place)
                for text in next(said[block.first_line]) if block.first_line in said else ():
                    assert text in newcomer.printed, f"{page}:{block.line} printed {newcomer.printed}"


def follow(newcomer: Newcomer, block: Block, place: Place) -> None:
    """Do with a block what somebody does who reads the page."""
    reason = reason_of(block)
    if reason and (reason.program is None or shutil.which(reason.program) is None):
        return
    if STOPPED in block.before:
        newcomer.stop()
    if block.file_name:
        newcomer.save(block)
    elif block.runs_on:
        newcomer.start(block)
    elif block.language in {"bash", "python"}:
        newcomer.run(block)
    elif block.language == "text":
        printed = newcomer.printed.splitlines()
        for line in newcomer.text_of(block).splitlines():
            assert line in printed, f"{block.page}:{block.line} shows {line!r}, but it printed {printed}"
    elif block.language == "promql":
        known = httpx.get(f"{place.api}/metrics", timeout=10).raise_for_status().text
        for name in re.findall(r"llm_monitor_\w+", block.text):
            assert re.search(rf"^(?:# TYPE )?{name}[ {{]", known, re.MULTILINE), name
