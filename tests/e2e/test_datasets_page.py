"""Datasets and experiments in a real browser: a file, two runs, their comparison, and calls."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.browser import Tab, open_tab
from tests.e2e.contrast import FAINT_TEXTS
from tests.e2e.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.long

EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
ASKED = [f"How do I return item {n}?" for n in range(12)]
GOOD = "You can return it within thirty days, and the parcel label is in your order."
BAD = "You stupid idiot, how should I know? Everybody hates you."


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        calls = [{"prompt": one, "response": GOOD, "model_name": "gpt-4o"} for one in ASKED]
        stack.post_many([*calls, {"prompt": EVIL, "response": EVIL, "model_name": "odd"}])
        stack.wait_until_settled(60)
        yield stack


@pytest.fixture
def tab() -> Iterator[Tab]:
    with open_tab() as tab:
        tab.show(width=1280, height=900, scheme="light")
        yield tab
        assert tab.complaints == []
        assert tab.ask("window.pwned") is None


def choose(tab: Tab, path: Path) -> None:
    tab.expect("!!document.querySelector('#dataset-file input')")
    root = tab.call("DOM.getDocument")["root"]["nodeId"]
    node = tab.call("DOM.querySelector", nodeId=root, selector="#dataset-file input")["nodeId"]
    tab.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)


def post_run(stack: Stack, name: str, answers: dict[str, str]) -> str:
    outputs = [{"item_id": item, "response": text} for item, text in answers.items()]
    body = {"name": name, "dataset": "returns", "outputs": outputs}
    run = httpx.post(f"{stack.api}/experiments", json=body, timeout=60).raise_for_status().json()
    address = f"{stack.api}/experiments/{run['run_id']}"
    wait_for(lambda: httpx.get(address).json()["state"] == "done", 60, "the run to be scored")
    return str(run["run_id"])


def look(tab: Tab, name: str) -> None:
    """Whether the page can be read on a phone in the dark."""
    folder = os.environ.get("LLM_MONITOR_PICTURES")
    if folder:
        tab.picture(Path(folder) / f"{name}-light.png")
    tab.show(width=390, height=844, scheme="dark")
    time.sleep(0.5)  # a colour scheme fades in
    assert tab.ask(FAINT_TEXTS) == []
    assert tab.ask("document.documentElement.scrollWidth") <= 390
    if folder:
        tab.picture(Path(folder) / f"{name}-dark.png")
    tab.show(width=1280, height=900, scheme="light")


def datasets(stack: Stack) -> dict[str, dict[str, Any]]:
    found = httpx.get(f"{stack.api}/datasets").raise_for_status().json()["datasets"]
    return {one["name"]: one for one in found}


def test_a_file_becomes_a_dataset_and_two_runs_are_compared(stack: Stack, tab: Tab, tmp_path: Path) -> None:
    tab.go(f"{stack.dashboard}/datasets")
    tab.see("#datasets-shown", "There is no dataset yet")
    broken, file = tmp_path / "broken.csv", tmp_path / "returns.csv"
    broken.write_text("item_id,prompt,reference\na,one,two\na,\n")
    choose(tab, broken)
    assert "Line 3" in tab.see("#dataset-told", "Nothing was added")
    rows = [f"i{n},{asked},{GOOD.split(',', maxsplit=1)[0]}" for n, asked in enumerate(ASKED)]
    file.write_text("\n".join(["item_id,prompt,reference", *rows, f'evil,"{EVIL}",none', ""]))
    choose(tab, file)
    tab.expect("document.querySelector('#dataset-told').innerText.includes('returns has 13 items now')")
    shown = tab.see("#datasets-shown", "Version 1")
    assert EVIL in shown
    assert datasets(stack)["returns"]["items"] == 13
    answers = {f"i{n}": GOOD for n in range(12)} | {"evil": EVIL}
    base = post_run(stack, "first prompt", answers)
    other = post_run(stack, "rude prompt", dict.fromkeys(answers, BAD))
    tab.click("a[href*='approve=']")
    tab.see("#datasets-shown", "approved baseline of “returns”")
    tab.click("#datasets-confirm")
    tab.see("#datasets-said", "is the approved baseline")
    approved = datasets(stack)["returns"]["approved_run"]
    assert approved in {base, other}
    look(tab, "dataset")
    tab.go(f"{stack.dashboard}/experiments?base={base}&other={other}")
    told = tab.see("#comparison-shown", "Items that changed most")
    asked = {"base": base, "with": other}
    found = httpx.get(f"{stack.api}/experiments/compare", params=asked, timeout=60).json()
    for figure in found["comparison"]["figures"]:
        assert figure["sentence"] in told
    assert "rude prompt is worse by" in told
    assert BAD in told
    look(tab, "experiments")
    tab.click("#comparison-shown .card a[href*='trace=']")
    tab.see(".mantine-Drawer-body", "Scores")


def test_listed_calls_become_a_dataset_and_one_call_is_added(stack: Stack, tab: Tab) -> None:
    tab.go(f"{stack.dashboard}/traces?filter=model+%3D+gpt-4o")
    tab.see("#found-sum", "12 traces")
    tab.click(".making-menu summary")
    tab.click("#make-go")
    tab.see("#make-said", "Give a dataset first")
    tab.fill("#make-name", "of calls")
    tab.click("#make-go")
    tab.see("#make-said", "of calls has 12 items now, in version 1")
    look(tab, "traces")
    (odd,) = httpx.get(f"{stack.api}/traces", params={"model": "odd"}).json()["traces"]
    tab.go(f"{stack.dashboard}/traces?trace={odd['trace_id']}")
    tab.see(".mantine-Drawer-body", "Scores")
    tab.ask("document.querySelector('#add-name').closest('details').open = true")
    tab.fill("#add-name", "of calls")
    tab.ask("document.querySelector('#add-correction').focus()")
    tab.call("Input.insertText", text="I cannot help with that.")
    tab.click("#add-go")
    tab.see("#add-said", "of calls has 13 items now, in version 2")
    tab.click("#add-said a")
    shown = tab.see("#datasets-shown", "1 item added")
    assert EVIL in shown
    assert "I cannot help with that." in shown
