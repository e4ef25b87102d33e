"""The fenced blocks of the README and of every page below docs, in the order of reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["PAGES", "ROOT", "Block", "blocks_of", "read_blocks"]

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    str(path.relative_to(ROOT)) for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
)
_SAVED = re.compile(r"Save this as `([\w.-]+)`:$")
_ENDLESS = re.compile(r"(?:^|\s)(make run-local|python main\.py|python -m dashboard\.app)$")


@dataclass(frozen=True)
class Block:
    """One block: its page, the line where it begins, its language, and the prose before it."""

    page: str
    line: int
    language: str
    text: str
    before: str = ""

    @property
    def first_line(self) -> str:
        """The line by which tables name the block."""
        return self.text.split("\n", 1)[0]

    @property
    def file_name(self) -> str | None:
        """The name under which the reader is told to save the block."""
        found = _SAVED.search(self.before)
        return found[1] if found else None

    @property
    def runs_on(self) -> bool:
        """Whether the last command of the block runs until Ctrl-C."""
        return self.language == "bash" and bool(_ENDLESS.search(self.text.rstrip()))


def read_blocks(page: str, text: str) -> Iterator[Block]:
    """Yield the blocks of a page, including indented ones and those that name no language."""
    before = ""
    for token in MarkdownIt().parse(text):
        if token.type in {"fence", "code_block"}:
            yield Block(page, _line(token), token.info.strip(), token.content, before)
        if token.type == "inline":
            before = token.content
        elif token.type == "fence":
            before = ""


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page of this repository."""
    return list(read_blocks(page, (ROOT / page).read_text(encoding="utf-8")))


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0
