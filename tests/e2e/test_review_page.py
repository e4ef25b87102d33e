"""All of today's personal-data findings are reviewed by keyboard alone, in a real browser.

False alarms are marked, and the effect of another threshold is previewed and set.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.browser import ADDRESS, Tab, open_tab
from tests.e2e.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.long

PATIENCE = 30.0
EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
FINDING, PROGRESS = "#review-finding", "#review-progress"
PREVIEW = "#review-preview"
OURS = "Write to support@our-shop.example for help."
THEIRS = "Her address is jane.miller@mail.example and her phone is +1 415 555 0112."


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        calls = [{"prompt": f"question {i}", "response": "an answer"} for i in range(40)]
        found = [{"prompt": "Where?", "response": words} for words in (OURS, THEIRS, OURS, THEIRS, OURS)]
        stack.post_many([*calls, *found, {"prompt": EVIL, "response": f"{EVIL} {THEIRS}"}])
        stack.wait_until_settled(PATIENCE)
        yield stack


@pytest.fixture
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        yield tab
        assert tab.complaints == []
        assert tab.ask("window.pwned") is None


def press(tab: Tab, key: str, code: int | None = None) -> None:
    text = key if len(key) == 1 else "\r" if key == "Enter" else ""
    for kind in ("keyDown", "keyUp"):
        tab.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            text=text if kind == "keyDown" else "",
            windowsVirtualKeyCode=code or ord(key.upper()),
        )


def decision(shown: str) -> str:
    """The key that is right for a finding: the address of one's own company is a false alarm."""
    return "f" if OURS in shown else "t"


def test_findings_of_the_day_are_reviewed_by_keyboard_alone(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/review?period=24h&filter=flag+%3D+pii_leak")
    tab.see(PROGRESS, "0 of 6 reviewed, 0 false alarms")
    tab.expect("document.querySelectorAll('#review-finding mark').length > 0")
    press(tab, "?")
    tab.see("#review-keys", "False alarm")
    press(tab, "?")
    seen = []
    for done in range(6):
        tab.see(PROGRESS, f"{done} of 6 reviewed")
        seen.append(tab.see(FINDING, "PII leak"))
        press(tab, decision(seen[-1]))
    assert sum(EVIL in shown for shown in seen) == 1
    tab.see(PROGRESS, "6 of 6 reviewed, 3 false alarms")
    tab.see(FINDING, "Nothing waits")
    press(tab, "u")
    tab.see(PROGRESS, "5 of 6 reviewed")
    assert tab.see(FINDING, "PII leak") == seen[-1]
    press(tab, decision(seen[-1]))
    tab.see(PROGRESS, "6 of 6 reviewed, 3 false alarms")
    counts = httpx.get(f"{stack.api}/metrics/safety").json()["flags"]["pii_leak"]
    assert (counts["flagged"], counts["reviewed"], counts["false_alarms"]) == (6, 6, 3)


def test_the_effect_of_a_threshold_is_previewed_and_set_by_keyboard(stack: Stack, tab: Tab) -> None:
    stack.post_many([{"prompt": "Where?", "response": THEIRS}])
    stack.wait_until_settled(PATIENCE)
    tab.go(f"{stack.dashboard}/review?filter=flag+%3D+pii_leak")
    before = tab.see(PREVIEW, "would be flagged")
    press(tab, "h")
    for _ in range(3):
        press(tab, "ArrowRight", 39)
    tab.expect(f"document.querySelector('{PREVIEW}').innerText !== {before!r}")
    wanted = float(tab.text(PREVIEW).split(" ")[2].rstrip(","))
    press(tab, "Tab", 9)
    press(tab, "Enter", 13)
    tab.see("#review-set-said", f"The threshold is {wanted:.2f}")
    policy = httpx.get(f"{stack.api}/policy").json()["evaluators"]["pii"]
    assert policy["threshold"] == pytest.approx(wanted)
    press(tab, "o")
    tab.expect(f"({ADDRESS}).includes('trace=')")


def test_what_was_missed_is_said_by_keyboard_and_can_be_taken_back(stack: Stack, tab: Tab) -> None:
    stack.post_many([{"prompt": "What is that?", "response": "an unremarkable answer", "tags": ["missed"]}])
    stack.wait_until_settled(PATIENCE)
    tab.go(f"{stack.dashboard}/review?filter=tag+%3D+missed")
    tab.see(FINDING, "A call without a finding")
    press(tab, "m")
    tab.expect("document.activeElement.dataset.reviewKey?.startsWith('m:')")
    for _ in range(20):
        if tab.ask("document.activeElement.dataset.reviewKey") == "m:toxicity":
            break
        press(tab, "Tab", 9)
    press(tab, "Enter", 13)
    tab.see("#review-said", "missed this call")
    tab.see(FINDING, "Nothing waits")
    (call,) = httpx.get(f"{stack.api}/traces", params={"filter": "tag = missed"}).json()["traces"]
    where = f"{stack.api}/traces/{call['trace_id']}"
    (label,) = httpx.get(where).json()["labels"]
    assert (label["finding"], label["flag"], label["label"]) == ("toxicity", None, "true_alarm")
    agreed = httpx.get(f"{stack.api}/metrics/agreement").json()
    (found,) = [one for one in agreed["comparisons"] if one["evaluator"] == "toxicity"]
    assert (found["against"], found["recall"]["estimate"]) == ("findings", 0)
    press(tab, "u")
    tab.see("#review-said", "taken back")
    tab.see(FINDING, "A call without a finding")
    assert httpx.get(where).json()["labels"] == []


def test_what_was_said_twice_is_taken_back_once_and_the_finding_still_waits(stack: Stack, tab: Tab) -> None:
    stack.post_many([{"prompt": "Where?", "response": THEIRS, "tags": ["twice"]}])
    stack.wait_until_settled(PATIENCE)
    tab.go(f"{stack.dashboard}/review?filter=tag+%3D+twice")
    tab.see(FINDING, "PII leak")
    (call,) = httpx.get(f"{stack.api}/traces", params={"filter": "tag = twice"}).json()["traces"]
    where = f"{stack.api}/traces/{call['trace_id']}"
    for key, said in (("3", "scored 3 of 5"), ("4", "scored 4 of 5")):
        press(tab, key)
        tab.see("#review-said", said)
    assert [one["value"] for one in httpx.get(where).json()["labels"]] == [0.8]
    press(tab, "t")
    tab.see(FINDING, "Nothing waits")
    for left in (1, 0):
        press(tab, "u")
        wait_for(lambda left=left: len(httpx.get(where).json()["labels"]) == left, PATIENCE, "one label less")
        tab.see(FINDING, "PII leak")
    press(tab, "u")  # the score of 3 was replaced, so nothing is left
    tab.expect("document.querySelector('#review-said').textContent === ''")
    assert tab.text("#review-problem") == ""
