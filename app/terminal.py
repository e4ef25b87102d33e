"""Text of others on a terminal: what would move the cursor, colour or hide anything is shown as an escape."""

from __future__ import annotations

from rich.text import Text

__all__ = ["cell", "plain"]


def plain(text: str) -> str:
    """Return a text with every character that is not printable as JSON escapes it, so that JSON stays JSON."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def cell(text: str) -> Text:
    """Return a text for a table, in which brackets are no markup."""
    return Text(plain(text))


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
