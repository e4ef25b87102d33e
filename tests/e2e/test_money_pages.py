"""Jobs about money in a real browser: the bill of next month by team, a budget, and two prompts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.browser import ADDRESS, Tab, open_tab
from tests.e2e.contrast import FAINT_TEXTS
from tests.e2e.stack import Stack, running_stack

pytestmark = pytest.mark.long

TEAMS = ("search", "support", "growth")
EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\u202e"
GOOD = "You can return the shelf within thirty days, if it is in its original box. Send us the order number."


def call(number: int) -> dict[str, Any]:
    """Return a call of one of two versions of a prompt, of which the second cuts its answers."""
    worse = number % 2 == 1
    return {
        "prompt": "How do I return a shelf?",
        "response": "You" if worse else f"{GOOD} It is order {number}.",
        "model_name": "gpt-4o" if number % 3 else "gpt-4o-mini",
        "template_id": "returns-v2" if worse else "returns-v1",
        "metadata": {"team": TEAMS[number % 5 % 3]},
        "timestamp": (datetime.now(UTC) - timedelta(minutes=5 * (number % 200) + 70)).isoformat(),
        "prompt_tokens": 500,
        "completion_tokens": 20 if worse else 60,
        "response_time_ms": 500 + number % 90,
    }


def earlier(hours: int) -> dict[str, Any]:
    """Return the one call of an hour of the past: it costs what 24 calls cost, at weekends half."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    often = 24 if at.weekday() < 5 else 12
    return call(hours) | {
        "response": f"{GOOD} It was order {hours}.",
        "template_id": "returns-v1",
        "timestamp": at.isoformat(),
        "prompt_tokens": 500 * often,
        "completion_tokens": 40 * often,
    }


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        evil = {"prompt": "x", "response": "y", "model_name": EVIL, "template_id": EVIL, "user_id": EVIL}
        stack.post_many(
            [
                *map(call, range(400)),
                *map(earlier, range(24, 35 * 24)),
                *([{**evil, "metadata": {"team": EVIL}, "tags": [EVIL]}] * 2),
            ]
        )
        stack.wait_until_settled(60)
        yield stack


@pytest.fixture
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab
        assert tab.complaints == []
        assert tab.ask("window.pwned") is None


def amount(text: str) -> float:
    """Return the first amount of US dollars in a text."""
    return float(re.findall(r"\$([\d.,]+)", text)[0].replace(",", ""))


def press(tab: Tab, words: str, within: str) -> None:
    """Click the link or button that shows these words."""
    named = json.dumps([within, words])
    tab.expect(
        f"(([within, words]) => {{ const found = [...document.querySelectorAll(within + ' a')]"
        f".find(one => one.innerText === words); found?.click(); return !!found }})({named})"
    )


def test_the_bill_of_next_month_by_team_and_the_biggest_saving(stack: Stack, tab: Tab) -> None:
    tab.show(width=1280, height=900, scheme="light")
    tab.go(stack.dashboard)
    tab.see("#navigation", "Cost")
    tab.click("#navigation a[href^='/cost']")
    month = amount(tab.see("#cost-next-value", "$"))
    low, high = map(amount, tab.see("#cost-next-remark", "likely").splitlines()[0].split(" to "))
    assert low <= month <= high
    tab.fill("#cost-key", "team")
    shown = tab.see("#cost-groups", "support")
    assert "by=metadata.team" in tab.ask(ADDRESS)
    assert "Next month is divided" in shown
    cells = "[...document.querySelectorAll('#cost-groups tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
    rows = {row[0]: amount(row[7]) for row in tab.ask(cells) if row[7].startswith("$")}
    assert {*TEAMS, "All"} <= rows.keys()
    assert rows["All"] == month == pytest.approx(sum(rows.values()) - rows["All"], rel=0.02)

    saving = tab.see("#cost-savings li:first-child", "$")
    others = tab.ask("[...document.querySelectorAll('#cost-savings li')].map(one => one.textContent)")
    assert all(amount(saving) >= amount(other) for other in others)
    press(tab, "Its traces", "#cost-savings li:first-child")
    tab.expect("location.pathname", becomes="/traces")
    tab.expect("!!document.querySelector('#found .ag-row[row-index=\"0\"]')")


def test_a_budget_is_made_and_a_refusal_stands_at_its_field(stack: Stack, tab: Tab) -> None:
    tab.show(width=390, height=900, scheme="dark")
    tab.go(f"{stack.dashboard}/cost")
    tab.see("#cost-budgets", "no budget yet")
    # The other calls are over an hour old: in the first hours of a month they are of another month.
    now = datetime.now(UTC).isoformat()
    stack.post_many([call(0) | {"timestamp": now, "prompt_tokens": 200_000}])
    stack.wait_until_settled(60)
    tab.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
    tab.fill("#budget-name", EVIL[:8])
    tab.click("#budget-save")
    tab.see("main", "amount_usd")
    tab.fill("#budget-amount_usd", "0.01")
    tab.click("#budget-save")
    assert "used up" in tab.see("#cost-budgets", EVIL[:8])
    assert tab.ask("document.documentElement.scrollWidth") <= 390
    tab.click("#cost-budgets .links a")
    tab.see("#budget-about", EVIL[:8])
    tab.ask("document.querySelector('#budget-name').select()")
    tab.fill("#budget-name", "Renamed")
    tab.click("#budget-change")
    tab.see("#cost-budgets", "Renamed")
    tab.click("#cost-budgets .links a")
    tab.see("#budget-about", "Renamed")
    tab.click("#budget-remove")
    tab.see("#budget-remove", "Really remove it")
    tab.click("#budget-remove")
    tab.see("#cost-budgets", "no budget yet")


def test_two_versions_of_a_prompt_are_compared_in_a_sentence(stack: Stack, tab: Tab) -> None:
    tab.show(width=1280, height=900, scheme="dark")
    tab.go(f"{stack.dashboard}/models")
    tab.see("#models-verdict", "real")
    press(tab, "Prompt templates", "#models-fields")
    sentence = tab.see("#models-verdict", "returns-v1 has better answers")
    assert "returns-v2 has cheaper calls. These differences are real." in sentence
    assert "by=template" in tab.ask(ADDRESS)
    press(tab, "Traces", "#models-table tbody tr:first-child")
    tab.expect("location.pathname", becomes="/traces")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_texts_can_be_read_and_the_page_fits(stack: Stack, tab: Tab, width: int, scheme: str) -> None:
    tab.show(width=width, height=900, scheme=scheme)
    tab.go(f"{stack.dashboard}/models?by=template")
    tab.see("#models-verdict", "real")
    time.sleep(0.5)  # a colour scheme fades in
    assert tab.ask(FAINT_TEXTS) == []
    assert tab.ask("document.documentElement.scrollWidth") <= width
