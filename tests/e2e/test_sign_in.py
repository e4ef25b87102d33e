"""Signing in and out in a real browser, in front of a stack that asks for keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import httpx
import pytest

from tests.e2e.browser import ADDRESS, Tab, open_tab
from tests.e2e.stack import Stack, running_stack, wait_for

PATIENCE = 30.0
PASSWORD = "correct horse battery"  # noqa: S105 of this test alone
CALL = {"prompt": "What is the capital of France?", "response": "Paris.", "model_name": "gpt-4"}
SHOP_CALLS, BANK_CALLS = 3, 5
WITHOUT_TIMERS = "window.setInterval = () => 0"  # what still moves was told over the WebSocket


pytestmark = pytest.mark.long


class Shop(NamedTuple):
    """A stack with two projects that hold records, its administration, and a key of the first."""

    stack: Stack
    admin: httpx.Client
    key: str

    def url(self, path: str = "/") -> str:
        return f"{self.stack.dashboard}{path}"


def make_key(admin: httpx.Client, project: str) -> str:
    asked = {"name": "a key", "scopes": ["ingest", "read"]}
    made = admin.post(f"/projects/{project}/keys", json=asked)
    assert made.status_code == httpx.codes.CREATED, made.text
    key: str = made.json()["key"]
    return key


def send(stack: Stack, key: str, count: int) -> None:
    """Post records one by one; each answer comes after its record is stored."""
    with httpx.Client(base_url=stack.api, headers={"X-API-Key": key}, timeout=30) as client:
        for _ in range(count):
            assert client.post("/monitor/inference", json=CALL).status_code == httpx.codes.OK


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running_stack(workers=1, settings={"LLM_MONITOR_REQUIRE_KEYS": "always"}) as stack:
        assert stack.command("projects", "password", typed=f"{PASSWORD}\n").returncode == 0
        first = stack.command("keys", "create", "me", "--scope", "admin").stdout.strip()
        with httpx.Client(base_url=stack.api, headers={"X-API-Key": first}) as admin:
            keys = {}
            for project, count in (("shop", SHOP_CALLS), ("bank", BANK_CALLS)):
                assert (
                    admin.post("/projects", json={"project_id": project, "name": project}).status_code
                    == httpx.codes.CREATED
                )
                keys[project] = make_key(admin, project)
                send(stack, keys[project], count)
            yield Shop(stack, admin, keys["shop"])


@pytest.fixture
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab
        refusals = [each for each in tab.complaints if "40" in each and '"source": "network"' in each]
        assert [each for each in tab.complaints if each not in refusals] == []


def cookies(tab: Tab) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in tab.call("Network.getCookies")["cookies"]}


def sign_in(tab: Tab, shop: Shop, path: str = "/") -> None:
    tab.go(shop.url(path))
    tab.fill("#key", shop.key)
    tab.see("#project", "shop")


def test_a_wrong_key_or_password_is_said_and_nothing_is_shown(shop: Shop, tab: Tab) -> None:
    for path in ("/", "/?period=7d&project=shop", "/nowhere"):
        tab.go(shop.url(path))
        tab.see("form", "Sign in with the key")
        tab.expect(f"({ADDRESS}).startsWith('/login?next=')")
    tab.fill("#key", "lm_" + "0" * 56)
    assert "Sign in" in tab.see("main", "not a key of LLM Monitor")
    tab.fill("#password", "not the password")
    tab.see(".problem", "is not that of the project")
    assert "llm-monitor-session" not in cookies(tab)
    assert not any("_dash" in url for url in tab.requests)


def test_a_key_opens_the_page_that_was_asked_for_with_its_own_records_alone(shop: Shop, tab: Tab) -> None:
    sign_in(tab, shop, "/?period=7d&project=bank")
    tab.expect(ADDRESS, becomes="/?period=7d&project=bank")
    tab.see("#unsafe-remark", f"of {SHOP_CALLS} checked")
    cookie = cookies(tab)["llm-monitor-session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert shop.key not in cookie["value"]
    assert tab.ask("document.cookie") == ""
    tab.see("#account", "Sign out")
    for width in (1400, 390):
        tab.show(width=width, height=844, scheme="light")
        bottoms = [
            tab.ask(f"document.querySelector('{each}').getBoundingClientRect().bottom")
            for each in ("#account", "#time", ".header")
        ]
        assert max(bottoms) == bottoms[-1], "something hangs out of the header"


def test_what_arrives_is_told_over_the_websocket_of_the_session(shop: Shop, tab: Tab) -> None:
    sign_in(tab, shop)
    tab.call("Page.addScriptToEvaluateOnNewDocument", source=WITHOUT_TIMERS)
    tab.go(shop.url())
    before = int(tab.see("#unsafe-remark", " checked").split(" ")[2])

    def arrived() -> bool:
        send(shop.stack, shop.key, 1)  # until the WebSocket stands: what happened before it does is not told
        return tab.text("#unsafe-remark") not in {f"0 of {before} checked calls", ""}

    wait_for(arrived, PATIENCE, "the page to move without any timer")


def test_when_the_session_ends_elsewhere_the_page_leads_to_the_form_and_back(shop: Shop, tab: Tab) -> None:
    sign_in(tab, shop, "/?period=30d")
    tab.see("#unsafe-remark", " checked")
    tab.ask("void fetch('/logout', {method: 'POST'})")  # as another tab does
    tab.see("form", "Sign in with the key")
    tab.expect(ADDRESS, becomes="/login?next=%2F%3Fperiod%3D30d&ended")
    tab.see(".said", "has ended")
    tab.fill("#key", shop.key)
    tab.see("#project", "shop")
    tab.expect(ADDRESS, becomes="/?period=30d")


def test_when_the_key_is_revoked_the_page_leads_to_the_form(shop: Shop, tab: Tab) -> None:
    key = make_key(shop.admin, "shop")
    sign_in(tab, shop._replace(key=key))
    assert shop.admin.delete(f"/projects/shop/keys/{key[:15]}").status_code == httpx.codes.OK
    assert "has ended" in tab.see("main", "Sign in with the key")
    assert cookies(tab)["llm-monitor-session"]  # the browser does not know that it is worth nothing


def test_an_admin_signs_in_with_a_password_and_out_for_good(shop: Shop, tab: Tab) -> None:
    tab.go(shop.url())
    tab.fill("#password", PASSWORD)
    tab.see("#account", "Sign out")
    tab.see("#project", "default")
    tab.see("#onboarding", "Waiting for the first record")
    token = cookies(tab)["llm-monitor-session"]["value"]
    tab.click("#account button")
    tab.see("form", "Sign in with the key")
    assert "llm-monitor-session" not in cookies(tab)
    stolen = {"Cookie": f"llm-monitor-session={token}"}
    wait_for(
        lambda: httpx.get(shop.url(), headers=stolen).status_code == httpx.codes.SEE_OTHER,
        PATIENCE,
        "the session to end",
    )
    tab.ask("void history.back()")
    tab.see("form", "Sign in with the key")
    assert tab.text("#board") == ""


@pytest.fixture
def elsewhere(shop: Shop) -> Iterator[str]:
    """A page of another origin but the same site, so that browsers send it the session's cookie."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            form = f"<form method='post' action='{shop.url('/logout')}'></form><script>document.forms[0].submit()</script>"
            self.wfile.write(form.encode())

        def log_message(self, *_: object) -> None:
            pass

    # Threads are needed, because browsers open connections that they may never use.
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_forms_that_the_page_did_not_give_are_refused(shop: Shop, tab: Tab, elsewhere: str) -> None:
    tokens = "document.querySelectorAll('[name=form]').forEach(token => %s)"
    for change in ("token.remove()", "token.value = 'guessed'"):
        tab.go(shop.url())
        tab.see("form", "Sign in with the key")
        tab.ask(tokens % change)
        tab.fill("#key", shop.key)
        tab.see(".problem", "This form was too old")
        assert "llm-monitor-session" not in cookies(tab)
    sign_in(tab, shop)
    tab.go(elsewhere)
    tab.see("body", "A page of another origin asks for this")
    tab.go(shop.url())
    tab.see("#account", "Sign out")
