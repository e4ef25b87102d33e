"""Telephone numbers, checked against the numbering plans of `phonenumbers`."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
import re2

from monitoring.entities.recognizer import Grade, Recognizer, compact

__all__ = ["RECOGNIZERS", "STEMS"]

# Regions of a number without a country code; the first plan in which the number is valid decides.
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
# Numbers of companies and not of persons.
_TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888", "900"})
_GROUP = 3
_NANP = 10
_DATE = re2.compile(
    r"(?:0?[1-9]|[12]\d|3[01])[.-](?:0?[1-9]|1[0-2])[.-](?:19|20)\d\d|(?:19|20)\d\d[.-](?:0[1-9]|1[0-2])[.-](?:0[1-9]|[12]\d|3[01])"
)
_WORDS = (
    "phone", "telephone", "tel", "tel.", "mobile", "cell", "cellphone", "fax", "call", "call me", "call us",
    "whatsapp", "sms", "text me", "dial", "hotline", "contact", "reach", "answering", "office", "desk", "phone number", "phones",
    "ext", "toll-free", "helpline", "landline", "voicemail", "messages", "registered", "telefon",
    "handy", "telefono", "teléfono", "téléphone", "móvil", "celular", "telefone",
    "telefonnummer", "mobil", "puhelin", "telepono", "telefoon", "ring",
    "my number", "her number", "his number", "text her", "text him", "text us",
    "meine nummer", "ruf", "rufen", "rufst", "anrufen", "ruft", "rückruf", "festnetz", "handynr", "handynr.", "erreichst", "erreichen", "erreichbar", "natel",
    "mon numéro", "au numéro", "mon portable", "de portable", "portable :", "appelez", "appelez-moi", "appelle-moi",
    "rappelez", "rappeler", "joindre", "joignable", "tél", "tél.", "mio numero", "al numero", "chiamami", "chiamatemi", "chiamare", "cellulare",
    "mi número", "llámame", "llámanos", "llamar", "meu número", "ligue para", "liga-me", "me liga", "me ligue", "telemóvel", "mijn nummer", "mitt nummer",
    "mój numer", "мой номер", "по номеру", "мій номер", "за номером", "numaram", "numaradan", "zavolej", "zavolejte", "volejte",
)  # fmt: skip
STEMS = (
    "telefon", "téléphon", "teléfon", "handynummer", "mobilnummer", "rufnummer", "dzwoń", "dzwoni", "телефон", "мобильн",
    "мобільн", "звони", "дзвон", "τηλέφων", "κινητ", "טלפון", "هاتف", "جوال", "موبايل", "फ़ोन", "फोन", "โทร", "điện thoại",
    "手机", "手機", "电话", "電話", "携帯", "微信", "전화", "휴대폰", "핸드폰", "연락처",
)  # fmt: skip
"""Parts of words for a telephone.

Their languages add endings to words or put no spaces between them.
"""


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
    """Tell whether a number is fictional: 555-0100 to 555-0199, or digits that only count up."""
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


def _russian(text: str) -> Grade | None:
    """Grade a number with the 8 that people in Russia and Kazakhstan dial before an area code."""
    digits = compact(text)
    if not _is_valid(digits, "RU"):
        return None
    return Grade(0.06, 0.8) if text.isdigit() else Grade(0.4, 0.95)


def _local(text: str) -> Grade | None:
    """Grade a number that only the words around it can tell from other numbers."""
    digits = compact(text)
    if not _FEWEST <= len(digits) <= _NANP + 1 or len(set(digits)) <= _GROUP - 1:
        return None
    if _DATE.fullmatch(text):
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
    """Tell whether digits are an amount: groups of three, separated by the same space or dot."""
    first, *groups = text.replace(".", " ").split(" ")
    return len(first) <= _GROUP and all(len(group) == _GROUP and group.isdigit() for group in groups)


def _linked(text: str) -> Grade | None:
    """Grade the number in a link to a telephone or a messenger."""
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
        # A question mark ends a region, so that only one part of a link's query is seen at a time.
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
        rf"(\(\d{{3}}\) ?\d{{3}}[ .-]?\d{{4}}{_EXTENSION}|\b(?:1[ .-])?\d{{3}}[ ./-]\d{{3}}[ .-]\d{{4}}{_EXTENSION}"
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
        r"\b(8[ -]?(?:\(\d{3,4}\)|\d{3,4})[ -]?\d{2,3}[ -]?\d{2}[ -]?\d{2})\b",
        _russian,
        _WORDS,
    ),
    Recognizer(
        "PHONE_NUMBER",
        r"(\(\d{2,3}\)(?: ?\d{2,5}-?){1,3}\d|\b\d{2,4}(?:[ .-]\d{2,7}){1,4}|\b\d{5}[ -]\d{5}|\b\d{7,11})\b",
        _local,
        _WORDS,
    ),
)
