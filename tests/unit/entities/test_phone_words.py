"""Numbers beside words for a telephone in many languages: telephone numbers and other numbers."""

from __future__ import annotations

import pytest

from monitoring.entities.finder import find_entities

HITS = [
    "Hast du was zu schreiben? Meine Nummer: 0172 8843920",
    "Unter 040 / 33 91 82 74 erreichen Sie mein Büro.",
    "Handynr. 0157 / 3384 9921",
    "Ruft mich an: 0699 11823947",
    "Mein Festnetz ist 089 2738 4410.",
    "Tel. privat 044 382 91 75",
    "Vous pouvez me joindre au 06 29 48 17 53.",
    "Mon téléphone fixe : 03 88 21 47 96",
    "Rappelez le 07 81 92 33 46 svp",
    "Envoyez un SMS au 06.71.28.39.44",
    "Chiamatemi al 338 1947 265",
    "Il mio numero di telefono è 06 5839 2214",
    "Puoi scrivermi su WhatsApp al 329 4817 336",
    "Llámame al 655 38 21 90",
    "Mi número es 91 382 47 65",
    "Liga-me para o 936 281 447",
    "O meu número é 213 847 920",
    "Mój telefon: 512 847 339",
    "Proszę dzwonić pod numer 501 283 746",
    "Позвони мне: 8 926 381 74 52",
    "Звони на мобильный 8-921-384-72-91",
    "Телефонуйте: 050 384 72 16",
    "Mobilní telefon 602 384 719",
    "Zavolej mi na 731 284 956",
    "Telefonszámom 30 384 7291",
    "Numaram 0543 284 71 96",
    "Beni 0505 382 47 19 numaradan ara",
    "τηλέφωνο 210 384 7291",
    "请拨打电话010-62384719",
    "手機號碼：0912-384-756",  # noqa: RUF001 people write it so
    "微信同号 13738492615",
    "携帯は080-3847-1926にお願いします",
    "TEL 06-6384-7291",
    "연락처: 02-384-7291",
    "휴대폰 번호 01038472916",
    "رقم هاتفي 0501 384 726",
    "मेरा फोन नंबर 98384 72615",
    "Gọi điện thoại cho tôi: 0903 847 261",
    "Ligue para (21) 2384-7291",
    "Mi celular es 11 3847-2916",
    "Text me at 305/384-7291",
    "My cell: 0917 384 7261 (Manila)",
]
NEAR_MISSES = [
    "Die Ligaspiele brachten 0176 458 293 Tore, äh, viele.",
    "Artikelnummer 0664 392 814",
    "Das Buch erschien 1976, die 3. Auflage 2001.",
    "Le prix du téléphone est de 1 299,00 euros.",
    "Le portable coûte 849 euros et pèse 1,8 kg.",
    "Telefonat am 12.03.2024 um 14:30 Uhr, Dauer 12 Minuten",
    "Das Telefon hat 12 GB Speicher und 5 000 mAh.",
    "Телефон стоит 24 990 рублей.",
    "Позвони завтра в 10:30, будет 15 человек.",
    "手机价格是5999元，2024年9月发布。",  # noqa: RUF001 people write it so
    "电话会议在2024-03-05 14:30举行。",
    "電話は1876年に発明された。",
    "전화 회의는 2024년 3월 5일입니다.",
    "Mobilfunk: 5G auf 3 400 bis 3 700 MHz",
    "Rufen Sie Kapitel 12 auf, Seite 340 bis 355.",
    "Erreichen kann man 1 000 000 Punkte.",
    "You can reach 120 km/h in 8.5 seconds.",
    "Die Telefonnummer hat in Deutschland bis zu elf Ziffern.",
    "Il telefono costa 349,90 euro nel 2024.",
    "El teléfono cuesta 1.249,00 euros y pesa 187 gramos.",
    "Zadzwoń w piątek 12.04 o 18:30",
]


def surest(text: str) -> float:
    """Return the confidence of the surest telephone number in a text."""
    return max((one.confidence for one in find_entities(text) if one.type == "PHONE_NUMBER"), default=0.0)


@pytest.mark.parametrize("text", HITS)
def test_a_number_beside_a_word_for_a_telephone_is_believed(text: str) -> None:
    assert surest(text) >= 0.5


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_dates_prices_and_amounts_beside_such_a_word_are_not(text: str) -> None:
    assert surest(text) < 0.5
