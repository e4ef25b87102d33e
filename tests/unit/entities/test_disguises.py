"""Identifiers that plain patterns miss: with escapes, other scripts, separators, or words."""

from __future__ import annotations

import time

import pytest

from monitoring.entities import find_entities
from monitoring.privacy.redaction import Redaction

CARD, SPACED = "4539578763621486", "4539 5787 6362 1486"
MAIL = "jane.doe@corp-mail.com"


def found(text: str) -> set[tuple[str, str]]:
    """What would be masked: type and stretch of the text."""
    least = Redaction().confidence
    return {(one.type, text[one.start : one.end]) for one in find_entities(text) if one.confidence >= least}


ADDRESSES = (
    "jane.doe%40corp-mail.com",
    "jane.doe%2540corp-mail.com",
    "jane%2Edoe%40corp%2Dmail%2Ecom",
    "%6A%61%6E%65%40corp-mail.com",
    "m%C3%BCller%40firma.de",
    r"jane.doe\u0040corp-mail.com",
    r"jane.doe\\u0040corp-mail.com",
    r"jane.doe\x40corp-mail.com",
    r"jane.doe\u{40}corp-mail.com",
    r"jane.doe\U00000040corp-mail.com",
    r"m\u00fcller@firma.de",
    "jane.doe&#64;corp-mail.com",
    "jane.doe&#064;corp-mail.com",
    "jane.doe&#x40;corp-mail.com",
    "jane.doe&commat;corp-mail&period;com",
    "jane.doe&amp;#64;corp-mail.com",
    "jane.doe[at]corp-mail[dot]com",
    "jane.doe (at) corp-mail.com",
    "jane.doe {AT} corp-mail {DOT} com",
    "jane.doe<at>corp-mail.com",
    "jane.doe (\u00e4t) corp-mail.de",
    "jane.doe[@]corp-mail[.]com",
    "jane dot doe at corp dot com",
    "bob at gmail dot com",
    "jane.doe at gmail.com",
    "jane.doe @ corp-mail.com",
    "jane.doe\uff20corp-mail.com",
    "\uff4a\uff41\uff4e\uff45\uff20\uff43\uff4f\uff52\uff50\uff0e\uff43\uff4f\uff4d",
    "jane.doe\ufe6bcorp-mail.com",
    "jane.d\u200boe@corp-mail.com",
    "jane.d\u00adoe@corp-mail.com",
)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("See ", " soon."), ("\u00e9 \U0001f642 (", ")")])
def test_an_encoded_or_spelled_address_is_found_whole(address: str, before: str, after: str) -> None:
    assert found(f"{before}{address}{after}") == {("EMAIL_ADDRESS", address)}


def test_a_name_before_an_at_that_is_a_word_is_none() -> None:
    text = "Mail me at jane dot doe at corp dot com, or reach me at bob [at] corp.com."
    assert found(text) == {
        ("EMAIL_ADDRESS", "jane dot doe at corp dot com"),
        ("EMAIL_ADDRESS", "bob [at] corp.com"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "Look at example dot com for more.",
        "Visit us at acme dot com.",
        "Meet me at corp dot com",
        "The price (at) noon",
        "values[at] = x.y",
        "the dot product at hand",
        "See index.html at example.com",
        "lunch @ joes.com",
        "v1.2 at github.com",
        "a%20b%20c and 100%41",
        r"C:\users\x40 and \times 5 and \nabla",
        "don&#39;t &amp; won&#39;t",
        "jane.doe%40corp",
        "@media (max-width: 100px)",
        '{"key": "@app.route"}',
    ],
)
def test_what_only_looks_like_an_address_stays(text: str) -> None:
    assert found(text) == set()


NUMBERS = (
    ("CREDIT_CARD", "4539_5787_6362_1486"),
    ("CREDIT_CARD", "4539\u20135787\u20136362\u20131486"),
    ("CREDIT_CARD", "4539\u20145787\u20146362\u20141486"),
    ("CREDIT_CARD", "4539\u22125787\u22126362\u22121486"),
    ("CREDIT_CARD", "4539 \u2013 5787 \u2013 6362 \u2013 1486"),
    ("CREDIT_CARD", "4539 - 5787 - 6362 - 1486"),
    ("CREDIT_CARD", "4539\u00b75787\u00b76362\u00b71486"),
    ("CREDIT_CARD", "4539\uff0e5787\uff0e6362\uff0e1486"),
    ("CREDIT_CARD", "4539\u20095787\u20096362\u20091486"),
    ("CREDIT_CARD", "4539\u30005787\u30006362\u30001486"),
    ("CREDIT_CARD", "4539%205787%206362%201486"),
    ("CREDIT_CARD", "4539&nbsp;5787&nbsp;6362&nbsp;1486"),
    ("CREDIT_CARD", "4539&#8211;5787&#8211;6362&#8211;1486"),
    ("CREDIT_CARD", r"4539\u20135787\u20136362\u20131486"),
    ("CREDIT_CARD", "\u0664\u0665\u0663\u0669\u0665\u0667\u0668\u0667\u0666\u0663\u0666\u0662\u0661\u0664\u0668\u0666"),
    ("CREDIT_CARD", "\u06f4\u06f5\u06f3\u06f9 \u06f5\u06f7\u06f8\u06f7 \u06f6\u06f3\u06f6\u06f2 \u06f1\u06f4\u06f8\u06f6"),
    ("CREDIT_CARD", "\u096a\u096b\u0969\u096f\u096b\u096d\u096e\u096d\u096c\u0969\u096c\u0968\u0967\u096a\u096e\u096c"),
    ("CREDIT_CARD", "\U0001d7d2\U0001d7d3\U0001d7d1\U0001d7d7578763621486"),
    ("US_SSN", "536\u201322\u20138731"),
    ("US_SSN", "536_22_8731"),
    ("US_SSN", "219\u201309\u20139999"),
    ("PHONE_NUMBER", "+\u0664\u0669 \u0663\u0660 \u0669\u0660\u0661\u0668\u0662\u0660"),
    ("PHONE_NUMBER", "+49\u201330\u2013901820"),
    ("PHONE_NUMBER", "%2B49%2030%20901820"),
    ("IN_AADHAAR", "\u0969\u096f\u096f\u096e \u096d\u096c\u096b\u096a \u0969\u0968\u0967\u0967"),
    ("IBAN_CODE", "FR76.3000.6000.0112.3456.7890.189"),
    ("IBAN_CODE", "FR76\u20113000\u20116000\u20110112\u20113456\u20117890\u2011189"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "number"), NUMBERS)
def test_foreign_digits_and_separators_do_not_hide_a_number(kind: str, number: str) -> None:
    words = {"US_SSN": "My SSN is ", "PHONE_NUMBER": "call ", "IN_AADHAAR": "Aadhaar "}
    assert found(f"{words.get(kind, '')}{number}!") == {(kind, number)}


def test_an_escape_before_a_number_does_not_glue_to_it() -> None:
    assert found(rf"\n{CARD}\n") == {("CREDIT_CARD", CARD)}
    assert found(rf"a\t{MAIL}\r\n") == {("EMAIL_ADDRESS", MAIL)}


@pytest.mark.parametrize(
    "text",
    [
        "4539_5787_6362_1487",
        "table_4539_5787_6362_1486",
        "1_000_000 and 10_000_000 calls",
        "10\u201320 minutes, 1990\u20131995, pages 1234\u20131239",
        "1234 - 5678 and 2019 - 2020",
        "precipitation = 160 + (2000 \u2013 160) * 7",
        "\u0639\u0627\u0645 \u0661\u0669\u0669\u0660 \u0648 \u0662\u0660\u0660\u0660",
        "10\u00a0000 \u20ac, 25\u00a0%",
        "version 10\u00b74\u00b72\u00b71",
    ],
)
def test_other_numbers_in_such_forms_stay(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("https://wa.me/4915123456789", "4915123456789"),
        ("wa.me/+4915123456789?text=hi", "+4915123456789"),
        ("https://api.whatsapp.com/send?phone=4915123456789&text=a", "4915123456789"),
        ('<a href="tel:+49-30-901820">', "+49-30-901820"),
        ("sms:+12127365000", "+12127365000"),
        ("tel:%2B4930901820", "%2B4930901820"),
        ("https://t.me/+4915123456789", "+4915123456789"),
    ],
)
def test_a_link_to_a_telephone_is_found(text: str, number: str) -> None:
    assert found(text) == {("PHONE_NUMBER", number)}


@pytest.mark.parametrize(
    "text", ["wa.me/message/ABCDEF", "tel:911", "https://t.me/channel/12345", "hotel:12", "tel:see 123"]
)
def test_other_links_stay(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("jane.doe%40corp-mail.com", MAIL),
        ("jane.doe [at] corp-mail.com", MAIL),
        ("4539_5787_6362_1486", "4539-5787-6362-1486"),
        (MAIL, ""),
        (SPACED, ""),
    ],
)
def test_a_finding_says_what_it_reads(text: str, reading: str) -> None:
    (entity,) = [one for one in find_entities(text) if one.confidence >= Redaction().confidence]
    assert entity.reading == reading


HOSTILE = (
    "&#64;", "%40", "%25", "&amp;", "\\", "\\u0040", "\\n1", " at a dot b", "a [at] b", "dot ", "[at]", "4539\u2013", "\u0664",
    "1_2345678_", "1 - 2 - ", "password=", "PASSWORD='a' ", "authorization: ", "a=b.c@", '"a"@', "\u00fc@\u00fc.", "@ ", "-u a:b1! ",
    'secret: "', "a@b.co-", "\u200b1", "wa.me/1234567 ", "lm_0123456789ab_",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_hostile_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        before = time.thread_time()
        find_entities(text)
        return time.thread_time() - before

    find_entities(unit)
    small, large = seconds(16_000), seconds(128_000)
    for _ in range(3):
        if large < 0.1 or large < 20 * small:
            break
        small, large = max(small, seconds(16_000)), min(large, seconds(128_000))
    assert large < 0.1 or large < 20 * small, (small, large)
