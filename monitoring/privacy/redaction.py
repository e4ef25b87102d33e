"""What a project decided about personal data in its records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

__all__ = ["SESSION_ID", "USER_ID", "Mode", "OwnId", "Redaction", "without_pseudonyms"]

Mode = Literal["off", "mask", "hash", "drop"]
OwnId = Literal["USER_ID", "SESSION_ID"]

USER_ID: Final = "USER_ID"
SESSION_ID: Final = "SESSION_ID"
# 2026-11-26: at .4 none of the 619 lines of docs_numeric_negatives is touched, at .3 thirty are; of the
# identifiers of presidio_synth_v2 whose form decides, 260 of 261 are found at either.
_CONFIDENCE = 0.4
# As app/privacy.py and the redactor write them; of bounded length, so its time is linear in the text.
_PSEUDONYM = re.compile(r"\[([A-Z][A-Z0-9_]{1,40}):[a-p]{16}\]")


class Redaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of personal data in the records of one project, before they are queued or stored.

    `mode` counts for every type of finding, `types` says otherwise for some: `off` leaves it, `mask` puts
    its type in its place, `hash` its type and a pseudonym, `drop` takes every text out of a record that
    holds it. With `mode` drop every record loses its texts, whatever is in them. `USER_ID` and
    `SESSION_ID` are a record's own ids as a whole: pseudonyms under `hash` and `drop`, else searched as
    any other text unless `types` names them. Findings less sure than `confidence`, 0..1, are left.

    Raises ValueError for a type that cannot be found and for a confidence outside 0..1.
    """

    mode: Mode = "off"
    types: Mapping[str, Mode] = {}
    confidence: float = _CONFIDENCE

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence <= 1.0:
            raise ValueError("the confidence of redaction lies above 0 and is at most 1")
        if self.types:
            if self.mode == "drop":
                raise ValueError("where the mode of redaction is drop, types have nothing left to say")
            # Few projects name types, and most processes never search.
            from monitoring.entities.finder import entity_types

            unknown = self.types.keys() - entity_types() - {USER_ID, SESSION_ID}
            if unknown:
                raise ValueError(f"no personal data of the type {min(unknown)} can be found")

    @property
    def on(self) -> bool:
        """Whether anything is redacted at all."""
        # Asked for every record, and hardly any project names types.
        return self.mode != "off" or (bool(self.types) and any(mode != "off" for mode in self.types.values()))

    @property
    def searches(self) -> bool:
        """Whether texts are searched for personal data, instead of dropped unread or kept as they are."""
        return self.on and self.mode != "drop"

    @property
    def needs_key(self) -> bool:
        """Whether pseudonyms or sealed texts are asked for."""
        return not {self.mode, *self.types.values()}.isdisjoint({"hash", "drop"})

    def mode_of(self, kind: str) -> Mode:
        """Return what becomes of a finding of this type."""
        return self.types.get(kind, self.mode)

    def without_pseudonyms(self) -> Redaction:
        """Return the same decision with masks in place of pseudonyms."""
        types: dict[str, Mode] = {kind: _unnamed(mode) for kind, mode in self.types.items()}
        return msgspec.structs.replace(self, mode=_unnamed(self.mode), types=types)


def without_pseudonyms(text: str) -> str:
    """Return a redacted text with masks in place of its pseudonyms, for whoever sent it.

    Who could see which pseudonym a value has could try values until one is that of a stored record.
    """
    return _PSEUDONYM.sub(r"[\1]", text) if "[" in text else text


def _unnamed(mode: Mode) -> Mode:
    return "mask" if mode == "hash" else mode
