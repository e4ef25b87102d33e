"""Payment cards, bank accounts and wallets."""

from __future__ import annotations

from itertools import groupby

from monitoring.entities.checksums import base58_check, bech32_check, keccak256, luhn, mod97, segwit_check
from monitoring.entities.recognizer import Grade, Recognizer, compact

__all__ = ["NUMBERS", "TOKENS"]

# Issuer ranges (first digits, from and to) and lengths: ISO/IEC 7812, as published by the networks
# in 2026.
_MAJOR: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({16})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),  # Mastercard, since 2017
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("6011", "6011", frozenset({16, 19})),  # Discover
    ("644", "659", frozenset({16, 19})),
    ("3528", "3589", frozenset({16})),  # JCB
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("81", "81", frozenset({16})),
    ("2200", "2204", frozenset({16})),  # Mir
    ("9792", "9792", frozenset({16})),  # Troy
    ("606282", "606282", frozenset({16})),  # Hipercard
)
_MINOR: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 19})),  # old and long Visa
    ("300", "305", frozenset({14, 16, 19})),  # Diners Club
    ("3095", "3095", frozenset({14, 16, 19})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("3528", "3589", frozenset({17, 18, 19})),
    ("35", "35", frozenset({16})),
    ("1800", "1800", frozenset({15})),  # old JCB
    ("2131", "2131", frozenset({15})),
    ("50", "50", frozenset(range(12, 20))),  # Maestro and related national cards
    ("56", "69", frozenset(range(12, 20))),
    ("1", "1", frozenset({15})),  # UATP
    ("2205", "2205", frozenset({16})),
    ("82", "82", frozenset({16})),  # RuPay
)
# Card numbers that networks and payment providers publish for tests.
_TEST_CARDS = frozenset(
    [
        "4111111111111111",
        "4012888888881881",
        "4242424242424242",
        "4000056655665556",
        "4222222222222",
        "4000000000000002",
        "4917610000000000",
        "4484070000000000",
        "4462030000000000",
        "4005519200000004",
        "4009348888881881",
        "4012000033330026",
        "5555555555554444",
        "5105105105105100",
        "5200828282828210",
        "5454545454545454",
        "2223003122003222",
        "2222405343248877",
        "2223000048400011",
        "5431111111111111",
        "378282246310005",
        "371449635398431",
        "378734493671000",
        "343434343434343",
        "6011111111111117",
        "6011000990139424",
        "6011000400000000",
        "6011981111111113",
        "30569309025904",
        "38520000023237",
        "36227206271667",
        "3056930009020004",
        "3530111333300000",
        "3566002020360505",
        "3566111111111113",
        "6200000000000005",
        "6759649826438453",
        "6304000000000000",
        "5019717010103742",
        "6331101999990016",
        "4571736000000075",
        "1354811110000000",
    ]
)
_SAME_DIGIT_RUN = 7
_CARD_WORDS = (
    "card", "cards", "credit card", "visa", "mastercard", "amex", "american express", "discover", "maestro",
    "jcb", "diners", "unionpay", "cc", "card number", "debit", "cvv", "cvc", "expiry", "expires", "creditcard",
    "kreditkarte", "tarjeta", "carte bancaire", "carte de crédit", "carta di credito", "cartão", "pan",
)  # fmt: skip

# Lengths by country, from the SWIFT IBAN registry.
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27,
    "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28,
    "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
    "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
    "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25,
    "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
# Examples from the registry itself, which many manuals repeat.
_SAMPLE_IBANS = frozenset({"GB29NWBK60161331926819", "DE89370400440532013000", "GB82WEST12345698765432"})

_XRP_ALPHABET = {c: i for i, c in enumerate("rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz")}
_COIN_VERSIONS = {0, 5, 30, 22, 48, 50, 65}  # Bitcoin, Dogecoin, Litecoin, Tron
_BURN_ADDRESSES = frozenset({"1BitcoinEaterAddressDontSendf59kuE", "1CounterpartyXXXXXXXXXXXXXXXUWLpVr"})
_WALLET_WORDS = (
    "wallet", "bitcoin", "btc", "ethereum", "eth", "crypto", "address", "litecoin", "ltc", "usdt", "xrp",
    "tron", "dogecoin", "blockchain", "solana", "deposit",
)  # fmt: skip


def _in_ranges(number: str, ranges: tuple[tuple[str, str, frozenset[int]], ...]) -> bool:
    return any(
        len(number) in lengths and first <= number[: len(first)] <= last for first, last, lengths in ranges
    )


def _card(text: str) -> Grade | None:
    number = compact(text)
    major = _in_ranges(number, _MAJOR)
    if not (major or _in_ranges(number, _MINOR)) or not luhn(number) or len(set(number)) == 1:
        return None
    longest = max(len(tuple(run)) for _, run in groupby(number))
    if number in _TEST_CARDS or longest >= _SAME_DIGIT_RUN:
        return Grade(0.15, 0.3, "test_card")
    if not major:
        return Grade(0.2, 0.9)
    return Grade(0.7, 0.97) if text.isdigit() else Grade(0.9, 0.98)


def _iban(text: str) -> Grade | None:
    code = compact(text)
    if _IBAN_LENGTHS.get(code[:2]) != len(code) or mod97(code[4:] + code[:4]) != 1:
        return None
    return Grade(0.3, 0.45, "placeholder") if code in _SAMPLE_IBANS else Grade(0.95, 0.99)


def _base58(text: str) -> Grade | None:
    payload = base58_check(text)
    if payload is not None and len(payload) == 21 and payload[0] in _COIN_VERSIONS:  # noqa: PLR2004 version and hash160
        return Grade(0.1, 0.2, "burn_address") if text in _BURN_ADDRESSES else Grade(0.95, 0.98)
    return None


def _ripple(text: str) -> Grade | None:
    payload = base58_check(text, alphabet=_XRP_ALPHABET)
    return Grade(0.9, 0.97) if payload is not None and payload[:1] == b"\0" else None


def _segwit(text: str) -> Grade | None:
    return Grade(0.95, 0.98) if segwit_check(text) else None


def _bech32(text: str) -> Grade | None:
    return Grade(0.9, 0.97) if bech32_check(text) else None


def _ethereum(text: str) -> Grade | None:
    """Grade an address, by the checksum in its capitals (EIP-55) if it has one."""
    code = text[2:]
    if len(set(code.lower())) <= 4:  # noqa: PLR2004 zero and burn addresses
        return Grade(0.1, 0.2, "burn_address")
    if code in (code.lower(), code.upper()):
        return Grade(0.55, 0.9)
    digest = keccak256(code.lower().encode()).hex()
    right = all(c.isdigit() or c.isupper() == (int(h, 16) > 7) for c, h in zip(code, digest, strict=False))  # noqa: PLR2004 EIP-55
    return Grade(0.95, 0.98) if right else Grade(0.2, 0.6)


_SEPARATED = r"\d{4}[ .-]\d{4}[ .-]\d{4}[ .-]\d{1,7}|\d{4}[ .-]\d{6}[ .-]\d{4,5}|\d{4}[ .-]\d{4}[ .-]\d{4}[ .-]\d{4}[ .-]\d{1,3}"

NUMBERS = (
    Recognizer("CREDIT_CARD", rf"\b(\d{{12,19}}|{_SEPARATED})\b", _card, _CARD_WORDS),
    Recognizer(
        "IBAN_CODE",
        r"(?i)\b([A-Z]{2} ?\d{2}(?:[ ./-]?[A-Z0-9]{4}){2,7}(?:[ ./-]?[A-Z0-9]{1,3})?)\b",
        _iban,
        ("iban", "account", "bank", "konto", "bic", "swift", "compte", "cuenta"),
        nature="token",
    ),
)
TOKENS = (
    Recognizer("CRYPTO", r"\b([13LMDATt][1-9A-HJ-NP-Za-km-z]{25,34})\b", _base58, _WALLET_WORDS, nature="token"),
    Recognizer("CRYPTO", r"\b((?:bc1|ltc1|tb1)[02-9ac-hj-np-z]{11,87}|(?:BC1|LTC1)[02-9AC-HJ-NP-Z]{11,87})\b", _segwit)
    ._replace(words=_WALLET_WORDS, nature="token"),
    Recognizer("CRYPTO", r"\b(addr1[02-9ac-hj-np-z]{50,103}|cosmos1[02-9ac-hj-np-z]{38})\b", _bech32, _WALLET_WORDS),
    Recognizer("CRYPTO", r"\b(0x[0-9a-fA-F]{40})\b", _ethereum, _WALLET_WORDS),
    Recognizer("CRYPTO", r"\b(r[1-9A-HJ-NP-Za-km-z]{24,34})\b", _ripple, _WALLET_WORDS, nature="token"),
)  # fmt: skip
