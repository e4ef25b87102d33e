"""What a message says, in the words that every kind of channel uses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.schemas.alerts import AlertGroup, AlertMessage
from app.schemas.channels import DeliveryKind

__all__ = ["Notice"]

_MOST_NAMED_GROUPS = 10
_STATES: dict[DeliveryKind, str] = {
    "firing": "",
    "renotify": "still ",
    "recovered": "recovered from ",
    "test": "test of ",
}


class Notice(NamedTuple):
    """One message for one channel, with the redacted texts of its examples.

    `dashboard` is the address before the path of a page. A second attempt has the same
    `delivery_id`, so a receiver can tell that it knows the message.
    """

    delivery_id: UUID
    kind: DeliveryKind
    message: AlertMessage
    dashboard: str

    @property
    def summary(self) -> str:
        """One line: project, state, level, rule, and the value beside its threshold."""
        message = self.message
        state = f"{_STATES[self.kind]}{message.level}"
        return f"[{message.project_id}] {state}: {message.rule} ({self.measured})"

    @property
    def measured(self) -> str:
        """The metric and its value beside the threshold, or the reason where there is no value."""
        message = self.message
        if message.value is None:
            return f"{message.metric}: {message.reason or 'no value'}"
        beside = "" if message.threshold is None else f", threshold {message.threshold:.6g}"
        return f"{message.metric} {message.value:.6g}{beside}"

    @property
    def url(self) -> str:
        """The whole address of the page that shows the alert."""
        return f"{self.dashboard}/{self.message.link.lstrip('/')}"

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Names and values for people, in the order of reading."""
        message = self.message
        facts = [
            ("Value", "none" if message.value is None else f"{message.value:.6g}"),
            ("Threshold", "none" if message.threshold is None else f"{message.threshold:.6g}"),
            ("Records", f"{message.n:,}"),
            ("Window", str(timedelta(seconds=message.window_seconds))),
            ("Since", _moment(message.since)),
            ("Decided", _moment(message.at)),
        ]
        if message.reason and message.value is not None:
            facts.append(("Reason", message.reason))
        return facts

    @property
    def group_lines(self) -> list[str]:
        """One line per group, the worst first, and how many more there are."""
        groups = self.message.groups
        lines = [_group_line(group) for group in groups[:_MOST_NAMED_GROUPS]]
        more = len(groups) - len(lines)
        return [*lines, f"and {more} more"] if more > 0 else lines

    @property
    def example_lines(self) -> list[str]:
        """One line per example: its texts, or only its id where no text is kept."""
        lines = []
        for example in self.message.examples:
            texts = " → ".join(text for text in (example.prompt, example.response) if text)
            lines.append(f"{example.trace_id}: {texts}" if texts else str(example.trace_id))
        return lines


def _group_line(group: AlertGroup) -> str:
    value = "no value" if group.value is None else f"{group.value:.6g}"
    change = f". {group.change}" if group.change else ""
    return f"{group.group}: {group.level or 'recovered'}, {value} ({group.n:,} records){change}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
