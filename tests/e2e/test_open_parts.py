"""What opens on a page in a real browser: a rich trace, menus, and what a chart says of a point."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.e2e.axe import find_faults
from tests.e2e.browser import Tab, open_tab
from tests.e2e.sample import sample_calls
from tests.e2e.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.long

PATIENCE = 60.0
BODY = ".mantine-Drawer-body"
CHART = "#volume"
TOKYO = ZoneInfo("Asia/Tokyo")
MENUS = ("time", "health", "views")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        stack.post_many(sample_calls(200))
        export_rich_trace(stack)
        stack.wait_until_settled(PATIENCE)
        yield stack


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab
        assert tab.complaints == []


def export_rich_trace(stack: Stack) -> None:
    """Export an agent with a tool, and a call that holds a conversation and personal data."""
    began, trace = time.time_ns() - 60 * 10**9, os.urandom(16).hex()
    step, call, tool = (os.urandom(8).hex() for _ in range(3))

    def span(name: str, span_id: str, parent: str, attributes: dict[str, str]) -> dict[str, Any]:
        listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        times = {"startTimeUnixNano": str(began), "endTimeUnixNano": str(began + 10**9)}
        return {"traceId": trace, "spanId": span_id, "parentSpanId": parent, "name": name} | {
            "attributes": listed,
            **times,
        }

    asked = [{"type": "tool_call", "id": "1", "name": "find_order", "arguments": {"order": 7}}]
    found = [{"type": "tool_call_response", "id": "1", "response": "It left. Ask jane.doe@example.org."}]
    said = [
        {"role": "user", "parts": [{"type": "text", "content": "Where is my order 7?"}]},
        {"role": "assistant", "parts": asked},
        {"role": "tool", "parts": found},
    ]
    answer = [{"type": "text", "content": "It left. Write to jane.doe@example.org, you stupid idiot."}]
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": json.dumps(said),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": answer}]),
    }
    spans = [
        span("answer the customer", step, "", {"openinference.span.kind": "AGENT"}),
        span("chat gpt-4o", call, step, chat),
        span("find_order", tool, step, {"gen_ai.operation.name": "execute_tool"}),
    ]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    httpx.post(f"{stack.api}/v1/traces", json=body, timeout=30).raise_for_status()


def show(stack: Stack, tab: Tab, path: str) -> None:
    """Open a page and wait until it is drawn."""
    tab.go(f"{stack.dashboard}{path}")
    tab.see("#health", "Healthy")
    tab.expect("document.querySelector('#content').children.length > 0")
    tab.expect("!document.querySelector('[data-dash-is-loading=true]')")


def rich_trace(stack: Stack) -> str:
    """Return the id of the call that was exported, after people said something about it."""
    asked = {"filter": "response ~ jane.doe and prompt ~ order"}
    traces = httpx.get(f"{stack.api}/traces", params=asked, timeout=30).json()["traces"]
    trace_id: str = traces[0]["trace_id"]
    for path, body in (
        ("/feedback", {"trace_id": trace_id, "rating": 2, "comment": "Not polite."}),
        (f"/traces/{trace_id}/labels", {"score": 0.2, "comment": "Rude."}),
    ):
        httpx.post(f"{stack.api}{path}", json=body, timeout=30).raise_for_status()
    return trace_id


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_open_trace_can_be_used_by_everybody(stack: Stack, tab: Tab, scheme: str) -> None:
    tab.show(width=1280, height=900, scheme=scheme)
    show(stack, tab, f"/?trace={rich_trace(stack)}")
    tab.see(BODY, "find_order")
    assert "jane.doe@example.org" in tab.see(BODY, "Scores")
    tab.see(f"{BODY} .tree", "answer the customer")
    tab.ask(f"document.querySelectorAll('{BODY} details').forEach(one => {{ one.open = true }})")
    tab.expect("document.querySelector('.mantine-Drawer-content').getAnimations().length", becomes=0)
    assert find_faults(tab) == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_open_menus_can_be_used_by_everybody_and_fit(stack: Stack, tab: Tab, scheme: str, width: int) -> None:
    tab.show(width=width, height=900, scheme=scheme)
    show(stack, tab, "/")
    faults = {}
    for menu in MENUS:
        tab.click(f"summary#{menu}")
        tab.expect(f"document.querySelector('#{menu}').closest('details').open")
        tab.expect("!document.querySelector('[data-dash-is-loading=true]')")
        faults[menu] = [
            *find_faults(tab, "details.popup[open]"),
            *beyond(tab, "details.popup[open] *", width),
        ]
        tab.press("Escape")
    tab.ask("document.querySelector('#filter-text').focus()")
    tab.call("Input.insertText", text="mod")
    tab.expect("document.querySelectorAll('#filter-proposals li').length > 0")
    faults["filter"] = [*find_faults(tab, ".filter-box"), *beyond(tab, "#filter-proposals li", width)]
    assert {menu: found for menu, found in faults.items() if found} == {}


def beyond(tab: Tab, selector: str, width: int) -> list[str]:
    """Return the parts that leave the screen to the left or right."""
    found: list[str] = tab.ask(
        f"[...document.querySelectorAll({selector!r})].filter(one => one.checkVisibility())"
        f".filter(one => {{ const box = one.getBoundingClientRect(); return box.width && (box.left < 0 || box.right > {width}) }})"
        ".map(one => one.outerHTML.slice(0, 100))"
    )
    return found


@pytest.mark.parametrize("width", [1280, 390])
def test_what_a_point_says_stands_below_its_chart(stack: Stack, tab: Tab, width: int) -> None:
    tab.call("Emulation.setTimezoneOverride", timezoneId=TOKYO.key)
    tab.show(width=width, height=900, scheme="light")
    show(stack, tab, "/")
    tab.expect(f"!!document.querySelector('{CHART} [data-time]')")
    below = f"document.querySelector('{CHART}').closest('figure').querySelector('.readout').innerText"
    tab.expect(below, becomes="Times in Asia/Tokyo")

    def says() -> str | None:
        x, y, wide = place(tab)
        # Where the newest point stands depends on the minute of the hour.
        for percent in range(99, 88, -1):
            tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + wide * percent / 100, y=y)
            found: str = tab.ask(below)
            if "calls" in found:
                return found
        return None

    said = wait_for(says, PATIENCE, "the point to say something")
    assert beyond(tab, f"{CHART} *, .readout", width) == []
    assert tab.ask(f"document.querySelectorAll('{CHART} .hoverlayer .hovertext').length") == 0
    recent = [datetime.now(TOKYO) - timedelta(hours=ago) for ago in range(3)]
    assert any(said.startswith(f"{at:%d %b %H}:00: ") for at in recent)


def test_dragging_over_a_chart_sets_the_time_in_the_zone_of_the_browser(stack: Stack, tab: Tab) -> None:
    tab.call("Emulation.setTimezoneOverride", timezoneId=TOKYO.key)
    tab.show(width=1280, height=900, scheme="light")
    show(stack, tab, "/")
    tab.expect(f"!!document.querySelector('{CHART} [data-time]')")
    x, y, wide = place(tab)
    tab.drag((x + wide * 0.3, y), (x + wide * 0.6, y))
    tab.expect("/from=.+&to=/.test(location.search)")
    begin = datetime.fromisoformat(tab.ask("new URLSearchParams(location.search).get('from')"))
    assert abs(datetime.now(UTC) - timedelta(hours=0.7 * 24) - begin) < timedelta(hours=2)


def place(tab: Tab) -> list[float]:
    """Return the left edge, the middle height and the width of the area of the chart."""
    # Cards above may still grow and move the chart out of the window.
    tab.ask(f"document.querySelector('{CHART}').scrollIntoView({{ block: 'center' }})")
    box = f"document.querySelector('{CHART} .nsewdrag').getBoundingClientRect()"
    found: list[float] = tab.ask(
        f"(() => {{ const box = {box}; return [box.x, box.y + box.height / 2, box.width] }})()"
    )
    return found
