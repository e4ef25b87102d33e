"""`make screenshots`: pictures of every page, in both themes and on a desk and a phone."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from dashboard.page import find_pages
from tests.e2e.browser import Tab, open_tab
from tests.e2e.sample import sample_calls
from tests.e2e.stack import ROOT, Stack, running_stack

__all__ = ["main", "take_pictures"]

_FOLDER = ROOT / "docs" / "screenshots"
_SIZES = {"desk": (1280, 900), "phone": (390, 844)}
_DRAWN_SECONDS = 4.0  # charts move into their places


def take_pictures(stack: Stack, tab: Tab, folder: Path) -> list[Path]:
    """Write a picture of each page for each theme and size, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for page in (one for one in find_pages() if not one.is_below):
        name = page.path.strip("/").replace("/", "-") or "overview"
        for size, (width, height) in _SIZES.items():
            for scheme in ("light", "dark"):
                tab.show(width=width, height=height, scheme=scheme)
                tab.go(f"{stack.dashboard}{page.path}")
                tab.see("#health", "Healthy")
                drawn = time.monotonic() + _DRAWN_SECONDS
                while time.monotonic() < drawn:
                    tab.ask("new Promise((done) => setTimeout(done, 250))")
                path = folder / f"{name}-{size}-{scheme}.png"
                tab.picture(path)
                written.append(path)
    return written


def main() -> int:
    """Start a stack on sample calls and take the pictures; returns the exit status."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else _FOLDER
    with running_stack(workers=1) as stack, open_tab() as tab:
        stack.post_many(sample_calls())
        stack.wait_until_settled(120)
        for path in take_pictures(stack, tab, folder):
            sys.stdout.write(f"{path}\n")
        for complaint in tab.complaints:
            sys.stderr.write(f"{complaint}\n")
    return 1 if tab.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
