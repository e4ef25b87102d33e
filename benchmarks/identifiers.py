"""Make labelled rows of personal data of which public sources hold too few.

    PYTHONPATH=. python benchmarks/identifiers.py FOLDER  # makes FOLDER/pii/made_identifiers.jsonl
    llm-monitor benchmark FOLDER --detail

One seed always gives the same rows. For every type 120 texts hold a value and 120 hold a near miss.
A near miss has the same form and a check that fails. If the words around it identify a type, a near
miss is the same value among other words. Values are drawn by their form until the recogniser's own
check accepts or refuses them. The rows therefore measure what happens around the check: words for
and against, parts of longer numbers, and values that other types claim. The checks themselves are
tested with published examples in `tests/unit/entities`, and were compared with python-stdnum 2.2 on
2026-11-26.
"""

from __future__ import annotations

import hashlib
import json
import random
import string
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import re2

from monitoring.entities.finder import recognizers
from monitoring.entities.recognizer import Recognizer

ROWS = 120
TRIES = 20_000
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ALPHABETS = {
    "#": string.digits,
    "^": string.ascii_uppercase,
    "%": "0123456789abcdef",
    "&": string.ascii_letters + string.digits,
}

# '#' is a digit, '^' a capital, '%' a lower-case hexadecimal digit, '&' a letter or digit.
FORMS: Mapping[str, tuple[str, ...]] = {
    "ABA_ROUTING_NUMBER": ("#########", "####-####-#"),
    "AR_CUIT": ("20-########-#", "27-########-#"),
    "AU_ABN": ("## ### ### ###",),
    "AU_ACN": ("### ### ###",),
    "AU_MEDICARE": ("2### ##### #", "4#########"),
    "AU_TFN": ("### ### ###",),
    "BE_NRN": ("##.##.##-###.##",),
    "BR_CNPJ": ("##.###.###/0001-##",),
    "BR_CPF": ("###.###.###-##",),
    "CA_SIN": ("4##-###-###", "5## ### ###"),
    "CH_AHV": ("756.####.####.##",),
    "CL_RUT": ("##.###.###-#",),
    "CN_RESIDENT_ID": ("110105198#0#1####", "310104197#1#2#####"),
    "CREDIT_CARD": ("4### #### #### ####", "52##-####-####-####", "3434 ###### #####", "6011############"),
    "DE_HEALTH_INSURANCE": ("^#########",),
    "DE_ID_CARD": ("L########", "C##T####0"),
    "DE_SOCIAL_SECURITY": ("65######^###", "12 ###### ^ ###"),
    "DE_TAX_ID": ("###########", "## ### ### ###"),
    "DE_VAT_ID": ("DE#########",),
    "ES_NIE": ("Y#######-^", "X#######^"),
    "ES_NIF": ("########-^", "########^"),
    "FI_PERSONAL_IDENTITY_CODE": ("##0#8#-###^", "1#1#9#-####"),
    "FR_NIR": ("2 8# 0# 75 ### ### ##", "1 7# 1# 13 ### ### ##"),
    "HK_ID": ("^######(#)",),
    "HR_OIB": ("###########",),
    "IBAN_CODE": ("DE## #### #### #### #### ##", "NL##ABNA##########", "GB## NWBK #### #### #### ##"),
    "IE_PPS": ("#######^",),
    "IL_ID": ("#########",),
    "IN_AADHAAR": ("#### #### ####",),
    "IN_GSTIN": ("27^^^P^####^1Z^", "29^^^C^####^2Z#"),
    "IN_PAN": ("^^^P^####^", "^^^^^####^"),
    "IT_FISCAL_CODE": ("^^^^^^8#^##^###^",),
    "IT_VAT_CODE": ("###########",),
    "JP_MY_NUMBER": ("#### #### ####", "############"),
    "KR_BRN": ("###-##-#####",),
    "KR_FRN": ("8#0###-5######",),
    "KR_RRN": ("8#0###-1######",),
    "MX_CURP": ("^A^^8#0##0H^^^^^##", "^E^^7#1#1#M^^^^^##"),
    "NL_BSN": ("#########",),
    "NO_BIRTH_NUMBER": ("0#018# #####", "1#119# #####"),
    "PH_TIN": ("###-###-###-000",),
    "PL_PESEL": ("###########",),
    "SE_ORGANISATIONSNUMMER": ("556###-####",),
    "SE_PERSONNUMMER": ("198#0###-####", "7#1###-####"),
    "SG_FIN": ("S#######^", "G#######^"),
    "TH_TNIN": ("#############", "1-####-#####-##-#"),
    "TR_NATIONAL_ID": ("###########",),
    "TW_NATIONAL_ID": ("^1########",),
    "UK_NHS": ("### ### ####",),
    "UK_NINO": ("^^ ## ## ## ^",),
    "US_ITIN": ("9##-##-####",),
    "US_MBI": ("1^&#-^&#-^^##",),
    "US_NPI": ("1#########", "1###-###-###"),
    "US_SSN": ("###-##-####", "### ## ####"),
    "ZA_ID_NUMBER": ("8#0#0#####08#",),
    "MAC_ADDRESS": ("%%:%%:%%:%%:%%:%%",),
    "IP_ADDRESS": ("8#.1##.#.2##", "2a0#:%%%%:%%%%:1::%%%%"),
    "EMAIL_ADDRESS": ("a&&&&.&&&&@mail&&.com", "b&&&@post.c&&&&.org"),
    "PHONE_NUMBER": ("+1 212 555 ####", "+49 30 90####", "(415) 6##-####", "+44 20 79## ####"),
}
"""Forms of types that a form or check decides; a near miss has the form and not the check."""

NEAR_FORMS: Mapping[str, tuple[str, ...]] = {
    "EMAIL_ADDRESS": ("a&&&&.&&&&(at)mail&&", "@a&&&&", "b&&&@localhost"),
    "IN_PAN": ("^^^#^####^", "^^^P^###^^"),
    "IN_GSTIN": ("27^^^P^####^1^Z", "99^^^P^####^0Z#"),
    "IP_ADDRESS": ("8#.1##.#", "3##.4##.5##.6##", "2a0g:%%%%:%%%%"),
    "MAC_ADDRESS": ("%%:%%:%%:%%:%%", "%%-%%-%%-%%-%%-%%-%%"),
    "SG_FIN": ("S######^", "P^########^"),
    "PHONE_NUMBER": ("####-##-##", "#.##.##", "## x ## x ##", "########T######Z"),
}
"""Near misses of types that have a form and no further check."""

AROUND: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "DATE_OF_BIRTH": (
        ("She was born on {day} in a small town.", "Date of birth: {day}.", "DOB {day}, as the form says."),
        ("The bridge opened on {day}.", "The invoice of {day} is due.", "Version 2 came out on {day}."),
    ),
    "PASSPORT": (
        ("My passport number is C01X{n4}7.", "Passport no. 5{n4}{n4}.", "passport: L8{n4}{n3}"),
        ("Passport fees rose to {n4} in 2019.", "Ticket C01X{n4}7 is closed.", "The passport office has {n3} staff."),
    ),
    "US_DRIVER_LICENSE": (
        ("My driver's license number is D{n4}{n3}.", "Driver license: F{n4}-{n4}-{n4}", "driving licence no. H{n4}{n4}"),
        ("A driver's license costs {n3} dollars.", "The licence plate reader saw {n4} cars.", "Part D{n4}{n3} is out."),
    ),
    "PASSWORD": (
        ("The password is Tr0ub{n4}dor&3.", "password: hunter{n4}X!", 'passwd="kq{n4}Zw9#"'),
        ("The password must have {n4} characters.", "Your password is required.", "password: <your password>"),
    ),
    "URL_CREDENTIALS": (
        ("Use postgres://app:s3cr{n4}@db.shop{n3}.net/main.", "https://bob:pass{n4}@git.shop{n3}.net/x.git"),
        ("Use postgres://db.shop{n3}.net:5432/main.", "https://git.shop{n3}.net/bob:{n4}/x.git"),
    ),
    "PRIVATE_KEY": (
        (
            "-----BEGIN RSA PRIVATE KEY-----\n{key}\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{key}",
        ),
        ("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----\n{key}"),
    ),
    "API_KEY": (
        (
            "export GITHUB_TOKEN=ghp_{k36}", "glpat-{k20} works", "sk-proj-{k36} is my key", "sk-ant-api03-{k36}",
            "AIzaSy{k33} for maps", "npm_{k36}", "hf_{k34}", "xoxb-20{n4}-{n4}-{k20}", "sk_live_{k24}",
            "dop_v1_{h64}", "shpat_{h32}", "dapi{h32}", "SG.{k22}.{k43}", "api_key = '{k32}'",
        ),
        (
            "commit {h40}", "sha256:{h64}", "id {h8}-{h4}-{h4}-{h4}-{h12}", "api_key = 'your_api_key_here'",
            "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ghp_{n4}", "The token {n4} is next.", "md5 {h32}",
        ),
    ),
}  # fmt: skip
"""Types that the words around them identify: texts that hold a value, and texts that do not."""

FRAMES = (
    "The {word} is {value}, she said.",
    "{word}: {value}",
    "Please note my {word} {value} for later.",
    "They asked for the {word} and I gave {value}.",
)


class Made(NamedTuple):
    """A text about one type, and whether it holds a value of it."""

    kind: str
    text: str
    label: int


def make_rows(kind: str, chance: random.Random, rows: int = ROWS) -> Iterator[Made]:
    """Yield `rows` texts that hold a value of one type, and as many that do not."""
    if kind in AROUND:
        for label, texts in zip((1, 0), AROUND[kind], strict=True):
            for number in range(rows):
                yield Made(kind, _fill_around(texts[number % len(texts)], chance), label)
        return
    if kind == "CRYPTO":
        words: tuple[str, ...] = ("wallet", "bitcoin address")
        values = (_wallets(chance), _broken_wallets(chance))
    else:
        own = [one for one in recognizers() if one.type == kind]
        words = own[0].words[:3]
        values = (_draw(kind, own, chance, valid=True), _draw(kind, own, chance, valid=False))
    for label, drawn in zip((1, 0), values, strict=True):
        for number in range(rows):
            frame = FRAMES[number % len(FRAMES)]
            yield Made(kind, frame.format(word=chance.choice(words), value=next(drawn)), label)


def _draw(kind: str, own: Sequence[Recognizer], chance: random.Random, *, valid: bool) -> Iterator[str]:
    patterns = [(re2.compile(one.pattern), one.judge) for one in own]
    while True:
        for _ in range(TRIES):
            forms = FORMS[kind] if valid else NEAR_FORMS.get(kind, FORMS[kind])
            value = fill(chance.choice(forms), chance)
            grades = [
                judge(match.group(1)) for pattern, judge in patterns if (match := pattern.search(value))
            ]
            # Special cases (test cards, placeholders) belong to neither group, because they are
            # found on purpose, with little confidence.
            if any(grade and grade.note for grade in grades):
                continue
            if any(grades) == valid:
                yield value
                break
        else:
            raise RuntimeError(f"no {'valid' if valid else 'invalid'} {kind} in {TRIES} tries")


def fill(form: str, chance: random.Random) -> str:
    """Return a form in which characters replace the signs."""
    return "".join(chance.choice(ALPHABETS[c]) if c in ALPHABETS else c for c in form)


def _fill_around(text: str, chance: random.Random) -> str:
    hexadecimal, letters = "0123456789abcdef", string.ascii_letters + string.digits

    def take(alphabet: str, count: int) -> str:
        return "".join(chance.choice(alphabet) for _ in range(count))

    values: dict[str, str] = {
        "day": f"{chance.randint(1, 28)} {chance.choice(('March', 'May', 'October'))} {chance.randint(1950, 2005)}",
        "key": "\n".join(take(letters, 64) for _ in range(4)),
        **{f"n{count}": str(chance.randint(10 ** (count - 1), 10**count - 1)) for count in (3, 4)},
        **{f"k{count}": take(letters, count) for count in (20, 22, 24, 32, 33, 34, 36, 43)},
        **{f"h{count}": take(hexadecimal, count) for count in (4, 8, 12, 32, 40, 64)},
    }
    return text.format(**values)


def _wallets(chance: random.Random) -> Iterator[str]:
    while True:
        payload = bytes([0]) + chance.randbytes(20)
        digest = hashlib.sha256(hashlib.sha256(payload).digest()).digest()
        yield _base58(payload + digest[:4])


def _broken_wallets(chance: random.Random) -> Iterator[str]:
    for wallet in _wallets(chance):
        at = chance.randrange(4, len(wallet))
        yield wallet[:at] + ("2" if wallet[at] == "3" else "3") + wallet[at + 1 :]


def _base58(data: bytes) -> str:
    number, text = int.from_bytes(data), ""
    while number:
        number, place = divmod(number, len(BASE58))
        text = BASE58[place] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


KINDS: tuple[str, ...] = (*FORMS, *AROUND, "CRYPTO")


def make_all(seed: int = 2026) -> Iterator[dict[str, Any]]:
    """Yield the rows of every type, in the schema of the benchmark."""
    for kind in KINDS:
        chance = random.Random(f"{seed} {kind}")  # noqa: S311 a reproducible choice
        for number, made in enumerate(make_rows(kind, chance)):
            yield {
                "id": f"{kind}-{number}",
                "task": "pii",
                "source": "made_identifiers",
                "prompt": made.text,
                "response": None,
                "context": None,
                "reference": None,
                "label": made.label,
                "spans": None,
                "meta": {"entity": kind},
            }


def main(folder: Path, write: Callable[[str], object] = print) -> None:
    """Write the rows into a folder."""
    path = folder / "pii" / "made_identifiers.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row) for row in make_all()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write(f"{len(lines)} rows in {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
