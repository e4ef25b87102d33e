"""Check digits that identifiers share; functions expect ASCII digits unless they say otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

__all__ = [
    "base58_check",
    "bech32_check",
    "is_date",
    "is_varied",
    "iso7064_mod11_10",
    "keccak256",
    "luhn",
    "mod97",
    "segwit_check",
    "verhoeff",
    "weighted",
]

# Verhoeff, "Error detecting decimal codes" (1969): the dihedral group D5 and its permutation.
_D5 = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_VERHOEFF_STEP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)

_BASE58 = {c: i for i, c in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_BECH32 = {c: i for i, c in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CONSTANTS = {"bech32": 1, "bech32m": 0x2BC830A3}  # BIP 173, BIP 350

_KECCAK_MASK = (1 << 64) - 1
_KECCAK_RATE = 136


def luhn(digits: str) -> bool:
    """Check the Luhn digit (ISO/IEC 7812-1)."""
    total = 0
    for position, character in enumerate(reversed(digits)):
        value = int(character)
        if position % 2:
            value = value * 2 - 9 if value > 4 else value * 2  # noqa: PLR2004 twice 5 has two digits
        total += value
    return total % 10 == 0


def weighted(digits: str, weights: Iterable[int]) -> int:
    """Return the sum of the digits times the weights, over the shorter of the two."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def mod97(code: str) -> int:
    """Return the ISO 7064 mod 97-10 remainder of upper-case letters and digits (A is 10)."""
    return int("".join(str(int(character, 36)) for character in code)) % 97


def iso7064_mod11_10(digits: str) -> bool:
    """Check the last digit by ISO 7064 mod 11,10."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def verhoeff(digits: str) -> bool:
    """Check the last digit by Verhoeff's scheme."""
    check = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(position % 8):
            value = _VERHOEFF_STEP[value]
        check = _D5[check][value]
    return check == 0


def is_date(year: int, month: int, day: int) -> bool:
    """Tell whether such a day exists."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_varied(code: str) -> bool:
    """Tell identifiers, of three distinct characters, from fillers such as 111111112."""
    return len(set(code)) > 2  # noqa: PLR2004 the number is explained above


def base58_check(text: str, *, alphabet: dict[str, int] | None = None) -> bytes | None:
    """Return the payload of a Base58Check text, or None if its four check bytes are wrong."""
    values = alphabet or _BASE58
    number = 0
    for character in text:
        if character not in values:
            return None
        number = number * 58 + values[character]
    zero = next(iter(values))
    padding = len(text) - len(text.lstrip(zero))
    raw = b"\0" * padding + number.to_bytes((number.bit_length() + 7) // 8, "big")
    digest = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()
    return raw[:-4] if len(raw) > 4 and digest[:4] == raw[-4:] else None  # noqa: PLR2004 check bytes


def bech32_check(text: str) -> str | None:
    """Return "bech32" or "bech32m" if the six check characters fit that encoding, else None."""
    if text not in (text.lower(), text.upper()):
        return None
    prefix, _, data = text.lower().rpartition("1")
    if not prefix or any(character not in _BECH32 for character in data):
        return None
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = 1
    for value in [*expanded, *(_BECH32[c] for c in data)]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATOR):
            if top >> bit & 1:
                check ^= generator
    return next((name for name, constant in _BECH32_CONSTANTS.items() if check == constant), None)


def segwit_check(text: str) -> bool:
    """Check a segregated-witness address: version 0 is bech32, later versions are bech32m."""
    encoding = bech32_check(text)
    version = text.lower().rpartition("1")[2][:1]
    return encoding is not None and (encoding == "bech32") == (version == "q")


def _keccak_constants() -> tuple[int, ...]:
    """Return the 24 round constants, made by the specification's shift register."""
    constants = []
    register = 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


_ROUNDS = _keccak_constants()


def _rotate(value: int, by: int) -> int:
    by %= 64
    return (value << by | value >> (64 - by)) & _KECCAK_MASK


def _permute(lanes: list[int]) -> list[int]:
    for constant in _ROUNDS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        lanes = [lanes[i] ^ columns[(i + 4) % 5] ^ _rotate(columns[(i + 1) % 5], 1) for i in range(25)]
        x, y, current = 1, 0, lanes[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x + 5 * y] = lanes[x + 5 * y], _rotate(current, (step + 1) * (step + 2) // 2)
        lanes = [
            lanes[i] ^ (~lanes[i // 5 * 5 + (i + 1) % 5] & lanes[i // 5 * 5 + (i + 2) % 5]) for i in range(25)
        ]
        lanes[0] ^= constant
    return lanes


def keccak256(data: bytes) -> bytes:
    """Return the original Keccak-256 digest that Ethereum uses (padding 0x01, not SHA-3's 0x06).

    It is meant for addresses and takes one block, which is at most 135 bytes. Raises ValueError for
    more.
    """
    if len(data) >= _KECCAK_RATE:
        raise ValueError("keccak256 here takes at most 135 bytes")
    block = bytearray(data) + b"\x01" + bytes(_KECCAK_RATE - len(data) - 1)
    block[-1] |= 0x80
    lanes = [int.from_bytes(block[i : i + 8], "little") for i in range(0, _KECCAK_RATE, 8)]
    lanes = _permute(lanes + [0] * (25 - len(lanes)))
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])
