import pytest

from monitoring.entities import find_entities


def found(text: str) -> set[tuple[str, ...]]:
    return {(entity.type, text[entity.start : entity.end]) for entity in find_entities(text)}


@pytest.mark.parametrize(
    ("text", "kind", "match"),
    [
        ("mail o.neil+news@sub.host.co.uk now", "EMAIL_ADDRESS", "o.neil+news@sub.host.co.uk"),
        ("a@xn--d1acufc.xn--p1ai", "EMAIL_ADDRESS", "a@xn--d1acufc.xn--p1ai"),
        ("(212) 736-5000", "PHONE_NUMBER", "(212) 736-5000"),
        ("+1-212-736-5000x123", "PHONE_NUMBER", "+1-212-736-5000x123"),
        ("phone 0490 75 40 81", "PHONE_NUMBER", "0490 75 40 81"),
        ("They're not answering at 450 0840", "PHONE_NUMBER", "450 0840"),
        ("2223 0031 2200 3222", "CREDIT_CARD", "2223 0031 2200 3222"),
        ("3782-822463-10005", "CREDIT_CARD", "3782-822463-10005"),
        ("6011.5209.3784.8076", "CREDIT_CARD", "6011.5209.3784.8076"),
        ("card 501864667909", "CREDIT_CARD", "501864667909"),
        ("gb42nawi04454264788619", "IBAN_CODE", "gb42nawi04454264788619"),
        ("FR76 3000 6000 0112 3456 7890 189", "IBAN_CODE", "FR76 3000 6000 0112 3456 7890 189"),
        ("ip 2400:c401::5054:ff:fe1b:b031.", "IP_ADDRESS", "2400:c401::5054:ff:fe1b:b031"),
        ("http://[2001:db8::1]:8080/", "IP_ADDRESS", "2001:db8::1"),
        ("10.0.0.0/8", "IP_ADDRESS", "10.0.0.0"),
        ("00:1A:2B:3C:4D:5E", "MAC_ADDRESS", "00:1A:2B:3C:4D:5E"),
        ("aabb.ccdd.eeff", "MAC_ADDRESS", "aabb.ccdd.eeff"),
        ("16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ", "CRYPTO", "16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",) * 1
        + ("CRYPTO", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",) * 1
        + ("CRYPTO", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ("born on 1/27/1952", "DATE_OF_BIRTH", "1/27/1952"),
        ("date of birth: March 3rd, 1971", "DATE_OF_BIRTH", "March 3rd, 1971"),
        ("my passport number is C01234567", "PASSPORT", "C01234567"),
        ("Reisepass Nr. C5YH82KLM", "PASSPORT", "C5YH82KLM"),
        ("iban DE 59 3705 0299 1188 4200 71", "IBAN_CODE", "DE 59 3705 0299 1188 4200 71"),
        ("codice fiscale: VRDMRCTNAMRLNMVB", "IT_FISCAL_CODE", "VRDMRCTNAMRLNMVB"),
        ("BNCGLI85M41FNLRW", "IT_FISCAL_CODE", "BNCGLI85M41FNLRW"),
        ("driver's license number is F162823540116", "US_DRIVER_LICENSE", "F162823540116"),
        (
            "lives at 42 Maple Street, Springfield, IL 62704",
            "STREET_ADDRESS",
            "42 Maple Street, Springfield, IL 62704",
        ),
        ("P.O. Box 1234", "STREET_ADDRESS", "P.O. Box 1234"),
        ("password: hunter2!", "PASSWORD", "hunter2!"),
        ("api_key = 'k3J9xQ2mV7bN5tR8wZ1c'", "API_KEY", "k3J9xQ2mV7bN5tR8wZ1c"),
    ],
)
def test_each_form_is_found(text: str, kind: str, match: str) -> None:
    assert (kind, match) in found(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("icon@2x.png", "EMAIL_ADDRESS"),
        ("uses: actions/checkout@v4", "EMAIL_ADDRESS"),
        ("my email is info@presidio.", "EMAIL_ADDRESS"),
        ("2019-2020", "PHONE_NUMBER"),
        ("2023-10-12 12:34:56", "PHONE_NUMBER"),
        ("$1 250 000 000", "PHONE_NUMBER"),
        ("5425 2334 3010 9904", "CREDIT_CARD"),
        ("1111 1111 1111 1111", "CREDIT_CARD"),
        ("1700000000000000", "CREDIT_CARD"),
        ("DE44 5001 0517 5407 3249 32", "IBAN_CODE"),
        ("DE44 5001 0517 5407 3249 3", "IBAN_CODE"),
        ("256.1.1.1", "IP_ADDRESS"),
        ("1.3.6.1.4.1.311", "IP_ADDRESS"),
        ("12:34:56", "IP_ADDRESS"),
        ("std::vector<int>", "IP_ADDRESS"),
        ("2001::25de::cade", "IP_ADDRESS"),
        ("FF:FF:FF:FF:FF:FF", "MAC_ADDRESS"),
        ("10:2F:33-AC-29-C3", "MAC_ADDRESS"),
        ("16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ2", "CRYPTO"),
        ("8f953371d3e85eddb89b05ed6b9e680791055315c73e1025ab5dba7bb2aee189", "CRYPTO"),
        ("666-12-3456", "US_SSN"),
        ("078-05-1120", "US_SSN"),
        ("550e8400-e29b-41d4-a716-446655440000", "PHONE_NUMBER"),
        ("born in 1952", "DATE_OF_BIRTH"),
        ("the passport office opens at 9", "PASSPORT"),
        ("MISUNDERSTANDING and RESPONSIBILITIES", "IT_FISCAL_CODE"),
        ("codice fiscale: VRDMRCTNAMRLNMVC", "IT_FISCAL_CODE"),
        ("in 1984 Big Brother was on every street", "STREET_ADDRESS"),
        ("password: yourpassword123", "PASSWORD"),
        ("token_count = 1234567890123456", "API_KEY"),
    ],
)
def test_near_misses_are_left_alone(text: str, kind: str) -> None:
    assert kind not in {entity.type for entity in find_entities(text)}


@pytest.mark.parametrize(
    ("kind", "number", "word"),
    [
        ("US_SSN", "536228731", "ssn"),
        ("US_ITIN", "911701234", "itin"),
        ("US_NPI", "1245319599", "NPI"),
        ("ABA_ROUTING_NUMBER", "121042882", "routing number"),
        ("CA_SIN", "130692544", "SIN"),
        ("AU_ABN", "51824753556", "ABN"),
        ("AU_ACN", "005499981", "ACN"),
        ("UK_NHS", "2213951837", "NHS"),
        ("DE_TAX_ID", "12345678903", "Steuer-ID"),
        ("PL_PESEL", "44051401458", "pesel"),
        ("TR_NATIONAL_ID", "10000000146", "TC kimlik"),
        ("TH_TNIN", "1234567890121", "thai id"),
        ("IN_AADHAAR", "399876543211", "Aadhaar"),
        ("KR_BRN", "1048656659", "사업자등록번호"),
    ],
)
def test_bare_digits_are_doubted_until_a_word_names_them(kind: str, number: str, word: str) -> None:
    bare = {entity.type: entity.confidence for entity in find_entities(f"It says {number} there")}
    named = {entity.type: entity.confidence for entity in find_entities(f"The {word}: {number}")}
    assert 0.0 < bare[kind] < 0.5 <= named[kind]
    against = {entity.type: entity.confidence for entity in find_entities(f"invoice {number}")}
    assert against.get(kind, 0.0) < bare[kind]


def test_a_sure_finding_hides_its_rivals_and_doubtful_ones_share_a_place() -> None:
    (card,) = find_entities("card 5425 2334 3010 9903")
    assert card.type == "CREDIT_CARD"
    doubtful = find_entities("2213951837")
    assert len({(entity.start, entity.end) for entity in doubtful}) == 1
    assert all(entity.confidence < 0.5 for entity in doubtful)


def test_offsets_are_characters_in_any_script() -> None:
    text = "여권번호 🙂 kim@seznam.cz și +49 30 901820"
    assert found(text) == {("EMAIL_ADDRESS", "kim@seznam.cz"), ("PHONE_NUMBER", "+49 30 901820")}


def test_a_private_key_is_found_whole() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA\n" * 20 + "-----END RSA PRIVATE KEY-----"
    (entity,) = find_entities(f"here:\n{key}\nkeep it")
    assert (entity.type, entity.end - entity.start) == ("PRIVATE_KEY", len(key))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("-----BEGIN PRIVATE KEY-----\\nMIIEowIBAAKCAQEA\\nAA==\\n-----END PRIVATE KEY-----", None),
        ("-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nMIIEowIBAAKCAQEA", None),
        (
            "-----BEGIN PRIVATE KEY-----\\nMIIEowIBAAKCAQEA and more",
            "-----BEGIN PRIVATE KEY-----\\nMIIEowIBAAKCAQEA",
        ),
        ("-----BEGIN PRIVATE KEY----- is its first line", "-----BEGIN PRIVATE KEY-----"),
    ],
)
def test_a_private_key_is_taken_as_far_as_it_goes(text: str, match: str | None) -> None:
    assert found(f"here: {text}") == {("PRIVATE_KEY", match or text)}


@pytest.mark.parametrize(
    ("text", "kind", "match"),
    [
        ("ssn 536\u201122\u20118731!", "US_SSN", "536\u201122\u20118731"),
        ("tél. 01\u00a042\u00a068\u00a053\u00a000", "PHONE_NUMBER", "01\u00a042\u00a068\u00a053\u00a000"),
        ("card \uff15425 2334 3010 9903", "CREDIT_CARD", "\uff15425 2334 3010 9903"),
        ("ssn 5\u200b36-22-8731", "US_SSN", "5\u200b36-22-8731"),
        ("mail kim\u200b@seznam.cz", "EMAIL_ADDRESS", "kim\u200b@seznam.cz"),
    ],
)
def test_a_disguise_does_not_hide_it_and_offsets_stay_true(text: str, kind: str, match: str) -> None:
    assert (kind, match) in found(text)
