"""Every page of the dashboard, on a phone and on a desk, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.page import find_pages
from tests.e2e.axe import find_faults
from tests.e2e.browser import Tab, open_tab
from tests.e2e.sample import sample_calls
from tests.e2e.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.long

PATIENCE = 60.0
RESTING = 10
LAID_OUT = (
    "[...document.querySelectorAll('.ag-header-cell')]"
    ".every(title => title.checkVisibility({ visibilityProperty: true }))"
)
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        stack.post_many(sample_calls(200))
        stack.wait_until_settled(PATIENCE)
        yield stack


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab


def settled(tab: Tab) -> None:
    """Wait until every callback of the page was answered."""
    tab.see("#health", "Healthy")
    tab.expect("document.querySelector('#content').children.length > 0")
    tab.expect("!document.querySelector('[data-dash-is-loading=true]')")
    # A table is laid out with the first frame that shows it.
    tab.ask("window.scrollTo(0, document.body.scrollHeight)")
    tab.expect(LAID_OUT)
    tab.ask("window.scrollTo(0, 0)")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_page_is_whole_fits_and_can_be_used_by_everybody(
    stack: Stack, tab: Tab, scheme: str, width: int
) -> None:
    faults = {}
    tab.show(width=width, height=900, scheme=scheme)
    for page in find_pages():
        tab.complaints.clear()
        tab.go(f"{stack.dashboard}{page.path}")
        settled(tab)
        found = [*find_faults(tab), *tab.complaints]
        if (wide := tab.ask("document.documentElement.scrollWidth")) > width:
            found.append(f"the page is {wide} pixels wide")
        if found:
            faults[page.path] = found
    assert faults == {}


def test_the_filter_is_written_by_keyboard_and_kept_from_page_to_page(stack: Stack, tab: Tab) -> None:
    tab.show(width=1280, height=900, scheme="light")
    tab.go(stack.dashboard)
    settled(tab)
    tab.ask("document.querySelector('#filter-text').focus()")
    for typed in ("mod", "= gpt-4o-m"):
        tab.call("Input.insertText", text=typed)
        tab.expect("document.querySelectorAll('#filter-proposals li').length > 0")
        tab.press("ArrowDown")
        tab.press("Enter")
    tab.press("Escape")
    tab.press("Enter")
    tab.see(".parts", 'model = "gpt-4o-mini"')
    assert tab.ask("new URLSearchParams(location.search).get('filter')") == 'model = "gpt-4o-mini"'
    tab.click("#navigation a[href^='/traces']")
    tab.see(".parts", 'model = "gpt-4o-mini"')
    tab.click(".part a")
    tab.expect("location.search", becomes="")


def test_a_mistake_in_a_filter_is_told_and_nothing_is_lost(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/?filter=is_safe")
    settled(tab)
    tab.ask("document.querySelector('#filter-text').focus()")
    tab.call("Input.insertText", text=" and modle = a")
    tab.press("Escape")
    tab.press("Enter")
    assert "did you mean model?" in tab.see("#filter-problem", "at character")
    tab.see(".parts", "is_safe = true")


# What asked the server with a text in its address: the outputs of those callbacks.
RECORD = (
    "window.askedFor = []; const through = window.fetch; window.fetch = (address, options) => {"
    " if (String(address).includes('_dash-update-component')) window.askedFor.push(options.body);"
    " return through(address, options) }"
)


def test_another_period_is_asked_of_the_server_once_and_all_links_follow(stack: Stack, tab: Tab) -> None:
    tab.show(width=1280, height=900, scheme="light")
    tab.go(f"{stack.dashboard}/cost?group=tag&before=x&period=24h")
    settled(tab)
    tab.ask(RECORD)
    tab.ask("document.querySelector('#period input[value=\"7d\"]').click()")
    about = "window.askedFor.filter(body => body.includes('period=7d'))"
    tab.expect(f"{about}.length > 0")
    settled(tab)
    assert tab.ask(f"{about}.filter(body => !body.includes('cost-drawn')).length") == 0
    link = "document.querySelector('#navigation a[href^=\"/safety\"]').getAttribute('href')"
    assert tab.ask(link) == "/safety?period=7d"
    errors = "[...document.querySelectorAll('.view-links a')].find(each => each.textContent === 'Errors')"
    assert tab.ask(f"{errors}.getAttribute('href')") == "/traces?group=tag&period=7d&filter=status+%3D+error"
    tab.ask(f"{errors}.click()")
    tab.see(".parts", 'status = "error"')
    tab.expect("document.querySelector('#navigation a[data-active=true]').textContent", becomes="Traces")


def test_a_proposed_rule_is_in_view_and_keeps_what_was_typed(stack: Stack, tab: Tab) -> None:
    tab.show(width=1280, height=900, scheme="light")
    tab.go(f"{stack.dashboard}/alerts?new=quality&split=model")
    tab.see("#rule-about", "Proposed by what you looked at")
    tab.expect(
        "(top => top > 50 && top < 850)(document.querySelector('#rule-form').getBoundingClientRect().top)"
    )
    tab.fill("#rule-name", " of my own")
    tab.ask("document.querySelector('#period input[value=\"7d\"]').click()")
    tab.expect("document.querySelector('#navigation a[href=\"/cost?period=7d\"]') !== null")
    settled(tab)
    assert tab.ask("document.querySelector('#rule-name').value") == "Quality by model of my own"
    tab.ask("window.dash_clientside.set_props('url', { search: '?new=cost&period=7d' })")
    tab.expect("document.querySelector('#rule-name').value.startsWith('Cost')")


def at_rest(tab: Tab, expression: str) -> Any:
    """Return a value as soon as it was the same ten times in a row: cards above may still grow."""
    seen: list[Any] = []

    def same() -> bool:
        seen.append(tab.ask(expression))
        return len(seen) >= RESTING and all(one == seen[-1] for one in seen[-RESTING:])

    wait_for(same, PATIENCE, f"{expression} to rest")
    return seen[-1]


def test_dragging_over_a_chart_sets_the_time_and_a_double_click_goes_back(stack: Stack, tab: Tab) -> None:
    tab.go(stack.dashboard)
    settled(tab)
    tab.expect("!!document.querySelector('#volume [data-time]')")
    tab.ask("document.querySelector('#volume').scrollIntoView({ block: 'center' })")
    middle = "(() => { const box = document.querySelector('#volume .nsewdrag').getBoundingClientRect(); "
    x, y, width = at_rest(tab, f"{middle} return [box.x, box.y + box.height / 2, box.width] }})()")
    tab.drag((x + width * 0.3, y), (x + width * 0.6, y))
    tab.expect("/^\\?from=.+&to=.+/.test(location.search)")
    tab.expect("document.querySelector('#time-label').innerText.includes('–')")  # noqa: RUF001 a span of time
    chart = "[...document.querySelectorAll('.js-plotly-plot')].find(each => each.closest('#volume'))"
    tab.ask(f"{chart}.emit('plotly_doubleclick')")
    tab.expect("location.search", becomes="")


def test_the_narrow_navigation_closes_when_a_page_is_chosen(stack: Stack, tab: Tab) -> None:
    tab.show(width=390, height=844, scheme="light")
    tab.go(stack.dashboard)
    settled(tab)
    tab.click("#burger")
    tab.expect("document.querySelector('#burger').getAttribute('aria-expanded')", becomes="true")
    tab.click("#navigation a[href^='/traces']")
    tab.expect("location.pathname", becomes="/traces")
    tab.expect("document.querySelector('.navbar').getBoundingClientRect().right <= 0")
