"""Finding and reading traces in a real browser.

The tests use addresses, trees, keyboard keys, and texts that try to do harm.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.browser import ADDRESS, Tab, open_tab
from tests.e2e.contrast import FAINT_TEXTS
from tests.e2e.stack import Stack, running_stack

pytestmark = pytest.mark.long

PATIENCE = 30.0
EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
MODELS = "[...new Set([...document.querySelectorAll('.ag-row [col-id=model]')].map(cell => cell.innerText))].join()"
GRID = "window.dash_ag_grid.getApiAsync('found')"
BODY = ".mantine-Drawer-body"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        calls = [
            {"prompt": f"question {i}", "response": "an answer", "model_name": f"model-{i % 60}"}
            for i in range(150)
        ]
        evil = dict.fromkeys(("prompt", "response", "model_name", "user_id", "system_prompt"), EVIL)
        stack.post_many([*calls, {**evil, "context": [EVIL], "tags": [EVIL], "error": EVIL}])
        export_agent(stack)
        export_chain(stack, 2_000)
        stack.wait_until_settled(PATIENCE)
        yield stack


def export_chain(stack: Stack, length: int) -> None:
    """Export steps that lie inside one another, and a call in the innermost."""
    began, trace = time.time_ns() - 60 * 10**9, os.urandom(16).hex()
    spans = [
        {
            "traceId": trace,
            "spanId": f"{number:016x}",
            "parentSpanId": f"{number - 1:016x}" if number > 1 else "",
            "name": f"step {number}",
            "startTimeUnixNano": str(began + number * 1000),
            "endTimeUnixNano": str(began + 10**9),
        }
        for number in range(1, length + 1)
    ]
    names = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "deep", "gen_ai.prompt": "q"}
    spans[-1]["attributes"] = [{"key": key, "value": {"stringValue": value}} for key, value in names.items()]  # type: ignore[assignment]  # a span is read from JSON
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    httpx.post(f"{stack.api}/v1/traces", json=body, timeout=30).raise_for_status()


@pytest.fixture
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab
        assert tab.complaints == []
        assert tab.ask("window.pwned") is None


def export_agent(stack: Stack) -> None:
    """Export a step, and inside it a call with texts and one without; all began a minute ago."""
    began = time.time_ns() - 60 * 10**9
    trace = os.urandom(16).hex()
    step, *calls = (os.urandom(8).hex() for _ in range(3))

    def span(name: str, span_id: str, parent: str | None, **attributes: str) -> dict[str, Any]:
        listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        times = {"startTimeUnixNano": str(began), "endTimeUnixNano": str(began + 10**9)}
        above = {"parentSpanId": parent} if parent else {}
        return {"traceId": trace, "spanId": span_id, "name": name, "attributes": listed, **times, **above}

    def said(role: str, words: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": words}]}])

    chat = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-4o-mini"}
    texts = {
        "gen_ai.input.messages": said("user", "Is it dry?"),
        "gen_ai.output.messages": said("assistant", "Yes."),
    }
    spans = [
        span("answer the customer", step, None, **{"openinference.span.kind": "CHAIN"}),
        span("chat with texts", calls[0], step, **chat, **texts),
        span("chat without", calls[1], step, **chat),
    ]
    scope = {"name": "openinference.instrumentation.openai"}
    body = {"resourceSpans": [{"scopeSpans": [{"scope": scope, "spans": spans}]}]}
    assert httpx.post(f"{stack.api}/v1/traces", json=body).status_code == httpx.codes.OK


def listed(stack: Stack, **filters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{stack.api}/traces", params=filters).json()["traces"]
    return found


def find(stack: Stack, **filters: str) -> str:
    """Return the id of a trace that fits and has texts."""
    found: str = next(each["trace_id"] for each in listed(stack, **filters) if each["prompt"])
    return found


def test_the_address_chooses_the_list_and_old_addresses_still_do(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/traces?period=7d&model=model-7")
    tab.expect(MODELS, becomes="model-7")
    tab.expect(ADDRESS, becomes="/traces?period=7d&filter=model+%3D+%22model-7%22")
    tab.see("#found-sum", "traces of the last 7 d, newest received first")
    tab.go(f"{stack.dashboard}/traces?filter=user+%3D+nobody")
    tab.see("#found-empty", "No trace fits")
    tab.see("#found-sum", "0 traces")


def test_the_list_is_read_on_while_it_is_scrolled(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/traces")
    tab.see("#found-sum", "154 traces")
    tab.expect(f"{GRID}.then(grid => grid.getDisplayedRowCount(), () => 0)", becomes=101)
    tab.ask(f"{GRID}.then(grid => grid.ensureIndexVisible(100, 'bottom'))")
    tab.expect(f"{GRID}.then(grid => grid.getDisplayedRowCount())", becomes=154)
    ids = f"{GRID}.then(grid => {{ const ids = new Set(); grid.forEachNode(row => ids.add(row.data?.id)); return ids.size }})"
    tab.expect(ids, becomes=154)


def test_columns_are_chosen_by_the_address(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/traces?columns=model,score.relevance&filter=model+%3D+%22model-7%22")
    tab.expect(MODELS, becomes="model-7")
    headers = "[...document.querySelectorAll('.ag-header-cell-text')].map(title => title.innerText).join()"
    tab.expect(headers, becomes="Model,Relevance")


def test_a_walk_through_the_list_keeps_its_filter(stack: Stack, tab: Tab) -> None:
    first, second = (each["trace_id"] for each in listed(stack, filter='model = "model-7"')[:2])
    tab.go(f"{stack.dashboard}/traces?filter=model+%3D+%22model-7%22&trace={first}")
    tab.expect("!!document.querySelector('#trace-walk #walk-j')")
    tab.press("j")
    tab.expect(f"({ADDRESS}).endsWith('trace={second}')")
    tab.expect("!!document.querySelector('#trace-walk #walk-k')")
    tab.press("k")
    tab.expect(f"({ADDRESS}).endsWith('trace={first}')")


def test_a_trace_has_an_address_and_closing_it_leaves_the_rest(stack: Stack, tab: Tab) -> None:
    evil = find(stack, model=EVIL)
    tab.go(f"{stack.dashboard}/traces?period=1h&trace={evil}")
    assert EVIL in tab.see(BODY, "System prompt")
    tab.call("Input.dispatchKeyEvent", type="keyDown", key="Escape", windowsVirtualKeyCode=27)
    tab.expect(ADDRESS, becomes="/traces?period=1h")
    for unknown in ("01a21640-82db-7fe4-9a11-2837efa28200", "%3Cscript%3E"):
        tab.go(f"{stack.dashboard}/?trace={unknown}")
        tab.see(BODY, "There is no such trace")


def test_a_row_is_opened_with_the_keyboard_and_one_step_leaves_the_table(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/traces?filter=model+%3D+%22model-7%22")
    tab.expect(MODELS, becomes="model-7")
    tab.expect("window.dash_ag_grid?.getApiAsync('found').then(() => true, () => false)")
    tab.ask("document.querySelector('.ag-row [col-id=model]').focus()")
    tab.press("Tab")
    tab.expect("!document.activeElement.closest('.ag-root-wrapper')")
    tab.ask("document.querySelector('.ag-row [col-id=model]').focus()")
    tab.press("Enter")
    tab.see(BODY, "model-7")
    tab.expect(f"({ADDRESS}).includes('trace=')")


def test_spans_are_a_tree_and_a_silent_call_says_what_to_set(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/?trace={find(stack, model='gpt-4o-mini')}")
    tree = tab.see(f"{BODY} .tree", "chat without")
    assert [line for line in tree.splitlines() if "·" not in line][:1] == ["answer the customer"]
    links = f"[...document.querySelectorAll('{BODY} .tree a')]"
    tab.ask(f"{links}.find(link => link.innerText === 'chat without').click()")
    tab.see(BODY, "came without its texts")
    tab.see(f"{BODY} .recipes", "OPENINFERENCE_HIDE_INPUTS=false")
    assert "came without" in tab.see("#overview-notices", "What to set")


def test_a_deep_trace_opens_and_says_how_much_is_left_out(stack: Stack, tab: Tab) -> None:
    begun = time.monotonic()
    tab.go(f"{stack.dashboard}/?trace={find(stack, model='deep')}")
    tree = tab.see(f"{BODY} .tree", "step 300")
    assert time.monotonic() - begun < PATIENCE
    assert tree.splitlines()[0] == "step 1"
    assert "step 301" not in tree
    tab.see(BODY, "1,700 more spans")


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_every_text_stands_out_and_nothing_is_wider_than_the_page(
    stack: Stack, tab: Tab, scheme: str, width: int
) -> None:
    tab.show(width=width, height=900, scheme=scheme)
    evil = find(stack, model=EVIL)
    for path, selector, words in (
        ("/", "#unsafe-remark", "checked"),
        ("/traces", "#found-sum", "154 traces"),
        (f"/traces?trace={evil}", BODY, "Scores"),
        ("/?project=nobody", "#onboarding", "Waiting"),
        ("/nowhere", "#content", "no page"),
    ):
        tab.go(f"{stack.dashboard}{path}")
        tab.see(selector, words)
        tab.expect(FAINT_TEXTS, becomes=[])
        assert tab.ask("document.documentElement.scrollWidth") <= width, path


def press_row(tab: Tab, number: int, *, ctrl: bool) -> str:
    """Click a row of the list with the mouse, and return the id of its trace."""
    row = f"document.querySelector(\"#found .ag-row[row-index='{number}']\")"
    tab.expect(f"!!{row}?.getAttribute('row-id')")
    x, y = tab.ask(f"(({{left, top}}) => [left + 60, top + 18])({row}.getBoundingClientRect())")
    for kind in ("mousePressed", "mouseReleased"):
        tab.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1, modifiers=2 * ctrl
        )
    found: str = tab.ask(f"{row}.getAttribute('row-id')")
    return found


def test_two_rows_that_are_chosen_with_ctrl_are_compared(stack: Stack, tab: Tab) -> None:
    tab.show(width=1280, height=900, scheme="light")
    tab.go(f"{stack.dashboard}/traces?filter=model+~+model-")
    first = press_row(tab, 2, ctrl=True)
    tab.expect("document.querySelectorAll('#found .ag-row-selected').length > 0")
    assert "trace=" not in tab.ask(ADDRESS)
    second = press_row(tab, 4, ctrl=True)
    tab.see(BODY, "Swap them")
    assert tab.ask(ADDRESS).endswith(f"&trace={first}&with={second}")
    # Without the key, a row opens alone as ever.
    tab.go(f"{stack.dashboard}/traces?filter=model+~+model-")
    alone = press_row(tab, 3, ctrl=False)
    tab.see(BODY, "an answer")
    assert tab.ask(ADDRESS).endswith(f"&trace={alone}")


def test_two_traces_are_compared_and_one_has_a_page(stack: Stack, tab: Tab) -> None:
    tab.show(width=390, height=900, scheme="dark")
    found = httpx.get(f"{stack.api}/traces", params={"limit": 50, "filter": "model ~ model-"}).json()[
        "traces"
    ]
    first, second = (found[place]["trace_id"] for place in (0, 1))
    tab.go(f"{stack.dashboard}/traces?trace={first}")
    tab.see(BODY, "an answer")
    tab.ask("document.querySelector('.walk details').open = true")
    tab.fill("#compare-id", second)
    tab.click("#compare-go")
    tab.see(BODY, "Swap them")
    assert tab.ask("document.querySelectorAll('.text del, .text ins').length") > 0
    tab.expect(ADDRESS, becomes=f"/traces?trace={first}&with={second}")
    assert tab.ask("document.documentElement.scrollWidth") <= 390
    tab.go(f"{stack.dashboard}/traces/{find(stack, filter='model = gpt-4o-mini')}")
    tab.see(".trace-page [aria-label=Spans]", "Spans of this trace")
    tab.see("#page-walk", "Newer")
    tab.expect("document.title", becomes="Trace · LLM Monitor")
    time.sleep(0.5)  # a colour scheme fades in
    assert tab.ask(FAINT_TEXTS) == []
    assert tab.ask("document.documentElement.scrollWidth") <= 390
    tab.go(f"{stack.dashboard}/traces/nothing")
    tab.see("#page-trace", "There is no such trace")
