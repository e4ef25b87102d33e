import pytest

from monitoring.entities import find_entities


def types(text: str) -> set[str]:
    return {entity.type for entity in find_entities(text)}


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("US_SSN", "536-22-8731", "900-22-8731"),
        ("US_ITIN", "911-70-1234", "911-89-1234"),
        ("US_NPI", "1234-567-893", "1234-567-894"),
        ("US_MBI", "1EG4-TE5-MK73", "1EG4-LE5-MK73"),
        ("ABA_ROUTING_NUMBER", "0711-0130-7", "0711-0130-8"),
        ("CA_SIN", "435-418-165", "435-418-166"),
        ("BR_CPF", "529.982.247-25", "529.982.247-26"),
        ("BR_CNPJ", "11.222.333/0001-81", "11.222.333/0001-82"),
        ("CL_RUT", "12.345.678-5", "12.345.678-6"),
        ("AR_CUIT", "20-12345678-6", "20-12345678-5"),
        ("AU_ABN", "51 824 753 556", "52 824 753 556"),
        ("AU_ACN", "005 499 981", "005 499 982"),
        ("AU_MEDICARE", "2123 45670 1", "2123 45680 1"),
        ("UK_NHS", "221 395 1837", "221 395 1838"),
        ("UK_NINO", "AA 12 34 56 B", "BG 12 34 56 B"),
        ("DE_TAX_ID", "12345678903", "12345678904"),
        ("DE_VAT_ID", "DE 136 695 976", "DE 136 695 977"),
        ("DE_SOCIAL_SECURITY", "65070803A019", "65070803A012"),
        ("DE_HEALTH_INSURANCE", "M123456785", "M123456789"),
        ("ES_NIF", "55555555-K", "55555555-L"),
        ("ES_NIE", "Y8063915-Z", "Y8063915-Q"),
        ("FI_PERSONAL_IDENTITY_CODE", "010594Y9032", "010594Y9033"),
        ("SE_PERSONNUMMER", "19871220-2384", "19871220-2385"),
        ("SE_ORGANISATIONSNUMMER", "556703-7485", "556703-7486"),
        ("PL_PESEL", "44051401458", "44051401459"),
        ("IT_FISCAL_CODE", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        ("IT_VAT_CODE", "01333550323", "01333550324"),
        ("FR_NIR", "2 55 08 14 168 025 38", "2 55 08 14 168 025 39"),
        ("BE_NRN", "85.07.30-033.28", "85.07.30-033.29"),
        ("CH_AHV", "756.9217.0769.85", "756.9217.0769.86"),
        ("IE_PPS", "1234567T", "1234567U"),
        ("TR_NATIONAL_ID", "10000000146", "10000000145"),
        ("IN_AADHAAR", "3998 7654 3211", "3998 7654 3212"),
        ("IN_PAN", "ABCPD1234Z", "ABCP1234DZ"),
        ("IN_GSTIN", "27AAPFU0939F1ZV", "00AAPFU0939F1ZV"),
        ("KR_RRN", "960121-1234567", "961321-1234567"),
        ("KR_FRN", "911124-5678906", "911324-5678906"),
        ("KR_BRN", "104-86-56659", "104-86-56658"),
        ("SG_FIN", "S2740116C", "PA12348L"),
        ("TH_TNIN", "1234567890121", "1234567890123"),
        ("ZA_ID_NUMBER", "8001015009087", "8001015009086"),
        ("PH_TIN", "000-123-456-001", "000-123-457-001"),
        ("CN_RESIDENT_ID", "11010519491231002X", "110105194912310021"),
        ("TW_NATIONAL_ID", "A123456789", "A123456788"),
        ("HK_ID", "A123456(3)", "A123456(4)"),
        ("JP_MY_NUMBER", "1234 5678 9018", "1234 5678 9019"),
    ],
)
def test_check_digits_decide(kind: str, right: str, wrong: str) -> None:
    assert kind in types(f"It reads {right} here")
    assert kind not in types(f"It reads {wrong} here")


@pytest.mark.parametrize(
    ("vendor", "token"),
    [
        ("aws", "AKIA" + "Z7QWERTYUIOPASDF"),
        ("github", "ghp_" + "a9Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3Op"),
        ("gitlab", "glpat-" + "x7Kd83jsLq02mZx7Vb5N"),
        ("slack", "xoxb-" + "204857-9382-kd83jsLq02mZ"),
        ("stripe", "sk_live_" + "51Kd83jsLq02mZx7Vb5Nc1Qw"),
        ("openai", "sk-proj-" + "Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3"),
        ("anthropic", "sk-ant-api03-" + "Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3"),
        ("google", "AIza" + "SyD83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3Op"),
        ("sendgrid", "SG." + "Kd83jsLq02mZx7Vb5Nc1Qw." + "Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3OpZx7Vb5Nc1"),
        ("twilio", "SK" + "83d02a7b5c14e6893f0a2d7c5b1e4f60"),
        ("npm", "npm_" + "a9Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3Op"),
        ("huggingface", "hf_" + "KdjsLqmZxVbNcQwErTyUiOpAsDfGhJkLz9"),
        ("digitalocean", "dop_v1_" + "83d02a7b5c14e6893f0a2d7c5b1e4f60" * 2),
        ("shopify", "shpat_" + "83d02a7b5c14e6893f0a2d7c5b1e4f60"),
        ("telegram", "5938271046:AA" + "Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3O"),
        ("databricks", "dapi" + "83d02a7b5c14e6893f0a2d7c5b1e4f60"),
        ("groq", "gsk_" + "Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3OpZx7Vb5Nc1Qw4Er6Ty8"),
        ("vault", "hvs." + "Kd83jsLq02mZx7Vb5Nc1Qw4Er6"),
        ("jwt", "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiI5MzgyIn0.Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8"),
    ],
)
def test_tokens_name_their_vendor(vendor: str, token: str) -> None:
    (entity,) = [e for e in find_entities(f"use {token} for it") if e.type == "API_KEY"]
    assert entity.note == vendor
    assert entity.confidence >= 0.5


@pytest.mark.parametrize(
    "token", ["sk-" + "x" * 40, "ghp_" + "1" * 36, "AKIAIOSFODNN7EXAMPLE", "sk_test_yourkeyyourkeyyour"]
)
def test_placeholders_are_no_keys(token: str) -> None:
    assert all(entity.confidence < 0.5 for entity in find_entities(f"use {token} for it"))
