"""Identifiers issued in Europe and Turkey, by the public documentation of their issuers."""

from __future__ import annotations

from collections import Counter

from monitoring.entities.checksums import is_date, is_varied, iso7064_mod11_10, luhn, weighted
from monitoring.entities.recognizer import Grade, Recognizer, checked, compact

__all__ = ["RECOGNIZERS"]

_NINO_UNUSED = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})
_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU_LETTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_HETU_CENTURIES = {"+": 1800} | dict.fromkeys("-UVWXY", 1900) | dict.fromkeys("ABCDEF", 2000)
# Values of the characters at odd places (decree of 23 December 1976).
_CF_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            1,
            0,
            5,
            7,
            9,
            13,
            15,
            17,
            19,
            21,
            1,
            0,
            5,
            7,
            9,
            13,
            15,
            17,
            19,
            21,
            2,
            4,
            18,
            20,
            11,
            3,
            6,
            8,
            12,
            14,
            16,
            10,
            22,
            25,
            24,
            23,
        ),
        strict=True,
    )
)
_CF_DIGIT = "[0-9LMNPQRSTUV]"
_PESEL_CENTURIES = {0: 1900, 20: 2000, 40: 2100, 60: 2200, 80: 1800}
_MOST_REPEATS = 3


def _uk_nhs(text: str) -> Grade | None:
    number = compact(text)
    check = 11 - weighted(number[:9], range(10, 1, -1)) % 11
    if not is_varied(number) or check % 11 != int(number[9]):
        return None
    return Grade(0.08, 0.92) if text.isdigit() else Grade(0.25, 0.95)


def _uk_nino(text: str) -> Grade | None:
    if compact(text)[:2] in _NINO_UNUSED:
        return None
    return Grade(0.65, 0.95) if text.isupper() else Grade(0.3, 0.9)


def _de_tax_id(number: str) -> bool:
    counts = Counter(number[:10])
    return max(counts.values()) <= _MOST_REPEATS and is_varied(number) and iso7064_mod11_10(number)


def _de_vat(code: str) -> bool:
    return iso7064_mod11_10(code[2:])


def _cross_sum(digits: str, weights: tuple[int, ...]) -> int:
    return sum(sum(divmod(int(digit) * weight, 10)) for digit, weight in zip(digits, weights, strict=True))


def _letter_number(letter: str) -> str:
    return f"{ord(letter) - 64:02d}"


def _de_social_security(code: str) -> bool:
    day, month = int(code[2:4]) % 50, int(code[4:6])
    digits = code[:8] + _letter_number(code[8]) + code[9:11]
    total = _cross_sum(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1))
    return is_date(2000, month, max(day, 1)) and total % 10 == int(code[11])


def _de_health(code: str) -> bool:
    digits = _letter_number(code[0]) + code[1:9]
    return _cross_sum(digits, (1, 2) * 5) % 10 == int(code[9])


def _machine_readable(code: str) -> bool:
    """Check a document number by the weights 7, 3, 1 of ICAO 9303."""
    total = sum(int(character, 36) * (7, 3, 1)[at % 3] for at, character in enumerate(code[:-1]))
    return total % 10 == int(code[-1])


def _es_nif(text: str) -> Grade | None:
    code = compact(text)
    if _NIF_LETTERS[int(code[:-1]) % 23] != code[-1]:
        return None
    full = len(code) > 8 and text[-1].isupper()  # noqa: PLR2004 eight digits and the letter
    return Grade(0.7, 0.95) if full else Grade(0.25, 0.9)


def _es_nie(code: str) -> bool:
    digits = str("XYZ".index(code[0])) + code[1:-1]
    return _NIF_LETTERS[int(digits) % 23] == code[-1]


def _fi_hetu(text: str) -> Grade | None:
    code = text.upper()
    born = is_date(_HETU_CENTURIES[code[6]] + int(code[4:6]), int(code[2:4]), int(code[:2]))
    if not born or _HETU_LETTERS[int(code[:6] + code[7:10]) % 31] != code[10]:
        return None
    return Grade(0.85, 0.97)


def _se_person(text: str) -> Grade | None:
    number = compact(text)[-10:]
    month, day = int(number[2:4]), int(number[4:6]) % 60
    if not is_date(2000 + int(number[:2]), month, day) or not luhn(number):
        return None
    return Grade(0.12, 0.92) if text.isdigit() else Grade(0.65, 0.95)


def _se_organisation(text: str) -> Grade | None:
    number = compact(text)
    if int(number[2]) < 2 or not is_varied(number) or not luhn(number):  # noqa: PLR2004 a month has 0 or 1
        return None
    return Grade(0.08, 0.9) if text.isdigit() else Grade(0.4, 0.92)


def _pl_pesel(number: str) -> bool:
    month = int(number[2:4])
    century = _PESEL_CENTURIES.get(month // 20 * 20, 1900)
    born = is_date(century + int(number[:2]), month % 20, int(number[4:6]))
    return born and weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _it_fiscal_code(code: str) -> bool:
    total = sum(_CF_ODD[character] for character in code[:15:2])
    total += sum(int(c) if c.isdigit() else ord(c) - 65 for c in code[1:15:2])
    return chr(65 + total % 26) == code[15]


def _it_vat(number: str) -> bool:
    return is_varied(number) and luhn(number)


def _fr_nir(code: str) -> bool:
    digits = code[:13].replace("2A", "19").replace("2B", "18")
    return digits.isdigit() and 97 - int(digits) % 97 == int(code[13:])


def _nl_bsn(number: str) -> bool:
    return is_varied(number) and weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _be_nrn(number: str) -> bool:
    rest = int(number[9:])
    return rest in {97 - int(number[:9]) % 97, 97 - int("2" + number[:9]) % 97}


def _ch_ahv(number: str) -> bool:
    return weighted(number, (1, 3) * 6 + (1,)) % 10 == 0


def _hr_oib(number: str) -> bool:
    return is_varied(number) and iso7064_mod11_10(number)


def _no_birth_number(number: str) -> bool:
    first = weighted(number, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    second = weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    return first == second == 0 and is_date(2000 + int(number[4:6]), int(number[2:4]), int(number[:2]) % 40)


def _ie_pps(code: str) -> bool:
    extra = (ord(code[8]) - 64) * 9 if len(code) > 8 and code[8] != "W" else 0  # noqa: PLR2004 second letter
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(code[:7], range(8, 1, -1)) + extra) % 23] == code[7]


def _tr_national_id(number: str) -> bool:
    odd, even = sum(map(int, number[:9:2])), sum(map(int, number[1:8:2]))
    tenth = (odd * 7 - even) % 10
    return tenth == int(number[9]) and sum(map(int, number[:10])) % 10 == int(number[10])


RECOGNIZERS = (
    Recognizer(
        "UK_NHS",
        r"\b(\d{3}[ -]\d{3}[ -]\d{4}|\d{10})\b",
        _uk_nhs,
        ("nhs", "national health service", "health services authority", "nhs number", "nhs no"),
    ),
    Recognizer(
        "UK_NINO",
        r"(?i)\b([A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D])\b",
        _uk_nino,
        ("nino", "national insurance", "ni number", "national insurance number", "hmrc"),
    ),
    Recognizer(
        "DE_TAX_ID",
        r"\b([1-9]\d{10}|[1-9]\d \d{3} \d{3} \d{3})\b",
        checked(_de_tax_id, 0.15, 0.92),
        (
            "steuer-id",
            "steuerid",
            "idnr",
            "steueridentifikationsnummer",
            "identifikationsnummer",
            "tax id",
            "steuerliche identifikationsnummer",
            "steuernummer",
            "tin",
            "finanzamt",
            "steuer-identifikationsnummer",
        ),
    ),
    Recognizer(
        "DE_VAT_ID",
        r"(?i)\b(DE[ .-]?[1-9]\d{2}[ .-]?\d{3}[ .-]?\d{3})\b",
        checked(_de_vat, 0.6, 0.92),
        ("ust-idnr", "ust-id", "umsatzsteuer", "vat", "vat id", "umsatzsteueridentifikationsnummer"),
    ),
    Recognizer(
        "DE_SOCIAL_SECURITY",
        r"(?i)\b(\d{2} ?\d{6} ?[A-Z] ?\d{3})\b",
        checked(_de_social_security, 0.7, 0.95),
        (
            "rvnr",
            "sozialversicherung",
            "sozialversicherungsnummer",
            "rentenversicherung",
            "sv-nummer",
            "rentenversicherungsnummer",
            "sozialversicherungsausweis",
            "versicherungsnummer",
            "svnr",
        ),
    ),
    Recognizer(
        "DE_HEALTH_INSURANCE",
        r"\b([A-Z]\d{9})\b",
        checked(_de_health, 0.35, 0.93),
        (
            "kvnr",
            "krankenkasse",
            "krankenversicherung",
            "egk",
            "versichertennummer",
            "gesundheitskarte",
            "krankenversichertennummer",
            "egk-nummer",
            "health insurance",
        ),
    ),
    Recognizer(
        "DE_ID_CARD",
        r"(?i)\b([CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{7}\d)\b",
        checked(_machine_readable, 0.1, 0.85),
        (
            "personalausweis",
            "ausweis",
            "ausweisnummer",
            "reisepass",
            "id card",
            "passnummer",
            "identity card",
        ),
    ),
    Recognizer(
        "ES_NIF",
        r"(?i)\b(\d{7,8}-?[A-HJ-NP-TV-Z])\b",
        _es_nif,
        ("nif", "dni", "documento nacional", "identificación", "documento de identidad"),
    ),
    Recognizer(
        "ES_NIE",
        r"(?i)\b([XYZ]\d{7}-?[A-HJ-NP-TV-Z])\b",
        checked(_es_nie, 0.7, 0.95),
        ("nie", "extranjero", "número de identificación", "identificación de extranjero"),
    ),
    Recognizer(
        "FI_PERSONAL_IDENTITY_CODE",
        r"(?i)\b(\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y])\b",
        _fi_hetu,
        ("hetu", "henkilötunnus", "personbeteckning", "finnish id", "personal identity code"),
    ),
    Recognizer(
        "SE_PERSONNUMMER",
        r"\b((?:18|19|20)?\d{6}[-+]?\d{4})\b",
        _se_person,
        ("personnummer", "pnr", "samordningsnummer", "swedish id", "person nummer", "personnr"),
    ),
    Recognizer(
        "SE_ORGANISATIONSNUMMER",
        r"\b(\d{6}-?\d{4})\b",
        _se_organisation,
        ("orgnummer", "organisationsnummer", "org.nr", "orgnr", "företag", "bolag"),
    ),
    Recognizer(
        "PL_PESEL",
        r"\b(\d{11})\b",
        checked(_pl_pesel, 0.15, 0.93),
        ("pesel", "numer pesel", "nr pesel"),
    ),
    Recognizer(
        "IT_FISCAL_CODE",
        rf"(?i)\b([A-Z]{{6}}{_CF_DIGIT}{{2}}[ABCDEHLMPRST]{_CF_DIGIT}{{2}}[A-Z]{_CF_DIGIT}{{3}}[A-Z])\b",
        checked(_it_fiscal_code, 0.9, 0.98),
        ("codice fiscale", "cf", "fiscal code", "fiscale"),
    ),
    Recognizer(
        "IT_VAT_CODE",
        r"\b(?:IT)?(\d{11})\b",
        checked(_it_vat, 0.1, 0.88),
        ("partita iva", "p.iva", "p. iva", "piva", "iva", "vat"),
    ),
    Recognizer(
        "FR_NIR",
        r"\b([12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2})\b",
        checked(_fr_nir, 0.6, 0.96),
        ("sécurité sociale", "nir", "insee", "numéro de sécu", "vitale", "sécu"),
    ),
    Recognizer(
        "NL_BSN", r"\b(\d{9})\b", checked(_nl_bsn, 0.04, 0.9), ("bsn", "burgerservicenummer", "sofinummer")
    ),
    Recognizer(
        "BE_NRN",
        r"\b(\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}|\d{11})\b",
        checked(_be_nrn, 0.12, 0.93),
        ("rijksregisternummer", "registre national", "nrn", "insz", "niss"),
    ),
    Recognizer(
        "CH_AHV",
        r"\b(756\.?\d{4}\.?\d{4}\.?\d{2})\b",
        checked(_ch_ahv, 0.6, 0.96),
        ("ahv", "avs", "ahv-nummer", "sozialversicherungsnummer"),
    ),
    Recognizer("HR_OIB", r"\b(\d{11})\b", checked(_hr_oib, 0.05, 0.9), ("oib", "osobni identifikacijski")),
    Recognizer(
        "NO_BIRTH_NUMBER",
        r"\b(\d{6} ?\d{5})\b",
        checked(_no_birth_number, 0.2, 0.93),
        ("fødselsnummer", "personnummer", "fnr"),
    ),
    Recognizer(
        "IE_PPS", r"\b(\d{7}[A-W][A-IW]?)\b", checked(_ie_pps, 0.3, 0.93), ("pps", "ppsn", "pps number")
    ),
    Recognizer(
        "TR_NATIONAL_ID",
        r"\b([1-9]\d{10})\b",
        checked(_tr_national_id, 0.2, 0.94),
        ("tckn", "kimlik", "t.c.", "tc kimlik", "kimlik no", "tc"),
    ),
)
