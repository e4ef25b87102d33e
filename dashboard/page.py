"""The definition of a page, and the search for pages: every module of `dashboard.pages` is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import dashboard.pages

if TYPE_CHECKING:
    from dash import Dash

    from dashboard.data.sources import Sources

__all__ = ["Page", "find_pages"]


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: its address, its place in the navigation, its layout, and its callbacks.

    A path that ends with a slash is that of every address below it, such as /traces/<id>; such a
    page is not in the navigation.
    `icon` names a file of assets/icons. `layout` is called for each visit and reads nothing. The
    callbacks that `register` adds fetch what is shown, most of them with `dashboard.updating`.
    """

    path: str
    title: str
    icon: str = "list"
    order: int
    layout: Callable[[], Any]
    register: Callable[[Dash, Sources], None]

    @property
    def is_below(self) -> bool:
        """Whether this page is shown at every address below its path."""
        return len(self.path) > 1 and self.path.endswith("/")


def find_pages(package: ModuleType = dashboard.pages) -> list[Page]:
    """Return the `PAGE` of every module of the package, in the order of the navigation.

    Raises TypeError for a module without one.
    """
    pages = []
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        page = getattr(module, "PAGE", None)
        if not isinstance(page, Page):
            msg = f"{module.__name__} needs a PAGE of type dashboard.page.Page"
            raise TypeError(msg)
        pages.append(page)
    return sorted(pages, key=lambda page: (page.order, page.title))
