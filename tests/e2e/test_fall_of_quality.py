"""A job of a user in a real browser: quality fell at some hour, and a few clicks tell why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.browser import Tab, open_tab
from tests.e2e.cut_answers import CUT_MODEL, CUT_TEMPLATE, calls_with_cut_answers, fall_of
from tests.e2e.stack import Stack, running_stack

pytestmark = pytest.mark.long

MOST_CLICKS = 5
PATIENCE = 60.0
BODY = ".mantine-Drawer-body"


@pytest.fixture(scope="module")
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def stack(now: datetime) -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        stack.post_many([*calls_with_cut_answers(now)])
        stack.wait_until_settled(PATIENCE)
        yield stack


class User:
    """Somebody who reads what is shown and clicks on it; the clicks are counted."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.clicks = 0

    def click(self, words: str, within: str) -> None:
        """Click the visible link or cell that shows these words."""
        named = json.dumps([f"{within} a, {within} .ag-cell", words])
        self.tab.expect(
            f"(([offered, words]) => {{ const found = [...document.querySelectorAll(offered)]"
            f".find(one => one.innerText.trim() === words && one.checkVisibility()); "
            f"found?.click(); return !!found }})({named})"
        )
        self.clicks += 1


def test_why_quality_fell_is_found_in_five_clicks(stack: Stack, now: datetime) -> None:
    fell = fall_of(now)
    with open_tab() as tab:
        user = User(tab)
        tab.show(width=1280, height=900, scheme="light")
        tab.go(stack.dashboard)
        changed = tab.see("#moved", "Quality fell")
        assert f"at {fell:%H:%M} UTC, most in {CUT_TEMPLATE} on {CUT_MODEL}" in changed

        user.click("Quality fell", within="#moved")
        assert f"{fell:%H:%M} UTC" in tab.see("#quality-said", CUT_TEMPLATE)
        worst = tab.see("#quality-groups tbody tr:first-child", f"{CUT_TEMPLATE} on {CUT_MODEL}")
        assert "▼" in worst

        user.click(f"{CUT_TEMPLATE} on {CUT_MODEL}", within="#quality-groups")
        tab.expect("document.querySelectorAll('.part').length", becomes=2)
        tab.expect("document.querySelectorAll('#quality-groups tbody tr').length", becomes=1)
        assert tab.see("#quality-labels li:first-child", "before").startswith("Cut off")

        user.click("Cut off", within="#quality-labels")
        tab.expect("location.pathname", becomes="/traces")
        asked = parse_qs(urlsplit(tab.ask("location.href")).query)
        assert datetime.fromisoformat(asked["from"][0]) == fell
        for part in (CUT_TEMPLATE, CUT_MODEL, "cut_off"):
            assert part in asked["filter"][0]

        tab.expect("window.dash_ag_grid?.getApiAsync('found').then(() => true, () => false)")
        user.click(CUT_MODEL, within="#found .ag-row[row-index='0']")
        shown = tab.see(BODY, "stops in the middle")
        assert CUT_TEMPLATE in shown
        assert user.clicks <= MOST_CLICKS
        assert tab.complaints == []
