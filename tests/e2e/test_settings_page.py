"""The settings in a real browser: keys, a threshold, and answers that are scored."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.browser import Tab, open_tab
from tests.e2e.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.long

PATIENCE = 30.0
CALLS = [{"prompt": f"What is {i}?", "response": "A number.", "model_name": "gpt-4"} for i in range(20)]
PAIRS = '[{"prompt": "Hello?", "response": "Hi."}, {"prompt": 1, "response": "Hi."}]'
KEY = re.compile(r"lm_[0-9a-f_]{40,}|lm_\S{40,}")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        stack.post_many(CALLS)
        stack.wait_until_settled(PATIENCE)
        yield stack


@pytest.fixture(scope="module")
def admin(stack: Stack) -> str:
    return stack.command("keys", "create", "me", "--scope", "admin").stdout.strip()


@pytest.fixture
def tab(stack: Stack, admin: str) -> Iterator[Tab]:
    with open_tab() as tab:
        wait_for(
            lambda: httpx.get(f"{stack.api}/traces").status_code == httpx.codes.UNAUTHORIZED,
            PATIENCE,
            "keys to be needed",
        )
        tab.go(f"{stack.dashboard}/login")
        tab.fill("#key", admin)
        tab.see("#navigation", "Settings")
        yield tab
        assert tab.complaints == []


def test_a_key_is_made_seen_once_and_revoked(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/settings?section=keys")
    tab.fill("#keys-name", "uploads <b>")
    tab.click("#keys-make")
    shown = tab.see("#keys-made", "Copy it now")
    found = KEY.search(shown)
    assert found is not None
    headers = {"X-API-Key": found[0]}
    call = CALLS[0]
    assert httpx.post(f"{stack.api}/monitor/inference", json=call, headers=headers).is_success
    tab.see("#keys-shown", "uploads <b>")

    tab.go(f"{stack.dashboard}/settings?section=keys&revoke={found[0][:15]}")
    tab.see(".confirm", "uploads <b>")
    assert found[0] not in tab.text("body")
    tab.click("#keys-confirm")
    tab.see("#keys-said", "is revoked")
    wait_for(
        lambda: (
            httpx.post(f"{stack.api}/monitor/inference", json=call, headers=headers).status_code
            == httpx.codes.UNAUTHORIZED
        ),
        PATIENCE,
        "the key to be refused",
    )
    tab.go(f"{stack.dashboard}/settings?section=audit")
    tab.see("#audit-shown", "key.revoked")


def test_a_threshold_is_tried_and_set(stack: Stack, tab: Tab, admin: str) -> None:
    tab.go(f"{stack.dashboard}/settings?section=thresholds&evaluator=relevance")
    tab.see("#thresholds-preview", "This is the present threshold.")
    tab.ask("document.querySelector('#thresholds-threshold').select()")
    tab.call("Input.insertText", text="0.77")
    tab.see("#thresholds-preview", "At 0.77,")
    tab.click("#thresholds-set")
    tab.see("#thresholds-said", "holds within seconds")
    policy = httpx.get(f"{stack.api}/policy", headers={"X-API-Key": admin}).json()
    assert policy["evaluators"]["relevance"]["threshold"] == pytest.approx(0.77)
    tab.see("#thresholds-shown", "everybody:")


def test_pasted_answers_are_scored(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/evaluate")
    tab.see("#content", "Score them")
    tab.ask("document.querySelector('#evaluate-text').focus()")
    tab.call("Input.insertText", text=PAIRS)
    tab.click("#evaluate-start")
    shown = tab.see("#evaluation-shown", "1 of 1 pairs are scored")
    assert "1 pairs were refused" in shown


def test_a_rule_for_the_review_queue_is_set_and_a_wrong_one_is_named(
    stack: Stack, tab: Tab, admin: str
) -> None:
    headers = {"X-API-Key": admin}

    def waiting() -> int:
        return len(httpx.get(f"{stack.api}/review/next", headers=headers).json()["traces"])

    tab.go(f"{stack.dashboard}/settings?section=project")
    tab.see("#content", "What waits for people")
    assert waiting() == 0
    for value, answer in (("0", "above 0"), ("1", "Saved")):
        tab.ask("document.querySelector('#project-random_share').select()")
        tab.call("Input.insertText", text=value)
        tab.ask("document.querySelector('#project-random_share').blur()")
        tab.click("#project-save")
        tab.see("#content", answer)
    wait_for(lambda: waiting() == 10, PATIENCE, "calls to wait for people")
    review = httpx.get(f"{stack.api}/projects/default/settings", headers=headers).json()["review"]
    assert (review["random_share"], review["flagged"], review["near_threshold"]) == (1, True, None)
