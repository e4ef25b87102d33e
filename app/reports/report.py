"""What every report has in common: frozen models, money, and trends that show their gaps."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from monitoring.statistics.trends import Window

__all__ = ["PERCENTILES", "Report", "empty_message"]

PERCENTILES = (0.1, 0.5, 0.9)


class Report(BaseModel):
    """A part of a report: frozen, with the field names of the contract."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


def empty_message(window: Window, records: int, what: str = "interactions") -> str | None:
    """Return the sentence of a report about nothing, None when there is something."""
    return None if records else f"No {what} in the last {window.period}."
