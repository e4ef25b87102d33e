"""Identifiers issued in the Americas: rules from the issuing bodies' public documentation."""

from __future__ import annotations

from monitoring.entities.checksums import is_date, is_varied, luhn, weighted
from monitoring.entities.recognizer import Grade, Recognizer, checked, compact

__all__ = ["RECOGNIZERS"]

# Numbers printed in advertisements, void ever since (SSA, "Social Security number misuse"), or counted up. What is
# announced as a number of a person is taken for one all the same: who writes it may have made it up or not.
_VOID_SSN = frozenset({"078051120", "219099999"})
_SAMPLE_SSN = frozenset({"123456789", "987654321", "111223333", "123121234"})
_ITIN_GROUPS = frozenset({*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)})
_ABA_PREFIXES = frozenset({*range(13), *range(21, 33), *range(61, 73), 80})
_NPI_ISSUER = "80840"
# MBI letters leave out S, L, O, I, B and Z: https://www.cms.gov/medicare/new-medicare-card/understanding-the-mbi
_L = "[AC-HJ-KM-NP-RT-Y]"
_N = "[AC-HJ-KM-NP-RT-Y0-9]"
_CURP_CHARACTERS = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def _us_ssn(text: str) -> Grade | None:
    number = compact(text)
    area, group, serial = number[:3], number[3:5], number[5:]
    if area in {"000", "666"} or area[0] == "9" or group == "00" or serial == "0000":
        return None
    if not is_varied(number):
        return None
    if number in _VOID_SSN:
        return Grade(0.0, 0.5, "placeholder")
    note = "placeholder" if number in _SAMPLE_SSN else ""
    if text[3] == text[6] == "-":
        return Grade(0.4, 0.7, note) if note else Grade(0.75, 0.95)
    if text[3] == text[6] and not text[3].isdigit():
        return Grade(0.2, 0.6, note) if note else Grade(0.3, 0.9)
    return Grade(0.05, 0.4, note) if note else Grade(0.08, 0.85)


def _us_itin(text: str) -> Grade | None:
    number = compact(text)
    if int(number[3:5]) not in _ITIN_GROUPS:
        return None
    return Grade(0.6, 0.95) if text[3] == text[6] == "-" else Grade(0.1, 0.85)


def _us_npi(number: str) -> bool:
    return is_varied(number) and luhn(_NPI_ISSUER + number)


def _aba(number: str) -> bool:
    in_use = int(number[:2]) in _ABA_PREFIXES and is_varied(number)
    return in_use and weighted(number, (3, 7, 1) * 3) % 10 == 0


def _ca_sin(text: str) -> Grade | None:
    number = compact(text)
    if not is_varied(number) or not luhn(number):
        return None
    return Grade(0.08, 0.85) if text.isdigit() else Grade(0.3, 0.92)


def _br_cpf(text: str) -> Grade | None:
    number = compact(text)
    if not is_varied(number):
        return None
    for length in (9, 10):
        rest = weighted(number[:length], range(length + 1, 1, -1)) * 10 % 11 % 10
        if rest != int(number[length]):
            return None
    return Grade(0.08, 0.9) if text.isdigit() else Grade(0.8, 0.95)


def _br_cnpj(number: str) -> bool:
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    first = 11 - weighted(number, weights[1:]) % 11
    second = 11 - weighted(number, weights) % 11
    return number[12:] == f"{first % 11 % 10}{second % 11 % 10}" and is_varied(number)


def _cl_rut(number: str) -> bool:
    digits, check = number[:-1], number[-1]
    rest = 11 - weighted(digits[::-1], (2, 3, 4, 5, 6, 7, 2, 3)) % 11
    return check == {10: "K", 11: "0"}.get(rest, str(rest)) and is_varied(number)


def _ar_cuit(number: str) -> bool:
    rest = (11 - weighted(number[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11
    return rest == int(number[10])


def _mx_curp(code: str) -> bool:
    total = sum(_CURP_CHARACTERS.index(character) * (18 - at) for at, character in enumerate(code[:17]))
    century = 1900 if code[16].isdigit() else 2000
    born = is_date(century + int(code[4:6]), int(code[6:8]), int(code[8:10]))
    return born and (10 - total % 10) % 10 == int(code[17])


RECOGNIZERS = (
    Recognizer(
        "US_SSN",
        r"\b(\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}|\d{3}\.\d{2}\.\d{4}|\d{3}-\d{6}|\d{5}-\d{4}|\d{9})\b",
        _us_ssn,
        (
            "ssn",
            "ssns",
            "ssn#",
            "social security",
            "social security number",
            "ss#",
            "tin",
            "social",
            "socials",
        ),
    ),
    Recognizer(
        "US_ITIN",
        r"\b(9\d{2}-\d{2}-\d{4}|9\d{2} \d{2} \d{4}|9\d{2}-\d{6}|9\d{4}-\d{4}|9\d{8})\b",
        _us_itin,
        ("itin", "individual taxpayer", "taxpayer", "tax id", "tin", "ssn", "irs"),
    ),
    Recognizer(
        "US_NPI",
        r"\b([12]\d{9}|[12]\d{3}-\d{3}-\d{3}|[12]\d{3} \d{3} \d{3})\b",
        checked(_us_npi, 0.12, 0.92),
        ("npi", "national provider", "provider identifier", "provider number", "provider id", "nppes"),
    ),
    Recognizer(
        "US_MBI",
        rf"\b([1-9]{_L}{_N}\d-?{_L}{_N}\d-?{_L}{{2}}\d{{2}})\b",
        checked(lambda _: True, 0.45, 0.95),
        ("mbi", "medicare", "beneficiary", "medicare id", "patient", "cms"),
    ),
    Recognizer(
        "ABA_ROUTING_NUMBER",
        r"\b(\d{9}|\d{4}-\d{4}-\d)\b",
        checked(_aba, 0.08, 0.85),
        ("aba", "routing", "routing number", "rtn", "transit", "wire", "bank", "ach", "abarouting"),
    ),
    Recognizer(
        "CA_SIN",
        r"\b([1-79]\d{2}-\d{3}-\d{3}|[1-79]\d{2} \d{3} \d{3}|[1-79]\d{8})\b",
        _ca_sin,
        (
            "sin",
            "social insurance",
            "social insurance number",
            "nas",
            "assurance sociale",
            "numéro d'assurance",
        ),
    ),
    Recognizer(
        "BR_CPF",
        r"\b(\d{3}\.\d{3}\.\d{3}-\d{2}|\d{9}-\d{2}|\d{11})\b",
        _br_cpf,
        ("cpf", "cadastro de pessoas", "contribuinte"),
    ),
    Recognizer(
        "BR_CNPJ",
        r"\b(\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2})\b",
        checked(_br_cnpj, 0.6, 0.9),
        ("cnpj", "cadastro nacional"),
    ),
    Recognizer(
        "CL_RUT",
        r"(?i)\b(\d{1,2}\.\d{3}\.\d{3}-[0-9K]|\d{7,8}-[0-9K])\b",
        checked(_cl_rut, 0.4, 0.92),
        ("rut", "run", "rol único"),
    ),
    Recognizer(
        "AR_CUIT",
        r"\b((?:20|23|24|27|30|33|34)-\d{8}-\d)\b",
        checked(_ar_cuit, 0.55, 0.92),
        ("cuit", "cuil", "afip"),
    ),
    Recognizer(
        "MX_CURP",
        r"\b([A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[A-Z0-9]\d)\b",
        checked(_mx_curp, 0.85, 0.97),
        ("curp",),
    ),
)
