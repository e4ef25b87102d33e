"""What a page is, and finding the pages: every module of `dashboard.pages` is one."""

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

    from dashboard.data.queries import Queries

__all__ = ["Page", "find_pages"]


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: its address, its place in the navigation, its layout, and its callbacks.

    `icon` names a file of assets/icons. `layout` is called for each visit and reads nothing; what is to be
    shown is fetched by the callbacks that `register` adds to the application, through `Sources.read` where no other
    page shows the same.
    """

    path: str
    title: str
    icon: str = "list"
    order: int
    layout: Callable[[], Any]
    register: Callable[[Dash, Queries], None]


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
