"""Values of every type of personal data that can be found, and calls that carry one in every field.

The values come in many forms.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

__all__ = ["CANARIES", "Canary", "attributes_with", "call_with", "events_with"]


class Canary(NamedTuple):
    """A value that must not be seen again, its type, and the words that identify its type."""

    kind: str
    secret: str
    words: str

    @property
    def text(self) -> str:
        return f"{self.words} {self.secret}"


_TABLE = """
ABA_ROUTING_NUMBER|0711-0130-7|routing number
AR_CUIT|20-12345678-6|CUIT
AU_ABN|51 824 753 556|ABN
AU_ACN|005 499 981|ACN
AU_MEDICARE|2123 45670 1|medicare
AU_TFN|876 543 210|tax file number
BE_NRN|85.07.30-033.28|rijksregisternummer
BR_CNPJ|11.222.333/0001-81|CNPJ
BR_CPF|529.982.247-25|CPF
CA_SIN|435-418-165|SIN
CH_AHV|756.9217.0769.85|AHV
CL_RUT|12.345.678-5|RUT
CN_RESIDENT_ID|11010519491231002X|resident id
CREDIT_CARD|4929 7226 5379 7141|card
CRYPTO|16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ|bitcoin
DATE_OF_BIRTH|1/27/1952|born on
DE_HEALTH_INSURANCE|M123456785|Krankenversicherung
DE_ID_CARD|L01X00T44|Personalausweis
DE_SOCIAL_SECURITY|65070803A019|Sozialversicherungsnummer
DE_TAX_ID|12345678903|Steuer-ID
DE_VAT_ID|DE 136 695 976|USt-IdNr
EMAIL_ADDRESS|o.neil+news@sub.host.co.uk|mail
ES_NIE|Y8063915-Z|NIE
ES_NIF|55555555-K|NIF
FI_PERSONAL_IDENTITY_CODE|010594Y9032|henkilötunnus
FR_NIR|2 55 08 14 168 025 38|sécurité sociale
HK_ID|A123456(3)|HKID
HR_OIB|94577403194|OIB
IBAN_CODE|FR76 3000 6000 0112 3456 7890 189|IBAN
IE_PPS|1234567T|PPS
IL_ID|325437259|teudat zehut
IN_AADHAAR|3998 7654 3211|Aadhaar
IN_GSTIN|27AAPFU0939F1ZV|GSTIN
IN_PAN|ABCPD1234Z|PAN
IP_ADDRESS|81.2.69.142|ip
IT_FISCAL_CODE|RSSMRA85T10A562S|codice fiscale
IT_VAT_CODE|01333550323|partita IVA
JP_MY_NUMBER|1234 5678 9018|my number
KR_BRN|104-86-56659|사업자등록번호
KR_FRN|911124-5678906|외국인등록번호
KR_RRN|960121-1234567|주민등록번호
MAC_ADDRESS|00:1A:2B:3C:4D:5E|mac
MX_CURP|HEGG560427MVZRRL04|CURP
NL_BSN|284917382|BSN
NO_BIRTH_NUMBER|01059400289|fødselsnummer
PASSPORT|C01234567|my passport number is
PASSWORD|hunter2horse!|password:
PHONE_NUMBER|+49 30 901820|phone
PH_TIN|000-123-456-001|TIN
PL_PESEL|44051401458|pesel
SE_ORGANISATIONSNUMMER|556703-7485|organisationsnummer
SE_PERSONNUMMER|19871220-2384|personnummer
SG_FIN|S2740116C|FIN
STREET_ADDRESS|42 Maple Street, Springfield, IL 62704|lives at
TH_TNIN|1234567890121|thai id
TR_NATIONAL_ID|10000000146|TC kimlik
TW_NATIONAL_ID|A123456789|taiwanese id
UK_NHS|221 395 1837|NHS
UK_NINO|AA 12 34 56 B|NINO
URL_CREDENTIALS|https://bob:s3cr3tpw@db.corp.net/x|link
US_DRIVER_LICENSE|F162823540116|driver's license number is
US_ITIN|911-70-1234|itin
US_MBI|1EG4-TE5-MK73|MBI
US_NPI|1234-567-893|NPI
US_SSN|536-22-8731|ssn
ZA_ID_NUMBER|8001015009087|South African id
"""
CANARIES = (
    *(Canary(*line.split("|")) for line in _TABLE.strip().splitlines()),
    # The keys are written in pieces, so that no scanner of repositories takes them for real.
    Canary("API_KEY", "ghp_" + "a9Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3Op", "key"),
    Canary("PRIVATE_KEY", "MIIEowIBAAKCAQEA7vPz", "-----BEGIN RSA PRIVATE KEY-----"),
    # Keys and sessions of this product, and forms that hide a value or its name.
    Canary("API_KEY", "lm_0123456789ab_" + "a9Kd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3OpAs-Df_G", "key"),
    Canary("API_KEY", "ls_" + "q7Wd83jsLq02mZx7Vb5Nc1Qw4Er6Ty8Ui3OpAs-Df_H", "cookie"),
    Canary("API_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYkd83jsLq0z", "AWS_SECRET_ACCESS_KEY ="),
    Canary("PASSWORD", "letmein4horses", "DATABASE_PASSWORD ="),
    Canary("PASSWORD", "amFuZTpzM2NyM3RiaXJk", "Authorization: Basic"),
    Canary("EMAIL_ADDRESS", "kim.lee%40corp-post.com", "email"),
    Canary("EMAIL_ADDRESS", "lou.ray&#64;corp-post.com", "email"),
    Canary("EMAIL_ADDRESS", "max.roe\\u0040corp-post.com", "email"),
    Canary("EMAIL_ADDRESS", "pat.fox [at] corp-post [dot] com", "email"),
    Canary("EMAIL_ADDRESS", "jos\u00e9.garc\u00eda@m\u00fcller-post.es", "email"),
    Canary("CREDIT_CARD", "4539_5787_6362_1486", "card"),
    Canary(
        "CREDIT_CARD",
        "\u0664\u0665\u0663\u0669\u0665\u0667\u0668\u0667\u0666\u0663\u0666\u0662\u0661\u0664\u0668\u0666",
        "card",
    ),
    Canary("US_SSN", "219\u201309\u20139999", "ssn"),
    Canary("PHONE_NUMBER", "wa.me/4915123456789", "link"),
)


def call_with(canary: Canary, **fields: Any) -> dict[str, Any]:
    """Return a call with the canary in every field that a client may fill or invent."""
    text = canary.text
    arguments = json.dumps({"note": text}, ensure_ascii=False)
    return {
        "prompt": f"First {text}",
        "response": f"Second {text}",
        "model_name": text,
        "provider": text,
        "id": f"{text} {fields.get('id', '')}",
        "user_id": text,
        "session_id": text,
        "template_id": text,
        "parent_id": text,
        "system_prompt": text,
        "context": ["clean", text],
        "reference": text,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]},
        ],
        "error": text,
        "tags": ["clean", text[:128]],
        "metadata": {text: 1, "note": text, "nested": {"list": [text]}},
        "a_field_of_its_own": text,
        **{name: value for name, value in fields.items() if name != "id"},
    }


def attributes_with(canary: Canary) -> dict[str, Any]:
    """Return the attributes of a span with the canary in every text of the GenAI conventions."""

    def said(role: str) -> list[dict[str, Any]]:
        return [{"role": role, "parts": [{"type": "text", "content": canary.text}]}]

    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": canary.text,
        "gen_ai.request.model": canary.text,
        "gen_ai.response.id": canary.text,
        "gen_ai.input.messages": said("user"),
        "gen_ai.output.messages": said("assistant"),
        "gen_ai.system_instructions": [{"type": "text", "content": canary.text}],
        "gen_ai.conversation.id": canary.text,
        "user.id": canary.text,
        canary.text: canary.text,
        "of.its.own": [canary.text],
    }


def events_with(canary: Canary, **ids: bytes) -> list[dict[str, Any]]:
    """Return the log events of the span with these ids, and one event that belongs to no span.

    All of them carry the canary.
    """
    message = {"role": "assistant", "content": canary.text}
    found: list[dict[str, Any]] = [
        {"event": "gen_ai.system.message", "body": {"content": canary.text}},
        {"event": "gen_ai.user.message", "body": {"content": canary.text}},
        {"event": "gen_ai.choice", "body": {"index": 0, "finish_reason": "stop", "message": message}},
        {
            "event": "gen_ai.evaluation.result",
            "attributes": {
                "gen_ai.evaluation.name": canary.text,
                "gen_ai.evaluation.score.value": 0.5,
                "gen_ai.evaluation.score.label": canary.text,
                "gen_ai.evaluation.explanation": canary.text,
                "error.type": canary.text,
            },
        },
    ]
    alone = {"event": "gen_ai.client.inference.operation.details", "attributes": attributes_with(canary)}
    return [*({**event, **ids} for event in found), alone]
