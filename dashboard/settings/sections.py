"""The sections of the settings, in their order."""

from __future__ import annotations

from typing import Final

from dashboard.settings import (
    audit,
    dead_letters,
    keys,
    ledger,
    prices,
    project,
    redaction,
    rules,
    thresholds,
)
from dashboard.settings.section import Section

__all__ = ["SECTIONS"]

SECTIONS: Final[tuple[Section, ...]] = (
    thresholds.SECTION,
    redaction.SECTION,
    project.SECTION,
    rules.SECTION,
    keys.SECTION,
    prices.SECTION,
    dead_letters.SECTION,
    ledger.SECTION,
    audit.SECTION,
)
