"""Faults of a page that make it hard to use for some people, found by axe-core."""

from __future__ import annotations

import json

import pytest

from tests.e2e.browser import Tab
from tests.e2e.stack import ROOT

__all__ = ["find_faults"]

_SCRIPT = ROOT / ".tools" / "node_modules" / "axe-core" / "axe.min.js"
_WORST = ["serious", "critical"]
_RUN = f"""(within) => axe.run(within || document, {{ resultTypes: ["violations"] }}).then((found) => found.violations
  .filter((fault) => {json.dumps(_WORST)}.includes(fault.impact))
  .map((fault) => `${{fault.id}}: ${{fault.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" ")}}`))"""


def find_faults(tab: Tab, within: str = "") -> list[str]:
    """Return the serious and critical faults of the open page, each with its first elements.

    With a selector `within` they are those of a part of the page.
    Skips the test where axe-core is not installed.
    """
    if not _SCRIPT.exists():
        pytest.skip("axe-core is not installed: it needs npm, then make tools")
    if tab.ask("typeof axe") == "undefined":
        tab.call("Runtime.evaluate", expression=_SCRIPT.read_text())
    found: list[str] = tab.ask(f"({_RUN})({json.dumps(within)})")
    return found
