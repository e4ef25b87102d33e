"""The findings that one person has in hand, which the browser keeps, and how keys change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

__all__ = ["MOST_IN_HAND", "Done", "Entry", "Hand", "read_hand"]

MOST_IN_HAND = 50
"""The most calls that one person has claimed at a time."""
_MOST_ENTRIES = 2_000
Outcome = Literal["", "true_alarm", "false_alarm", "score", "missed", "skipped"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A flag of a call that waits for a decision; without a flag, a call that waits for a score."""

    trace_id: UUID
    flag: Annotated[str, Meta(max_length=512)] | None = None
    outcome: Outcome = ""

    @property
    def waits(self) -> bool:
        """Whether nobody decided yet."""
        return self.outcome in {"", "skipped"}


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A label that was given, and the entry it was given to, so that it can be taken back.

    `finding` is what the label is about; None is the whole call.
    """

    at: int
    trace_id: UUID
    label_id: UUID
    finding: Annotated[str, Meta(max_length=512)] | None = None


class Hand(msgspec.Struct, frozen=True, kw_only=True):
    """The entries in hand, the place of the shown one, what was done, and for which address.

    `turn` counts the answers, so that the browser notices each.
    """

    asked: Annotated[str, Meta(max_length=16_384)] = ""
    entries: Annotated[tuple[Entry, ...], Meta(max_length=_MOST_ENTRIES)] = ()
    at: Annotated[int, Meta(ge=0, le=_MOST_ENTRIES)] = 0
    done: Annotated[tuple[Done, ...], Meta(max_length=_MOST_ENTRIES)] = ()
    turn: int = 0

    @property
    def entry(self) -> Entry | None:
        """The shown entry; None at the end."""
        return self.entries[self.at] if self.at < len(self.entries) else None

    @property
    def waiting(self) -> int:
        """The number of calls in hand that wait."""
        return len({entry.trace_id for entry in self.entries if entry.waits})

    def move(self, steps: int) -> Hand:
        """Return the hand with another entry shown; it stops at both ends."""
        return self._with(at=min(max(self.at + steps, 0), len(self.entries)))

    def decide(self, outcome: Outcome, label_id: UUID | None = None, finding: str | None = None) -> Hand:
        """Return the hand after a decision on the shown entry, with the next one that waits."""
        entry = self.entries[self.at]
        changed = msgspec.structs.replace(entry, outcome=outcome)
        entries = (*self.entries[: self.at], changed, *self.entries[self.at + 1 :])
        hand = self._with(entries=entries)
        if label_id is not None:
            hand = hand.note(label_id, finding)
        later = (at for at in range(self.at + 1, len(entries)) if not entries[at].outcome)
        return msgspec.structs.replace(hand, at=next(later, len(entries)))

    def note(self, label_id: UUID, finding: str | None = None) -> Hand:
        """Return the hand that remembers a label of the shown entry.

        The API keeps the newest label of a person about a finding, so an earlier one is forgotten.
        """
        trace_id = self.entries[self.at].trace_id
        kept = tuple(one for one in self.done if (one.trace_id, one.finding) != (trace_id, finding))
        done = Done(at=self.at, trace_id=trace_id, label_id=label_id, finding=finding)
        return self._with(done=(*kept[-_MOST_ENTRIES + 1 :], done))

    def undo(self) -> Hand:
        """Return the hand before the last label, with its entry shown again.

        A flag waits again only if the label was about it.
        """
        last = self.done[-1]
        hand = self._with(done=self.done[:-1], at=min(last.at, len(self.entries)))
        if hand.entry is None or hand.entry.flag not in {None, last.finding}:
            return hand
        changed = msgspec.structs.replace(hand.entry, outcome="")
        return msgspec.structs.replace(
            hand, entries=(*self.entries[: hand.at], changed, *self.entries[hand.at + 1 :])
        )

    def take(self, claimed: Sequence[tuple[UUID, Sequence[str]]]) -> Hand:
        """Return the hand with the calls that were claimed and are not in it yet."""
        known = {entry.trace_id for entry in self.entries}
        fresh = [
            Entry(trace_id=trace_id, flag=flag)
            for trace_id, flags in claimed
            if trace_id not in known
            for flag in (flags or (None,))
        ]
        return self._with(entries=(*self.entries, *fresh)[:_MOST_ENTRIES])

    def _with(self, **changes: Any) -> Hand:
        return msgspec.structs.replace(self, **changes)


def read_hand(data: object) -> Hand:
    """Return the hand that a browser keeps; an empty one for anything else."""
    try:
        return msgspec.convert(data, Hand) if data else Hand()
    except msgspec.ValidationError:
        return Hand()
