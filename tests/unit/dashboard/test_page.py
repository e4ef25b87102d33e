from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest
from plotly.io.json import to_json_plotly

from app.config import Settings
from app.errors import StartupError
from dashboard.app import create_dashboard
from dashboard.drawing.frame import frame
from dashboard.drawing.onboarding import snippets
from dashboard.page import find_pages


def test_every_page_has_an_address_of_its_own_and_a_drawn_icon() -> None:
    pages = find_pages()
    assert [page.title for page in pages][:1] == ["Overview"]
    assert len({page.path for page in pages}) == len(pages)
    icons = Path(sys.modules["dashboard.app"].__file__ or "").parent / "assets" / "icons"
    assert [page.icon for page in pages if not (icons / f"{page.icon}.svg").exists()] == []


def test_a_module_without_a_page_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lost_page.py").write_text("PAGE = 'none'")
    package = ModuleType("lost")
    package.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "lost", package)
    with pytest.raises(TypeError, match=r"lost\.lost_page needs a PAGE"):
        find_pages(package)


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])  # noqa: S104 compared, not bound
def test_a_dashboard_that_anybody_can_reach_says_so(host: str, *, warned: bool) -> None:
    shown = to_json_plotly(frame(Settings(host=host, allow_anonymous=True), find_pages()))
    assert ("no key protects it" in shown) is warned


def test_without_servers_it_says_what_to_set() -> None:
    with pytest.raises(StartupError, match="needs DATABASE_URL and REDIS_URL"):
        create_dashboard(Settings(database_url=None, redis_url=None))


def test_every_snippet_names_the_api_that_is_meant() -> None:
    found = snippets("http://monitor.internal:9000")
    assert all("http://monitor.internal:9000" in code for code in found.values())
    assert not any("KEY" in code for code in found.values())


def test_where_keys_are_needed_every_snippet_sends_one() -> None:
    found = snippets("http://monitor.internal:9000", keyed=True)
    assert all("KEY" in code for code in found.values())
    ast.parse(found["Python"])
    assert all(line.startswith("export ") for line in found["OpenTelemetry"].splitlines())
