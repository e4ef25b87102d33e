"""How a project's settings change: bounded in size, never on what is not known, and redaction never by the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from app.errors import Conflict, InvalidRecord, PreconditionFailed, PreconditionRequired
from app.schemas.json_input import WrongShapeError, convert
from app.schemas.projects import ProjectSettings, encode_settings
from monitoring.privacy.redaction import Redaction

__all__ = [
    "SETTINGS_BYTES",
    "Difference",
    "Match",
    "apply_patch",
    "check_match",
    "check_redaction",
    "check_size",
    "compare",
    "etag_of",
    "list_differences",
    "list_dropped",
    "name_fields",
]

SETTINGS_BYTES: Final = 64 * 1024
"""Largest settings of a project, as encoded. Every process reads those of all projects every other second."""

_MOST_NAMES, _LONGEST_NAME = 200, 128
_LISTED, _LISTED_CHARACTERS = 50, 200
_ANYTHING = "*"

Plain = Mapping[str, Any]


class Match(NamedTuple):
    """The If-Match header of a request that replaces everything, None where it was not sent."""

    sent: str | None


class Difference(NamedTuple):
    """A field, as `redaction.mode`, before and after; None where a name of a mapping is not there."""

    field: str
    before: Any
    after: Any


def etag_of(value: msgspec.Struct) -> str:
    """Return the entity tag (RFC 9110, section 8.8.3) of settings as they are."""
    encoded = msgspec.json.encode(value, order="deterministic")
    return f'"{hashlib.blake2b(encoded, digest_size=16).hexdigest()}"'


def check_match(sent: str | None, value: msgspec.Struct, dropped: Sequence[Difference]) -> None:
    """Raise PreconditionRequired without an If-Match header, PreconditionFailed for one that names something else.

    Either names what the request would have dropped.
    """
    if sent is not None and (sent.strip() == _ANYTHING or etag_of(value) in map(str.strip, sent.split(","))):
        return
    lost = "; ".join(f"{one.field} (now {one.before})" for one in dropped[:_LISTED])
    errors = [
        {"field": one.field, "message": f"is {_cut(one.before)} and would be dropped"}
        for one in dropped[:_LISTED]
    ]
    effect = f" It would drop {lost[:1000]}." if lost else ""
    if sent is None:
        raise PreconditionRequired(
            "This replaces everything: send If-Match with the ETag that GET answered, or change single fields by "
            f"PATCH.{effect}",
            errors=errors,
        )
    raise PreconditionFailed(
        f"This was changed since it was read: read it again and send its ETag as If-Match.{effect}",
        errors=errors,
    )


def check_size(settings: ProjectSettings) -> None:
    """Raise InvalidRecord for settings that are too large, or name too much or at too great length."""
    named = {
        "guard.block": settings.guard.block,
        "policy.thresholds": settings.policy.thresholds,
        "policy.weights": settings.policy.weights,
        "redaction.types": settings.redaction.types,
    }
    for field, names in named.items():
        if len(names) > _MOST_NAMES:
            raise _too_large(field, f"names {len(names)} things and may name {_MOST_NAMES}")
        if any(len(name) > _LONGEST_NAME for name in names):
            raise _too_large(field, f"holds a name of more than {_LONGEST_NAME} characters")
    if (size := len(encode_settings(settings))) > SETTINGS_BYTES:
        raise _too_large("settings", f"take {size} bytes and may take {SETTINGS_BYTES}")


def check_redaction(before: Redaction, after: Redaction, *, lifted: bool) -> bool:
    """Tell whether personal data that was taken out would stay from now on; raises Conflict unless that is `lifted`.

    It would stay where a mode becomes `off` that was another, for everything or a single type, and where less
    sure findings are left than before.
    """
    kinds = {*before.types, *after.types}
    weaker = (
        (before.mode != "off" and after.mode == "off")
        or any(before.mode_of(kind) != "off" and after.mode_of(kind) == "off" for kind in kinds)
        or (before.on and after.on and after.confidence > before.confidence)
    )
    if weaker and not lifted:
        raise Conflict(
            "This would leave personal data in records that redaction takes out now. Add ?redaction=off to the "
            "address to say that this is meant; the audit log keeps that as an act of its own."
        )
    return weaker


def apply_patch(patch: Any, settings: ProjectSettings) -> ProjectSettings:
    """Return settings with a merge patch applied (RFC 7396): null takes back what was decided.

    Raises InvalidRecord where that makes no settings.
    """
    if not isinstance(patch, dict):
        raise InvalidRecord("A merge patch of settings is a JSON object of the fields to change.")
    try:
        return convert(_merge(msgspec.to_builtins(settings), patch), ProjectSettings)
    except WrongShapeError as error:
        where = f" at {error.field}" if error.field else ""
        raise InvalidRecord(f"The patch was not taken: {error}{where}.") from error
    except RecursionError as error:
        raise InvalidRecord("The patch is nested more deeply than settings are.") from error


def compare(before: msgspec.Struct, after: msgspec.Struct) -> list[Difference]:
    """Return the fields that differ, by name."""
    old, new = _flat(before), _flat(after)
    names = sorted(old.keys() | new.keys())
    return [
        Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    ]


def list_dropped(before: msgspec.Struct, after: msgspec.Struct) -> list[Difference]:
    """Return what was decided before and is as for everybody after."""
    default = _flat(type(before)())
    return [
        one
        for one in compare(before, after)
        if one.before != default.get(one.field) and one.after == default.get(one.field)
    ]


def name_fields(found: Sequence[Difference]) -> str:
    """Return the names of fields as a header may hold them, as many as find room."""
    names = (one.field[:_LISTED_CHARACTERS] for one in found[:_LISTED])
    return ", ".join(name for name in names if name.isascii() and name.isprintable())


def list_differences(found: Sequence[Difference]) -> dict[str, Any]:
    """Return differences for the audit log, of bounded size: before and after by field, and how many more there are."""
    listed = {one.field[:_LISTED_CHARACTERS]: [_cut(one.before), _cut(one.after)] for one in found[:_LISTED]}
    more = len(found) - len(listed)
    return {"changed": listed} | ({"more": more} if more > 0 else {})


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged


def _flat(value: msgspec.Struct) -> dict[str, Any]:
    return dict(_leaves("", msgspec.to_builtins(value)))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for name, inner in value.items():
        yield from _leaves(f"{path}.{name}" if path else name, inner)


def _cut(value: Any) -> Any:
    return (
        f"{value[:_LISTED_CHARACTERS]}…"
        if isinstance(value, str) and len(value) > _LISTED_CHARACTERS
        else value
    )


def _too_large(field: str, message: str) -> InvalidRecord:
    return InvalidRecord(f"{field} {message}.", errors=[{"field": field, "message": message}])
