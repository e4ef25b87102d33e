"""Boards in a real browser: a chart of Quality is put on one, exported, and imported elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.browser import Tab, open_tab
from tests.e2e.contrast import FAINT_TEXTS
from tests.e2e.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.long

EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\u202e"
PROJECTS = ("first", "second")


def call(number: int) -> dict[str, Any]:
    return {
        "prompt": "How do I return a shelf?",
        "response": f"You can return it within thirty days. It is order {number}.",
        "model_name": EVIL if number % 3 == 0 else "gpt-4o",
        "timestamp": (datetime.now(UTC) - timedelta(minutes=7 * number + 3)).isoformat(),
        "response_time_ms": 500 + number,
    }


@pytest.fixture(scope="module")
def keys() -> Iterator[tuple[Stack, dict[str, str]]]:
    """A stack that asks for keys, with two projects that hold calls, and an admin key of each."""
    with running_stack(workers=1, settings={"LLM_MONITOR_REQUIRE_KEYS": "always"}) as stack:
        operator = stack.command("keys", "create", "me", "--scope", "admin").stdout.strip()
        made = {}
        with httpx.Client(base_url=stack.api, headers={"X-API-Key": operator}, timeout=30) as admin:
            for project in PROJECTS:
                admin.post("/projects", json={"project_id": project, "name": project}).raise_for_status()
                asked = {"name": "a key", "scopes": ["ingest", "read", "admin"]}
                key = admin.post(f"/projects/{project}/keys", json=asked).raise_for_status().json()["key"]
                made[project] = key
                headers = {"X-API-Key": key, "Prefer": "respond-async"}
                admin.post(
                    "/monitor/inferences", json=[*map(call, range(60))], headers=headers
                ).raise_for_status()
        yield stack, made


@pytest.fixture
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab
        assert tab.complaints == []
        assert tab.ask("window.pwned") is None


def sign_in(tab: Tab, stack: Stack, key: str, project: str, path: str) -> None:
    tab.go(f"{stack.dashboard}{path}")
    tab.fill("#key", key)
    tab.see("#project", project)


def choose_file(tab: Tab, path: Path) -> None:
    tab.expect("!!document.querySelector('#board-import input')")
    root = tab.call("DOM.getDocument")["root"]["nodeId"]
    node = tab.call("DOM.querySelector", nodeId=root, selector="#board-import input")["nodeId"]
    tab.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)


def check_narrow(tab: Tab) -> None:
    """Whether the page can be read on a phone in the dark."""
    tab.show(width=390, height=900, scheme="dark")
    time.sleep(0.5)  # a colour scheme fades in
    assert tab.ask(FAINT_TEXTS) == []
    assert tab.ask("document.documentElement.scrollWidth") <= 390


def test_a_chart_is_put_on_a_board_exported_and_imported_in_another_project(
    keys: tuple[Stack, dict[str, str]], tab: Tab, tmp_path: Path
) -> None:
    stack, made = keys
    tab.show(width=1280, height=900, scheme="light")
    sign_in(tab, stack, made["first"], "first", "/")
    tab.go(f"{stack.dashboard}/quality?filter=model+%3D+gpt-4o")
    tab.see("#quality-tiles", "0.")
    link = "document.querySelector('a[data-leads=\"/boards\"][data-split=by]')"
    tab.expect(f"({link}.focus(), document.activeElement === {link})")
    tab.press("Enter")  # by keyboard
    tab.see("#chart-about", "choose a board")
    tab.expect("document.querySelector('#chart-filter').value", becomes="model = gpt-4o")
    tab.expect("document.querySelector('#chart-split').value", becomes="model")
    tab.fill("#chart-new", EVIL[:60])
    tab.click("#chart-save")
    tab.see("#board-charts", "Quality by model")
    tab.expect("document.querySelectorAll('#board-charts .js-plotly-plot .lines').length > 0")
    tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    tab.click("#board-export")
    file = wait_for(lambda: next(tmp_path.glob("*.json"), None), 20, "the exported file")
    wait_for(lambda: file.stat().st_size, 10, "its content")
    told = json.loads(file.read_text())
    assert (told["schema"], told["charts"][0]["filter"]) == ("llm-monitor/board/1", "model = gpt-4o")
    tab.call("Network.clearBrowserCookies")
    told["charts"].append({"title": EVIL[:70], "measure": "latency_p95", "split": "model"})
    file.write_text(json.dumps(told))
    sign_in(tab, stack, made["second"], "second", "/boards")
    tab.see("#board-head", "There is no board yet")
    choose_file(tab, file)
    shown = tab.see("#board-charts", EVIL[:40])
    assert "Quality by model" in shown
    assert EVIL[:40] in tab.text("#board-card-1 .keys")
    tab.expect("document.querySelectorAll('#board-charts .js-plotly-plot .lines').length > 1")
    tab.ask("document.querySelectorAll('#board-charts details').forEach(one => { one.open = true })")
    tab.click("button[data-act=up][data-place='1']")
    tab.see("#boards-said", "moved")
    tab.expect(f"document.querySelector('#board-card-0 h2').innerText.startsWith({json.dumps(EVIL[:20])})")
    check_narrow(tab)
