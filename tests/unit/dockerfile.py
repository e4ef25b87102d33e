"""What a Dockerfile says, stage by stage, and what an image takes over from the stages below it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import NamedTuple

__all__ = ["Copy", "Image", "Instruction", "read_images"]


class Instruction(NamedTuple):
    """One instruction, its continuation lines joined."""

    keyword: str
    value: str


class Copy(NamedTuple):
    """What one COPY takes; `stage` is None for what comes from the checkout."""

    sources: tuple[str, ...]
    target: str
    stage: str | None


class Image(NamedTuple):
    """One stage with every instruction that it is made by, those of the stages below it first."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def values(self, keyword: str) -> list[str]:
        return [one.value for one in self.instructions if one.keyword == keyword]

    def environment(self) -> dict[str, str]:
        words = (word for value in self.values("ENV") for word in shlex.split(value))
        return dict(word.split("=", 1) for word in words)

    def command(self, keyword: str) -> list[str]:
        """Return the words of the last CMD or ENTRYPOINT, which are written as a JSON list."""
        words: list[str] = json.loads(self.values(keyword)[-1])
        return words

    def health_command(self) -> list[str]:
        (value,) = self.values("HEALTHCHECK")
        words: list[str] = json.loads(value.partition(" CMD ")[2])
        return words

    def copies(self) -> Iterator[Copy]:
        for value in self.values("COPY"):
            words = shlex.split(value)
            options = dict(re.findall(r"--(\w+)=(\S+)", value))
            *sources, target = [word for word in words if not word.startswith("--")]
            yield Copy(tuple(sources), target, options.get("from"))


def read_images(text: str) -> Mapping[str, Image]:
    """Return the stages of a Dockerfile by name, in their order.

    Lines before the first stage are left out.
    """
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    images: dict[str, Image] = {}
    name = None
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword == "FROM":
            base, _, name = value.split()
            below = images[base].instructions if base in images else ()
            images[name] = Image(name, base, below)
        elif keyword and name:
            one = images[name]
            images[name] = one._replace(instructions=(*one.instructions, Instruction(keyword, value.strip())))
    return images
