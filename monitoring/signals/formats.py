"""Whether a response keeps the form that its prompt asked for."""

from __future__ import annotations

import msgspec
import re2

__all__ = ["asks_for_json", "breaks_json"]

_ASKED = re2.compile(
    r"(?i)\b(?:respond|reply|answer|output|return|give|provide|format(?:ted)?|produce|generate|write|convert|extract|list)\b"
    r"[^\n]{0,80}\bjson\b|\bjson (?:only|format|object|array|output|response)\b|\bvalid json\b"
)
# Whoever asks for a program that makes JSON gets a program.
_PROGRAMS = re2.compile(
    r"(?i)\b(?:functions?|code|script|program|api|endpoint|class|method|librar(?:y|ies)|python|javascript|java|rust|sql|"
    r"explain|what is|difference|how (?:do|can|to))\b"
)
_BLOCK = re2.compile(r"(?s)```[ \t]*(?:json|JSON)?[ \t]*\n(.*?)(?:```|\z)")
_LONGEST_REQUEST = 20_000


def asks_for_json(prompt: str) -> bool:
    """Tell whether a prompt wants JSON as the answer, and no program or text about JSON."""
    request = prompt[:_LONGEST_REQUEST]
    return _ASKED.search(request) is not None and _PROGRAMS.search(request) is None


def breaks_json(response: str) -> bool:
    """Tell whether a response holds no valid JSON, in a block of code or as its whole text."""
    blocks = [block.strip() for block in _BLOCK.findall(response)]
    if not blocks:
        starts = [at for at in (response.find("{"), response.find("[")) if at >= 0]
        end = max(response.rfind("}"), response.rfind("]"))
        blocks = [response[min(starts) : end + 1]] if starts and end > min(starts) else [response.strip()]
    return not any(map(_is_json, blocks))


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True
