"""Images, sounds and files in conversations: a placeholder with type and size stands for their bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import re2

__all__ = ["MEDIA_TYPES", "is_media", "place_media", "replace_media"]

# The names under which providers and frameworks send media parts, and what they are.
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "image": "image",
    "image_url": "image",
    "image-url": "image",
    "image_file": "image",
    "input_image": "image",
    "output_image": "image",
    "computer_screenshot": "image",
    "audio": "audio",
    "audio_url": "audio",
    "audio-url": "audio",
    "input_audio": "audio",
    "output_audio": "audio",
    "video": "video",
    "video_url": "video",
    "video-url": "video",
    "input_video": "video",
    "file": "file",
    "input_file": "file",
    "file_url": "file",
    "container_upload": "file",
    "blob": "file",
    "binary": "file",
    "uri": "file",
    "media": "file",
    "document": "document",
    "document_url": "document",
    "document-url": "document",
    "inlineData": "file",
    "inline_data": "file",
    "fileData": "file",
    "file_data": "file",
}
_TYPED: Final = ("mime_type", "mimeType", "media_type", "mediaType", "content_type", "contentType", "format")
_INSIDE: Final = (
    "source",
    "image_url",
    "input_audio",
    "audio",
    "image",
    "video",
    "document",
    "file",
    "data",
    "bytes",
    "content",
    "url",
    "uri",
    "file_data",
    "image_data",
    "fileData",
    "inlineData",
    "inline_data",
)
_DEPTH = 4
_BASE64 = "[A-Za-z0-9+/_-]"
_FEWEST = 200
# What the bytes of common media begin with, as base64.
_BEGINNINGS: Final[Mapping[str, str]] = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "Qk0": "image/bmp",
    "JVBERi0": "application/pdf",
    "UEsDB": "application/zip",
    "SUQz": "audio/mpeg",
    "//uQ": "audio/mpeg",
    "T2dnUw": "audio/ogg",
    "ZkxhQ": "audio/flac",
    "AAAAGGZ0eX": "video/mp4",
    "AAAAHGZ0eX": "video/mp4",
    "AAAAIGZ0eX": "video/mp4",
    "GkXfo": "video/webm",
}
# Bytes of any other kind are told from words by so many letters of both cases and digits without anything between.
_LONG = 1024
_options = re2.Options()
_options.max_mem = 64 << 20
_ENCODED = re2.compile(
    rf"data:([a-z]+/[A-Za-z0-9.+-]{{1,64}})?((?:;[A-Za-z0-9=._-]{{1,64}}){{0,4}});base64,({_BASE64}*=*)"
    rf"|((?:{'|'.join(beginning.replace('+', '[+]') for beginning in _BEGINNINGS)}){_BASE64}{{{_FEWEST},}}=*)",
    _options,
)
_LETTERS = re2.compile(rf"{_BASE64}+=*")


def is_media(part: Mapping[str, Any]) -> bool:
    """Tell whether a part of a message is media, by its type or by the one member that names it."""
    kind = part.get("type") or part.get("kind")
    if isinstance(kind, str):
        return kind in MEDIA_TYPES
    return len(part) <= 2 and not part.keys().isdisjoint(MEDIA_TYPES)  # noqa: PLR2004 the media and a name beside it


def place_media(part: Mapping[str, Any]) -> str:
    """Return the placeholder of a media part: `[image image/png 70 bytes]`, with what of it is known."""
    named = part.get("type") or part.get("kind")
    name = named if isinstance(named, str) else next((key for key in part if key in MEDIA_TYPES), "file")
    kind, mime, size = MEDIA_TYPES.get(name, "file"), None, None
    modality = part.get("modality")
    if isinstance(modality, str) and modality in {"image", "audio", "video"}:
        kind = modality
    for found in _members(part, 0):
        if isinstance(found, dict):
            mime = mime or _type_of(found, kind)
        elif found.startswith("data:"):
            mime = mime or (found[5:].partition(",")[0].partition(";")[0] or None)
            size = _decoded_size(found.partition(",")[2])
        elif size is None and not _is_address(found):
            size = _decoded_size(found)
            mime = mime or _sniff(found)
    return _placeholder(kind, mime, size)


def replace_media(text: str) -> str:
    """Return a text with placeholders for data URIs and for encoded images, sounds and files in it."""
    if _may_hold_media(text):
        text = str(_ENCODED.sub(_replace, text))
    return _LETTERS.sub(_replace_bytes, text) if len(text) >= _LONG and _runs_on(text) else text


def _may_hold_media(text: str) -> bool:
    """Look for a few words, which costs a tenth of what the expression does; almost no text has one."""
    if len(text) > _FEWEST:
        for beginning in _BEGINNINGS:
            if beginning in text:
                return True
    return ";base64," in text


def _runs_on(text: str) -> bool:
    """Tell whether somewhere in a text half of the fewest letters of encoded bytes stand without a space."""
    half = _LONG // 2
    blocks = (text[start : start + half] for start in range(0, len(text) - half + 1, half))
    return any(" " not in block and block.isascii() for block in blocks)


def _replace_bytes(match: Any) -> str:
    found = str(match.group())
    if len(found) < _LONG or found.isupper() or found.islower() or not any(map(str.isdigit, found[:_LONG])):
        return found
    return _placeholder("file", None, _decoded_size(found))


def _replace(match: Any) -> str:
    mime, _, encoded, bare = match.groups()
    if bare:
        return _placeholder("file", _sniff(bare), _decoded_size(bare))
    return _placeholder("file", mime or None, _decoded_size(encoded or ""))


def _members(part: Mapping[str, Any], depth: int) -> list[Any]:
    """Return a part, what lies under the names of media inside it, and the texts there."""
    found: list[Any] = [part]
    if depth < _DEPTH:
        for name in _INSIDE:
            inner = part.get(name)
            if isinstance(inner, dict):
                found += _members(inner, depth + 1)
            elif isinstance(inner, str) and inner:
                found.append(inner)
    return found


def _type_of(found: Mapping[str, Any], kind: str) -> str | None:
    for name in _TYPED:
        value = found.get(name)
        if isinstance(value, str) and 0 < len(value) <= 80:  # noqa: PLR2004 no media type is longer
            return value if "/" in value or kind == "file" else f"{kind}/{value}"
    return None


def _is_address(text: str) -> bool:
    return "://" in text[:32] or not text.isascii() or any(sign in text[:256] for sign in " .:")


def _sniff(encoded: str) -> str | None:
    return next((mime for start, mime in _BEGINNINGS.items() if encoded.startswith(start)), None)


def _decoded_size(encoded: str) -> int:
    return len(encoded.rstrip("=")) * 3 // 4


def _placeholder(kind: str, mime: str | None, size: int | None) -> str:
    if kind == "file" and mime and mime.partition("/")[0] in {"image", "audio", "video"}:
        kind = mime.partition("/")[0]
    told = [kind, mime, None if size is None else f"{size} bytes"]
    return f"[{' '.join(one for one in told if one)}]"
