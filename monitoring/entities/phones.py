"""Telephone numbers, checked against the numbering plans that `phonenumbers` carries."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

from monitoring.entities.recognizer import Grade, Recognizer, compact

__all__ = ["RECOGNIZERS"]

# Where a number written without a country code may belong; the first plan in which it is valid decides.
_TRUNK_REGIONS = (
    "GB",
    "DE",
    "FR",
    "IT",
    "ES",
    "NL",
    "BE",
    "CH",
    "AT",
    "AU",
    "SE",
    "TR",
    "PH",
    "IN",
    "IL",
    "JP",
    "ZA",
)
_PLAIN_REGIONS = ("TR", "CN", "PL", "ES", "NO", "DK", "PT", "BR")
_FEWEST, _MOST = 7, 15
# Numbers of companies, not of persons.
_TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888", "900"})
_GROUP = 3
_NANP = 10
_WORDS = (
    "phone", "telephone", "tel", "tel.", "mobile", "cell", "cellphone", "fax", "call", "call me", "call us",
    "whatsapp", "sms", "text me", "dial", "hotline", "contact", "reach", "answering", "office", "desk", "phone number", "phones",
    "ext", "toll-free", "helpline", "landline", "voicemail", "messages", "registered", "telefon",
    "handy", "telefono", "teléfono", "téléphone", "móvil", "celular", "telefone",
    "telefonnummer", "mobil", "puhelin", "telepono", "telefoon", "ring",
)  # fmt: skip


@lru_cache(maxsize=4096)
def _is_valid(number: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _international(text: str) -> Grade | None:
    number = text.lower().split("x")[0].removesuffix("e").replace("(0)", "")
    digits = compact(number)
    digits = digits.removeprefix("00") if text.startswith("00") else digits
    if not _FEWEST <= len(digits) <= _MOST or text.count("(") != text.count(")"):
        return None
    if digits[0] == "1" and _is_fictional(digits[1:]):
        return Grade(0.35, 0.6, "fictional")
    if digits[0] == "1" and digits[1:4] in _TOLL_FREE:
        return Grade(0.35, 0.45, "toll_free")
    if _is_valid(f"+{digits}", None):
        return Grade(0.9, 0.97) if text[0] == "+" else Grade(0.3, 0.9)
    return Grade(0.45, 0.75) if text[0] == "+" else Grade(0.1, 0.6)


def _is_fictional(digits: str) -> bool:
    """Tell numbers set aside for stories: 555-0100 to 555-0199, and what only counts up."""
    return (len(digits) == _NANP and digits[3:8] == "55501") or digits in {
        "1234567890",
        "5551234567",
        "5555555555",
    }


def _north_american(text: str) -> Grade | None:
    digits = compact(text.lower().split("x")[0].split("e")[0])
    digits = digits.removeprefix("1") if len(digits) == _NANP + 1 else digits
    if _is_fictional(digits):
        return Grade(0.35, 0.6, "fictional")
    if len(set(digits)) <= _GROUP:
        return None
    if digits[:3] in _TOLL_FREE:
        return Grade(0.35, 0.45, "toll_free")
    valid = _is_valid(digits, "US")
    if "(" in text or text.count("-") > 1 or text.count(".") > 1:
        return Grade(0.7, 0.95) if valid else Grade(0.3, 0.7)
    return Grade(0.15, 0.9) if valid else Grade(0.05, 0.6)


def _national(text: str) -> Grade | None:
    """Grade a number that starts with a trunk zero, in groups or not."""
    digits = compact(text)
    if not _FEWEST <= len(digits) <= _MOST - 2 or len(set(digits)) <= _GROUP:
        return None
    valid = any(_is_valid(digits, region) for region in _TRUNK_REGIONS)
    if text.isdigit():
        return Grade(0.2, 0.85) if valid else Grade(0.04, 0.55)
    return Grade(0.4, 0.9) if valid else Grade(0.15, 0.65)


def _local(text: str) -> Grade | None:
    """Grade a number that only its neighbourhood can tell from any other number."""
    digits = compact(text)
    if not _FEWEST <= len(digits) <= _NANP + 1 or len(set(digits)) <= _GROUP - 1:
        return None
    if _is_fictional(digits):
        return Grade(0.05, 0.6, "fictional")
    if digits.removeprefix("1")[:3] in _TOLL_FREE:
        return None
    valid = len(digits) > _FEWEST + 1 and any(_is_valid(digits, region) for region in _PLAIN_REGIONS)
    if text.isdigit() or _is_amount(text):
        return Grade(0.06, 0.8) if valid and text.isdigit() else Grade(0.0, 0.52)
    return Grade(0.12, 0.8) if valid else Grade(0.02, 0.55)


def _is_amount(text: str) -> bool:
    """Tell digits in groups of three, as of thousands, all behind the same space or dot."""
    first, *groups = text.replace(".", " ").split(" ")
    return len(first) <= _GROUP and all(len(group) == _GROUP and group.isdigit() for group in groups)


def _linked(text: str) -> Grade | None:
    """Grade what a link to a telephone or a messenger names."""
    digits = compact(text)
    if not _FEWEST <= len(digits) <= _MOST or len(set(digits)) <= _GROUP - 1:
        return None
    national = digits.removeprefix("1")
    if _is_fictional(national):
        return Grade(0.35, 0.6, "fictional")
    if len(national) == _NANP and national[:3] in _TOLL_FREE:
        return Grade(0.35, 0.45, "toll_free")
    valid = _is_valid(f"+{digits}", None) or any(
        _is_valid(digits, region) for region in ("US", *_TRUNK_REGIONS)
    )
    return Grade(0.9, 0.95) if valid else Grade(0.5, 0.6)


_EXTENSION = r"(?: ?(?:x|ext\.? ?)\d{1,6})?"

RECOGNIZERS = (
    Recognizer(
        "PHONE_NUMBER",
        # A question mark ends a region, so of a link's query only its own part is seen.
        r"(?i)\b(?:wa\.me/|t\.me/|signal\.me/#p/|(?:phone|tel|telephone|mobile|msisdn)=|(?:tel|sms|smsto|callto|facetime|facetime-audio|mms|whatsapp):(?://)?)(\+?\(?\d(?:[().-]{0,2}\d){6,14})",
        _linked,
        _WORDS,
        nature="token",
    ),
    Recognizer(
        "PHONE_NUMBER",
        rf"((?:\+|\b00)(?:[ .-]?\(?\d{{1,5}}\)?){{2,8}}{_EXTENSION})\b",
        _international,
        _WORDS,
    ),
    Recognizer(
        "PHONE_NUMBER",
        rf"(\(\d{{3}}\) ?\d{{3}}[ .-]?\d{{4}}{_EXTENSION}|\b(?:1[ .-])?\d{{3}}[ .-]\d{{3}}[ .-]\d{{4}}{_EXTENSION}"
        rf"|\b1?[2-9]\d{{2}}[2-9]\d{{6}}{_EXTENSION})\b",
        _north_american,
        _WORDS,
    ),
    Recognizer(
        "PHONE_NUMBER",
        r"(\(0\d{1,4}\)(?:[ ./-]?\d{2,8}){1,4}|\b0[ -]?\(?\d{1,5}\)?(?:[ ./-]{1,3}\d{2,8}){1,4}|\b0\d{8,11})\b",
        _national,
        _WORDS,
    ),
    Recognizer(
        "PHONE_NUMBER",
        r"(\(\d{2,3}\)(?: ?\d{2,5}-?){1,3}\d|\b\d{2,4}(?:[ .-]\d{2,7}){1,4}|\b\d{7,11})\b",
        _local,
        _WORDS,
    ),
)
