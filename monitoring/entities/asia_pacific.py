"""Identifiers issued in Asia, Oceania and Africa, by the public documentation of their issuers."""

from __future__ import annotations

from monitoring.entities.checksums import is_date, is_varied, luhn, verhoeff, weighted
from monitoring.entities.recognizer import Grade, Recognizer, checked, compact

__all__ = ["RECOGNIZERS"]

_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIN_LETTERS = {
    "S": "JZIHGFEDCBA",
    "T": "JZIHGFEDCBA",
    "F": "XWUTRQPNMLK",
    "G": "XWUTRQPNMLK",
    "M": "XWUTRQPNJLK",
}
_FIN_OFFSETS = {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}
_GST_STATES = frozenset({*range(1, 39), 97, 99})
_RRN_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_RRN_CENTURIES = {"1": 1900, "2": 1900, "3": 2000, "4": 2000, "5": 1900, "6": 1900, "7": 2000, "8": 2000}
# Provinces by ISO 3166-2:TH.
_TH_PROVINCES = frozenset(
    {*range(10, 28), *range(30, 59), *range(60, 68), *range(70, 78), *range(80, 87), *range(90, 97)}
)
_HKID_VALUES = {" ": 36} | {character: value for value, character in enumerate(_ALPHANUMERIC)}


def _au_abn(number: str) -> bool:
    first = str(int(number[0]) - 1)
    if first == "-1":
        return False
    return weighted(first + number[1:], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0


def _au_acn(number: str) -> bool:
    return (10 - weighted(number[:8], range(8, 0, -1)) % 10) % 10 == int(number[8])


def _au_tfn(number: str) -> bool:
    return is_varied(number) and weighted(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _au_medicare(number: str) -> bool:
    return weighted(number[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])


def _in_aadhaar(text: str) -> Grade | None:
    number = compact(text)
    if number == number[::-1] or not is_varied(number) or not verhoeff(number):
        return None
    return Grade(0.12, 0.93) if text.isdigit() else Grade(0.5, 0.95)


def _in_gstin(text: str) -> Grade | None:
    code = text.upper()
    if int(code[:2]) not in _GST_STATES:
        return None
    total = 0
    for at, character in enumerate(code[:14]):
        total += sum(divmod(_ALPHANUMERIC.index(character) * (1 + at % 2), 36))
    return Grade(0.9, 0.97) if _ALPHANUMERIC[-total % 36] == code[14] else Grade(0.4, 0.8)


def _in_pan(text: str) -> Grade:
    return Grade(0.6, 0.93) if text[3] in "ABCFGHJLPT" else Grade(0.15, 0.6)


def _is_born(number: str, century: int) -> bool:
    return is_date(century + int(number[:2]), int(number[2:4]), int(number[4:6]))


def _kr_registration(text: str, constant: int) -> Grade | None:
    """Grade a resident (11) or foreigner (13) number; since October 2020 it has no check digit."""
    number = compact(text)
    if not _is_born(number, _RRN_CENTURIES[number[6]]):
        return None
    right = (constant - weighted(number, _RRN_WEIGHTS) % 11) % 10 == int(number[12])
    if text.isdigit():
        return Grade(0.3, 0.93) if right else Grade(0.08, 0.85)
    return Grade(0.85, 0.97) if right else Grade(0.45, 0.9)


def _kr_rrn(text: str) -> Grade | None:
    return _kr_registration(text, 11)


def _kr_frn(text: str) -> Grade | None:
    return _kr_registration(text, 13)


def _kr_brn(text: str) -> Grade | None:
    number = compact(text)
    total = weighted(number[:9], (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(number[8]) * 5 // 10
    if not is_varied(number) or (10 - total % 10) % 10 != int(number[9]):
        return None
    return Grade(0.08, 0.9) if text.isdigit() else Grade(0.6, 0.93)


def _sg_fin(text: str) -> Grade:
    code = text.upper()
    total = weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2)) + _FIN_OFFSETS[code[0]]
    right = _FIN_LETTERS[code[0]][total % 11] == code[8]
    return Grade(0.75, 0.96) if right and text.isupper() else Grade(0.15, 0.6)


def _th_national_id(number: str) -> bool:
    check = (11 - weighted(number, range(13, 1, -1)) % 11) % 10
    return int(number[1:3]) in _TH_PROVINCES and is_varied(number) and check == int(number[12])


def _za_id(number: str) -> bool:
    born = _is_born(number, 1900) or _is_born(number, 2000)
    return born and luhn(number)


def _ph_tin(text: str) -> Grade | None:
    number = compact(text)
    if not is_varied(number) or weighted(number[:8], range(9, 1, -1)) % 11 != int(number[8]):
        return None
    return Grade(0.04, 0.9) if text.isdigit() else Grade(0.25, 0.93)


def _cn_resident_id(code: str) -> bool:
    total = weighted(code[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    born = is_date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    return born and "10X98765432"[total % 11] == code[17]


def _tw_national_id(code: str) -> bool:
    first = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(code[0]) + 10
    return weighted(f"{first}{code[1:]}", (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def _hk_id(text: str) -> Grade | None:
    code = compact(text)
    values = [_HKID_VALUES[character] for character in code[:-1].rjust(8)]
    check = 10 if code[-1] == "A" else int(code[-1])
    total = sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True)) + check
    return Grade(0.6, 0.95) if total % 11 == 0 else None


def _jp_my_number(number: str) -> bool:
    rest = weighted(number[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return is_varied(number) and (0 if rest <= 1 else 11 - rest) == int(number[11])


def _il_id(number: str) -> bool:
    return is_varied(number) and luhn(number)


RECOGNIZERS = (
    Recognizer(
        "AU_ABN",
        r"\b(\d{2} \d{3} \d{3} \d{3}|\d{11})\b",
        checked(_au_abn, 0.12, 0.93),
        ("abn", "australian business number"),
    ),
    Recognizer(
        "AU_ACN",
        r"\b(\d{3} \d{3} \d{3}|\d{9})\b",
        checked(_au_acn, 0.06, 0.92),
        ("acn", "australian company number"),
    ),
    Recognizer(
        "AU_TFN",
        r"\b(\d{3} \d{3} \d{3}|\d{9})\b",
        checked(_au_tfn, 0.06, 0.92),
        ("tfn", "tax file number"),
    ),
    Recognizer(
        "AU_MEDICARE",
        r"\b([2-6]\d{3} \d{5} \d|[2-6]\d{9})\b",
        checked(_au_medicare, 0.12, 0.92),
        ("medicare", "medicare number", "medicare card"),
    ),
    Recognizer(
        "IN_AADHAAR",
        r"\b([2-9]\d{11}|[2-9]\d{3}[ :-]\d{4}[ :-]\d{4})\b",
        _in_aadhaar,
        ("aadhaar", "aadhar", "uidai", "uid", "आधार"),
    ),
    Recognizer(
        "IN_PAN",
        r"\b([A-Z]{5}\d{4}[A-Z])\b",
        _in_pan,
        ("pan", "permanent account number", "pan card", "income tax"),
    ),
    Recognizer(
        "IN_GSTIN",
        r"(?i)\b(\d{2}[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z])\b",
        _in_gstin,
        ("gstin", "gst", "gstins", "gst number"),
    ),
    Recognizer(
        "KR_RRN",
        r"\b(\d{6}-?[1-4]\d{6})\b",
        _kr_rrn,
        ("rrn", "resident registration", "주민등록번호", "주민번호", "korean rrn"),
    ),
    Recognizer(
        "KR_FRN",
        r"\b(\d{6}-?[5-8]\d{6})\b",
        _kr_frn,
        ("frn", "foreigner registration", "외국인등록번호", "alien registration"),
    ),
    Recognizer(
        "KR_BRN",
        r"\b(\d{3}-\d{2}-\d{5}|\d{10})\b",
        _kr_brn,
        ("brn", "business registration", "사업자등록번호", "사업자번호"),
    ),
    Recognizer(
        "SG_FIN",
        r"(?i)\b([STFGM]\d{7}[A-Z])\b",
        _sg_fin,
        ("fin", "nric", "singapore", "fin#", "nric#"),
    ),
    Recognizer(
        "TH_TNIN",
        r"\b([1-8]\d{12}|[1-8]-\d{4}-\d{5}-\d{2}-\d)\b",
        checked(_th_national_id, 0.2, 0.93),
        ("thai", "tnin", "thai id", "เลขประจำตัวประชาชน", "บัตรประชาชน", "thai national id"),
    ),
    Recognizer(
        "ZA_ID_NUMBER",
        r"\b(\d{10}[012][89]\d)\b",
        checked(_za_id, 0.35, 0.94),
        (
            "south african",
            "rsa",
            "sa id",
            "rsa id",
            "identity number",
            "id number",
            "permanent resident",
            "refugee",
        ),
    ),
    Recognizer(
        "PH_TIN",
        r"\b(\d{3}-\d{3}-\d{3}(?:-\d{3,5})?|\d{12}|\d{9})\b",
        _ph_tin,
        ("tin", "bir", "tax id", "taxpayer", "bir tin"),
    ),
    Recognizer(
        "CN_RESIDENT_ID",
        r"(?i)\b([1-8]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])[0-3]\d{4}[0-9X])\b",
        checked(_cn_resident_id, 0.85, 0.97),
        ("身份证", "身份证号", "resident id", "居民身份证"),
    ),
    Recognizer(
        "TW_NATIONAL_ID",
        r"\b([A-Z][1289]\d{8})\b",
        checked(_tw_national_id, 0.35, 0.93),
        ("身分證", "身分證字號", "taiwan", "taiwanese id"),
    ),
    Recognizer("HK_ID", r"\b([A-Z]{1,2}\d{6}\([0-9A]\))", _hk_id, ("hkid", "身份證", "hong kong id")),
    Recognizer(
        "JP_MY_NUMBER",
        r"\b(\d{4}[ -]\d{4}[ -]\d{4}|\d{12})\b",
        checked(_jp_my_number, 0.08, 0.93),
        ("マイナンバー", "個人番号", "my number"),
    ),
    Recognizer(
        "IL_ID",
        r"\b(\d{9})\b",
        checked(_il_id, 0.03, 0.9),
        ("teudat zehut", "תעודת זהות", "ת.ז", "israeli id"),
    ),
)
