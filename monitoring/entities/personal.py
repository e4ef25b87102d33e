"""Data that only words reveal: dates of birth, passports, licences and addresses of homes."""

from __future__ import annotations

from monitoring.entities.recognizer import Grade, Judge, Recognizer

__all__ = ["RECOGNIZERS", "TRIGGERS"]

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATE = (
    rf"(?:\d{{1,2}}[/.-]\d{{1,2}}[/.-](?:19|20)?\d{{2}}|(?:19|20)\d{{2}}[/.-]\d{{1,2}}[/.-]\d{{1,2}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}}|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? (?:19|20)\d{{2}})"
)
# Characters between the words and the value that they announce: "is", ":", "number is", "no.".
_LINK = r"[\"'*]{0,3}(?:'s)?(?: card)?(?: (?:number|no\.?|num|nr\.?|#))?(?:(?: is| was| es|:|=|#|,|\.)\s{0,3}){0,3}[\"'* ]{0,3}"
_STREET = (
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|way|place|pl|square|sq|terrace|ter"
    r"|highway|hwy|parkway|pkwy|circle|cir|trail|trl|close|crescent|grove|mews|row|alley)"
)
_NAME = r"(?:[A-Z0-9][\w'.-]{0,24} ){1,4}"
_UNIT = r"(?:,? (?:apt|apartment|suite|ste|unit|floor|fl|#)\.? ?#?\w{1,6})?"
_TOWN = r"(?:[,\s]{1,3}[A-Z][A-Za-z .'-]{1,30}?,? [A-Z]{2} \d{5}(?:-\d{4})?)?"


def _always(bare: float, near: float) -> Judge:
    grade = Grade(bare, near)
    return lambda _: grade


def _has_digit(bare: float, near: float) -> Judge:
    grade = Grade(bare, near)
    return lambda text: grade if sum(map(str.isdigit, text)) >= _LICENCE_DIGITS else None


def _passport(text: str) -> Grade | None:
    """Grade a passport number; a German one has nine characters, of which few need be digits."""
    fewest = 2 if len(text) == _GERMAN_PASSPORT and text.upper() == text else _LICENCE_DIGITS
    return Grade(0.8, 0.9) if sum(map(str.isdigit, text)) >= fewest else None


_LICENCE_DIGITS = 4
_GERMAN_PASSPORT = 9
_HOME_WORDS = (
    "address", "my address", "lives at", "live at", "residence", "resides", "home", "ship to", "shipping", "billing",
    "deliver", "delivery", "mail to", "sent to", "moved to", "reside", "postal", "adresse", "dirección", "indirizzo",
)  # fmt: skip

# Words without which the recognisers of this module need not run; the finder looks for their
# hashes.
TRIGGERS = (
    "born", "birth", "dob", "birthday", "birthdate", "geboren", "geburtsdatum", "naissance", "nacimiento",
    "passport", "passports", "reisepass", "passeport", "pasaporte", "passaporto", "license", "licence",
    "driver", "drivers", "führerschein", "street", "avenue", "road", "boulevard", "lane", "drive", "court", "parkway",
    "highway", "terrace", "circle", "blvd", "ave", "rd", "box", "psc", "apo", "fpo", "dpo", "rue", "calle", "via",
    "password", "passwd", "pwd", "passphrase", "passcode", "passwort", "kennwort", "contraseña", "authorization", "api_key", "apikey", "secret", "token",
    "secret_key", "access_token", "access_key", "auth_token", "client_secret", "secret_access_key",
    "aws_secret_access_key", "bearer", "key", "passe", "st", "suite", "apt",
)  # fmt: skip

RECOGNIZERS = (
    Recognizer(
        "DATE_OF_BIRTH",
        rf"(?i)\b(?:date of birth|birth ?date|birthday|d\.?o\.?b\.?|born(?: on| in| at)?|geburtsdatum|geboren(?: am)?"
        rf"|né(?:e)? le|date de naissance|fecha de nacimiento|nacid[oa] el)[^\d\n]{{0,20}}?\b({_DATE})",
        _always(0.45, 0.75),
        (
            "my",
            "patient",
            "dob",
            "applicant",
            "date of birth",
            "birthdate",
            "birthday",
            "customer",
            "i was",
            "d.o.b",
            "geburtsdatum",
            "date de naissance",
            "fecha de nacimiento",
        ),
        nature="token",
    ),
    Recognizer(
        "PASSPORT",
        rf"(?i)\b(?:passport|passports|reisepass|passeport|pasaporte|passaporto)(?:nummer)?{_LINK}([A-Z]{{0,3}}\d[A-Z0-9]{{5,9}}|[A-Z]{{1,3}}\d{{5,8}})\b",
        _passport,
        nature="token",
    ),
    Recognizer(
        "US_DRIVER_LICENSE",
        rf"(?i)\b(?:driver'?s?'? licen[sc]e|driving licen[sc]e|dl)(?: id)?{_LINK}([A-Z]{{0,2}}\d[A-Z0-9-]{{4,15}}[A-Z0-9])\b",
        _has_digit(0.75, 0.85),
        nature="token",
    ),
    Recognizer(
        "STREET_ADDRESS",
        rf"\b(\d{{1,6}}[A-Za-z]? {_NAME}(?i:{_STREET})\b\.?{_UNIT}{_TOWN})",
        _always(0.4, 0.75),
        _HOME_WORDS,
        nature="token",
    ),
    Recognizer(
        "STREET_ADDRESS",
        r"(?i)\b(P\.? ?O\.? Box \d{1,6}|(?:PSC|Unit) \d{3,5},? Box \d{1,5}(?:\s{1,3}[AFD]PO [A-Z]{2} \d{5})?|[AFD]PO A[AEP] \d{5})\b",
        _always(0.55, 0.75),
        _HOME_WORDS,
        nature="token",
    ),
    Recognizer(
        "STREET_ADDRESS",
        rf"\b(\d{{1,6}} {_NAME}(?i:apt|suite)\.? ?\d{{1,5}})",
        _always(0.5, 0.75),
        _HOME_WORDS,
        nature="token",
    ),
)
