from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from dashboard.drawing.formatting import money
from tests.e2e.browser import Tab, open_tab
from tests.e2e.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.long

PATIENCE = 30.0
CALLS = [
    {
        "prompt": f"What is the capital of country number {i}?",
        "response": "The capital is a fine city. Write to jane.doe@example.org for its map."
        if i % 4 == 0
        else "A city.",
        "model_name": "gpt-4",
    }
    for i in range(40)
]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        yield stack


@pytest.fixture
def filled(stack: Stack) -> Stack:
    """The stack with all calls stored, whichever test runs first."""
    if not stack.value("SELECT count(*) FROM traces"):
        stack.post_many(CALLS)
        stack.wait_until_settled(PATIENCE)
    return stack


@pytest.fixture
def tab(stack: Stack) -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab
        own = {urlsplit(address).netloc for address in (stack.dashboard, stack.api)}
        asked = {
            urlsplit(url).netloc
            for url in tab.requests
            if urlsplit(url).scheme in {"http", "https", "ws", "wss"}
        }
        assert asked <= own, "the page asks somebody else for something"
        assert tab.complaints == []


def test_a_newcomer_is_told_what_to_do_and_sees_the_first_records_arrive(stack: Stack, tab: Tab) -> None:
    tab.go(stack.dashboard)
    assert f"{stack.api}/monitor/inference" in tab.see("#onboarding", "Waiting for the first record")
    assert tab.text("#board") == ""
    tab.see("#health", "Healthy")

    stack.post_many(CALLS)
    ledger = stack.wait_until_settled(PATIENCE)
    assert ledger["stored"] == len(CALLS)

    tab.see("#rate-remark", "40 of 40 stored")
    report = httpx.get(f"{stack.api}/metrics/quality").json()
    tab.see("#quality-value", f"{report['average_quality']:.2f}")
    safety = httpx.get(f"{stack.api}/metrics/safety").json()
    tab.see("#unsafe-remark", f"{safety['safety_violations']} of 40 checked")
    tab.see("#flags", f"{safety['flags']['pii_leak']['count']} of")
    wait_for(lambda: tab.text("#onboarding") == "", PATIENCE, "the first words to go")
    cost = stack.value("SELECT sum(cost_usd) FROM traces")
    tab.expect("document.querySelector('#cost-value').innerText", becomes=money(cost))
    tab.expect(
        "document.querySelector('#cost-remark').innerText",
        becomes=f"{money(cost / len(CALLS))} per priced request",
    )


def test_a_trace_opens_with_its_evidence_marked(filled: Stack, tab: Tab) -> None:
    tab.show(width=1440, height=900, scheme="dark")
    tab.go(filled.dashboard)
    # The table's rows appear a moment before the table can tell which of them was chosen.
    tab.expect("window.dash_ag_grid?.getApiAsync('traces').then(() => true, () => false)")
    tab.see("#health", "Healthy")
    tab.click(".ag-row:has(.flag) .ag-cell")
    assert "jane.doe@example.org" in tab.see(".mantine-Drawer-body", "Scores")
    marks = "[...document.querySelectorAll('.mantine-Drawer-body mark')]"
    found = tab.ask(f"{marks}.filter(mark => mark.title.includes('PII')).map(mark => mark.textContent)")
    assert found == ["jane.doe@example.org"]
    tab.click(".mantine-Drawer-close")
    wait_for(lambda: tab.text(".mantine-Drawer-body") == "", PATIENCE, "the trace to close")


def test_the_period_is_in_the_address_and_a_link_opens_it(filled: Stack, tab: Tab) -> None:
    tab.go(f"{filled.dashboard}/?period=7d")
    tab.expect("document.querySelector('#period input[value=\"7d\"]')?.checked")
    tab.click("#period input[value='1h']")
    tab.expect("location.search", becomes="?period=1h")
    tab.expect("document.querySelector('#navigation a')?.getAttribute('href')", becomes="/?period=1h")


def test_the_page_outlives_its_database_and_goes_on_by_itself(filled: Stack, tab: Tab) -> None:
    tab.go(filled.dashboard)
    before = tab.see("#unsafe-remark", "of 40 checked")
    holder, postgres = filled.holder(), filled.server("postgres")
    holder.suspend()
    try:
        postgres.kill()
        tab.see("#overview-problem", "Postgres does not answer")
        assert tab.text("#unsafe-remark") == before
    finally:
        holder.resume()
    wait_for(filled.is_ready, PATIENCE, "the stack to be ready again")
    wait_for(lambda: tab.text("#overview-problem") == "", PATIENCE, "the page to go on")
    assert tab.text("#unsafe-remark") == before
    filled.post_many(CALLS[:3])
    tab.see("#unsafe-remark", "of 43 checked")
