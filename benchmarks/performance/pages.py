"""How fast pages of the dashboard are in a browser, over many traces and while calls come in."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.performance.figure import Figure
from benchmarks.performance.filling import Filler
from benchmarks.performance.http_load import open_loop, request
from benchmarks.performance.reads import FAST_STORE
from benchmarks.performance.stack import Stack, running
from dashboard.page import Page, find_pages
from tests.e2e.browser import Tab, find_browser, open_tab

__all__ = ["measure_pages"]

TRACES = 1_000_000
RATE, _BATCH = 1_000, 20
REPEATS = 12
PAINT_MS, CHANGE_MS = 1_000.0, 300.0
_PERIODS = ("7d", "1h", "24h")
_WATCH = (Path(__file__).parent / "pages.js").read_text()
# The load ends by itself, should this process be killed.
_LONGEST_SECONDS = 1_200


def measure_pages(
    lines: Sequence[bytes], *, traces: int = TRACES, rate: int = RATE, repeats: int = REPEATS
) -> list[Figure]:
    """Open every page, change its period and its filter, and open a trace; each `repeats` times.

    `traces` are stored before, and `rate` records a second come in meanwhile. Nothing is measured
    where no Chromium is installed.
    """
    if find_browser() is None:
        return []
    with running(postgres=FAST_STORE, workers=1, dashboard=True) as stack:
        filler = Filler(stack.database_url, lines)
        uvloop.run(filler.prepare())
        uvloop.run(filler.fill(traces))
        with _calls_coming(stack, lines, rate), open_tab() as tab:
            tab.show(width=1280, height=900, scheme="light")
            tab.call("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
            return _measure(stack, tab, filler.pool[0].model_name, repeats, f"{traces:,} traces, {rate:,}/s")


@contextmanager
def _calls_coming(stack: Stack, lines: Sequence[bytes], rate: int) -> Iterator[None]:
    """Send `rate` records a second from another process for the length of the block."""
    parts = [b"\n".join(lines[at : at + _BATCH]) for at in range(0, len(lines), _BATCH)]
    bodies = [request("/monitor/inferences", part, content_type="application/x-ndjson") for part in parts]
    bodies = list(islice(cycle(bodies), _LONGEST_SECONDS * rate // _BATCH))
    sender = multiprocessing.get_context("fork").Process(
        target=open_loop, args=(stack.port, bodies), kwargs={"rate": rate / _BATCH, "connections": 8}
    )
    sender.start()
    try:
        yield
        if not sender.is_alive():
            raise RuntimeError("the calls ended before the pages were measured")
    finally:
        sender.kill()
        sender.join()


def _measure(stack: Stack, tab: Tab, model: str, repeats: int, over: str) -> list[Figure]:
    address = f"http://127.0.0.1:{stack.dashboard_port}"
    found: dict[str, dict[str, list[float]]] = {"paint": {}, "open": {}, "period": {}, "filter": {}}
    for page in (one for one in find_pages() if not one.is_below):
        for _ in range(repeats // 2):
            opened = _open(tab, address, page)
            found["paint"].setdefault(page.title, []).append(opened["painted"])
            found["open"].setdefault(page.title, []).append(opened["drawn"])
        if not tab.ask("llmMonitorWatch.isLive()"):
            continue
        for period in islice(cycle(_PERIODS), repeats):
            found["period"].setdefault(page.title, []).append(tab.ask(f"llmMonitorWatch.choose({period!r})"))
        for number in range(repeats):
            chosen = f"model = {model}" if number % 2 == 0 else ""
            found["filter"].setdefault(page.title, []).append(tab.ask(f"llmMonitorWatch.narrow({chosen!r})"))
    return [
        _figure(f"first paint of a page, {over}", found["paint"], PAINT_MS),
        _figure(f"a page is drawn with its figures, {over}", found["open"], None),
        _figure(f"another period, {over}", found["period"], CHANGE_MS),
        _figure(f"another filter, {over}", found["filter"], CHANGE_MS),
    ]


def _open(tab: Tab, address: str, page: Page) -> dict[str, Any]:
    tab.go(f"{address}{page.path}")
    tab.expect(f"location.pathname === {page.path!r} && !!window.llmMonitorWatch")
    answer: dict[str, Any] = tab.ask("llmMonitorWatch.opened()")
    return answer


def _figure(name: str, times: dict[str, list[float]], goal: float | None) -> Figure:
    """Return the 95th percentile of the slowest page, in milliseconds, with that of each page."""
    slow = {page: sorted(each)[int(0.95 * (len(each) - 1) + 0.5)] for page, each in times.items()}
    worst = max(slow.values())
    return Figure(
        name=f"{name}, slowest page, p95",
        value=worst,
        unit="ms",
        goal="" if goal is None else f"at most {goal:g} ms",
        met=None if goal is None else worst <= goal,
        details=slow,
    )
