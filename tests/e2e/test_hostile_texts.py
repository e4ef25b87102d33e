"""Every page of the dashboard, with texts that try to do harm in all that is named or written."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest

from dashboard.page import find_pages
from dashboard.settings.sections import SECTIONS
from tests.e2e.browser import Tab, open_tab
from tests.e2e.hostile import HARMFUL, TURNED_WORDS, hostile_calls, name_everything
from tests.e2e.stack import Stack, running_stack

pytestmark = pytest.mark.long

PATIENCE = 60.0
SETTLED = """!document.querySelector('[data-dash-is-loading=true]')
  && document.querySelector('#content')?.children.length > 0 && !!document.querySelector('#health')?.innerText"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    settings = {"LLM_MONITOR_PRIVACY_KEY": "0123456789abcdef" * 2}
    with running_stack(workers=1, settings=settings) as stack:
        stack.post_many([*hostile_calls()])
        stack.wait_until_settled(PATIENCE)
        name_everything(stack, listed(stack)[0])
        yield stack


def listed(stack: Stack, **fields: str) -> list[str]:
    """Return ids of traces that have one of the harmful texts in every place."""
    asked = {"filter": "prompt ~ turned", **fields}
    answer = httpx.get(f"{stack.api}/traces", params=asked, timeout=30).raise_for_status()
    return [trace["trace_id"] for trace in answer.json()["traces"]]


def addresses(stack: Stack) -> list[str]:
    """Return every page, as it opens and as its links open it with harmful texts in its address."""
    turned = HARMFUL["turned"]
    found = [page.path for page in find_pages()]
    found += [f"/settings?{urlencode({'section': section.name})}" for section in SECTIONS]
    found += [f"/quality?{urlencode({'by': by})}" for by in ("template,model", "tag", "user")]
    found += [f"/cost?{urlencode({'by': by})}" for by in ("metadata.team", "session", "tag")]
    found += [f"/models?{urlencode({'by': 'template'})}"]
    found += [f"/sessions?{urlencode({'session': turned})}", f"/users?{urlencode({'user': turned})}"]
    quoted = '"' + HARMFUL["script"].replace('"', '\\"') + '"'
    found += [f"/traces?{urlencode({'filter': f'model = {quoted}'})}"]
    datasets = httpx.get(f"{stack.api}/datasets", timeout=30).raise_for_status().json()["datasets"]
    assert len(datasets) > len(HARMFUL) // 2
    found += [f"/datasets?{urlencode({'dataset': one['dataset_id']})}" for one in datasets]
    line = listed(stack, filter="model = one-line")
    return found + [f"/?{urlencode({'trace': one})}" for one in [*listed(stack)[:1], *line]]


@pytest.mark.parametrize("width", [1280, 390])
def test_no_text_runs_breaks_or_turns_a_page(stack: Stack, width: int) -> None:
    faults: dict[str, list[str]] = {}
    with open_tab() as tab:
        tab.show(width=width, height=1000, scheme="light")
        for address in addresses(stack):
            tab.complaints.clear()
            tab.go(f"{stack.dashboard}{address}")
            settle(tab)
            if found := [*told(tab, width), *tab.complaints]:
                faults[address[:80]] = found
    assert faults == {}


def settle(tab: Tab) -> None:
    """Wait until the page is drawn, and move the mouse over what could react to it."""
    tab.expect(SETTLED)
    if "trace=" in tab.ask("location.search"):
        tab.see(".mantine-Drawer-body", "Scores")
    tab.ask(
        "document.querySelectorAll('main [title]').forEach(one => one.dispatchEvent(new Event('mouseover')))"
    )


def told(tab: Tab, width: int) -> list[str]:
    """Return what is wrong with the open page."""
    found = [f"turned: {word}" for word in tab.ask(TURNED_WORDS)]
    if tab.ask("window.pwned") is not None:
        found.append(f"text {tab.ask('window.pwned')} ran")
    if (wide := tab.ask("document.documentElement.scrollWidth")) > width:
        found.append(f"the page is {wide} pixels wide")
    return found
