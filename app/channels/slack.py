"""The body of a message for an incoming webhook of Slack.

Slack refuses a whole message if one text is too long, so every text is cut to what Block Kit takes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from app.channels.notice import Notice

__all__ = ["write_body"]

_HEADER, _SECTION, _FIELD, _FIELDS, _TEXT = 150, 3_000, 2_000, 10, 4_000
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def write_body(notice: Notice) -> bytes:
    """Return the message as JSON with blocks, and a text for notifications."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": notice.summary[:_HEADER]}},
        {"type": "section", "fields": [_field(*fact) for fact in notice.facts[:_FIELDS]]},
    ]
    for title, lines in (("Groups", notice.group_lines), ("Examples", notice.example_lines)):
        if lines:
            blocks.append({"type": "section", "text": _marked(f"*{title}*\n" + _listed(lines))})
    blocks.append({"type": "section", "text": _marked(f"<{_escape(notice.url, _FIELD)}|Open the alert>")})
    return msgspec.json.encode({"text": _escape(notice.summary, _TEXT), "blocks": blocks})


def _field(name: str, value: str) -> dict[str, str]:
    return _marked(f"*{name}*\n{_escape(value, _FIELD - 50)}")


def _listed(lines: list[str]) -> str:
    most = (_SECTION - 100) // len(lines)
    return "\n".join(f"• {_escape(line, most - 3)}" for line in lines)


def _marked(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def _escape(text: str, most: int) -> str:
    """Return a text of at most `most` characters in which nothing is a mention or a link."""
    written, length = [], 0
    for character in text:
        piece = _ESCAPED.get(character, character)
        length += len(piece)
        if length > most:
            break
        written.append(piece)
    return "".join(written)
