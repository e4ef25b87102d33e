"""Redaction: what is taken out, what stays, and that findings keep their places."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.bounds import FIGURES
from monitoring.entities import find_entities
from monitoring.entities.finder import find_in_texts
from monitoring.entities.recognizer import Entity
from monitoring.evaluation import evaluate, evaluate_by
from monitoring.evaluators.pii import build
from monitoring.models import Record, Score
from monitoring.privacy import redactor
from monitoring.privacy.redaction import Mode, Redaction, without_pseudonyms
from monitoring.privacy.redactor import Redacted, redact
from monitoring.text.prepared import Prepared

PII = build()
MAIL, CARD, SSN = "jane.doe@corp.net", "4929 7226 5379 7141", "536-22-4587"
MASK, HASH = Redaction(mode="mask"), Redaction(mode="hash")


def name(kind: str, value: str) -> str:
    return f"{kind[:1]}{len(value)}{value[-1:]}".lower()


def redact_one(record: Record, redaction: Redaction = MASK) -> Redacted:
    (found,) = redact([record], redaction, name)
    return found


def redact_text(text: str, redaction: Redaction = MASK) -> str | None:
    """What becomes of a prompt, None where it is dropped."""
    found = redact_one(Record(prompt=text, response=""), redaction)
    return None if found.dropped else found.record.prompt


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"Write to {MAIL}.", "Write to [EMAIL_ADDRESS]."),
        (f"{MAIL}, {MAIL}", "[EMAIL_ADDRESS], [EMAIL_ADDRESS]"),
        (f"Card {CARD} of {MAIL}", "Card [CREDIT_CARD] of [EMAIL_ADDRESS]"),
        (f"My SSN is {SSN}", "My SSN is [US_SSN]"),
        (f"Grüße an {MAIL} 🙂", "Grüße an [EMAIL_ADDRESS] 🙂"),
        ('{"to": "jane.doe@corp.net"}', '{"to": "[EMAIL_ADDRESS]"}'),
        ("SSN \uff15\uff13\uff16-22-4587", "SSN [US_SSN]"),
    ],
)
def test_what_is_found_is_masked(text: str, masked: str) -> None:
    assert redact_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nothing to see.",
        "Card 4929 7226 5379 7142",
        "card 4242 4242 4242 4242, which is for testing",
        "version 10.4.2.1 of 2023-05-03",
        "order 536224587",
        "jane.doe at corp",
    ],
)
def test_near_misses_stay(text: str) -> None:
    assert redact_text(text) == text
    assert redact_one(Record(prompt=text, response=text)).record == Record(prompt=text, response=text)


EVERYWHERE = Record(
    prompt=MAIL,
    response=MAIL,
    model_name=f"model of {MAIL}",
    provider=MAIL,
    id=MAIL,
    user_id=MAIL,
    session_id=MAIL,
    template_id=MAIL,
    parent_id=MAIL,
    system_prompt=MAIL,
    context=("clean", MAIL),
    reference=MAIL,
    messages=(
        {"role": "user", "content": [{"type": "text", "text": MAIL}]},
        {"tool_calls": [{"function": {"arguments": f'{{"to": "{MAIL}"}}'}}], MAIL: {MAIL: [[MAIL]]}},
    ),
    error=MAIL,
    tags=(MAIL, "blue", f"for {MAIL}"),
    metadata={MAIL: MAIL, "nested": {"list": [MAIL, 1, None, True, 2.5]}},
    service_tier=MAIL,
    usage={"prompt_tokens": 3, "user": MAIL, MAIL: [MAIL]},
)


@pytest.mark.parametrize(
    "redaction", [MASK, HASH, Redaction(mode="drop"), Redaction(types={"EMAIL_ADDRESS": "mask"})]
)
def test_no_field_is_forgotten(redaction: Redaction) -> None:
    """Every field that takes text is filled above, so a new field fails here until it is."""
    plain = msgspec.to_builtins(EVERYWHERE)
    texts = {field.name for field in msgspec.structs.fields(Record)} - {
        *FIGURES,
        "timestamp",
        "skip",
        "marks",
        "budget_reservation",  # has one form, which no personal data has
    }
    assert texts <= plain.keys()
    assert MAIL in msgspec.json.encode(EVERYWHERE).decode()
    assert MAIL not in msgspec.json.encode(redact_one(EVERYWHERE, redaction).record).decode()


def test_what_was_not_found_is_kept_as_it_was() -> None:
    record = redact_one(EVERYWHERE).record
    assert record.context == ("clean", "[EMAIL_ADDRESS]")
    assert record.tags == ("[EMAIL_ADDRESS]", "blue", "for [EMAIL_ADDRESS]")
    assert record.metadata["nested"] == {"list": ["[EMAIL_ADDRESS]", 1, None, True, 2.5]}
    assert record.messages[1]["tool_calls"][0]["function"]["arguments"] == '{"to": "[EMAIL_ADDRESS]"}'
    assert record.marks == ("redacted",)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"ssn": 536224587}, {"ssn": "[US_SSN]"}),
        ({"count": 536224587}, {"count": 536224587}),
        ({"card": 4929722653797141}, {"card": "[CREDIT_CARD]"}),
        ({"card": 4929722653797141.0}, {"card": "[CREDIT_CARD]"}),
        ({"card": [4929722653797141, 7]}, {"card": ["[CREDIT_CARD]", 7]}),
        ({"password": "hunter2horse"}, {"password": "[PASSWORD]"}),
        ({"colour": "hunter2horse"}, {"colour": "hunter2horse"}),
        ({"a@corp.net": 1, "b@corp.net": 2}, {"[EMAIL_ADDRESS]": 1, "[EMAIL_ADDRESS] 2": 2}),
    ],
)
def test_a_key_speaks_for_its_values(metadata: dict[str, object], expected: dict[str, object]) -> None:
    assert redact_one(Record(prompt="", response="", metadata=metadata)).record.metadata == expected


@pytest.mark.parametrize(
    ("redaction", "text", "expected"),
    [
        (HASH, f"of {MAIL}", "of [EMAIL_ADDRESS:e17t]"),
        (HASH, f"of {MAIL.upper()}", "of [EMAIL_ADDRESS:e17t]"),
        (HASH, f"card {CARD}", "card [CREDIT_CARD:c161]"),
        (HASH, f"card {CARD.replace(' ', '-')}", "card [CREDIT_CARD:c161]"),
        (Redaction(mode="mask", types={"EMAIL_ADDRESS": "off"}), f"{MAIL} {CARD}", f"{MAIL} [CREDIT_CARD]"),
        (Redaction(types={"CREDIT_CARD": "mask"}), f"{MAIL} {CARD}", f"{MAIL} [CREDIT_CARD]"),
        (Redaction(mode="mask", types={"CREDIT_CARD": "drop"}), f"card {CARD}", None),
        (Redaction(mode="mask", types={"CREDIT_CARD": "drop"}), MAIL, "[EMAIL_ADDRESS]"),
        (Redaction(mode="drop"), "Nothing to see.", None),
        (Redaction(mode="mask", confidence=1.0), "call 555 0143", "call 555 0143"),
    ],
)
def test_each_type_has_its_mode(redaction: Redaction, text: str, expected: str | None) -> None:
    assert redact_text(text, redaction) == expected


@pytest.mark.parametrize(
    ("redaction", "user_id", "expected"),
    [
        (MASK, "u-17", "u-17"),
        (MASK, MAIL, "[EMAIL_ADDRESS]"),
        (HASH, "u-17", "[USER_ID:u47]"),
        (HASH, MAIL, "[USER_ID:u17t]"),
        (Redaction(mode="drop"), "u-17", "[USER_ID:u47]"),
        (Redaction(types={"USER_ID": "hash"}), "u-17", "[USER_ID:u47]"),
        (Redaction(types={"USER_ID": "mask"}), "u-17", "[USER_ID]"),
        (Redaction(mode="hash", types={"USER_ID": "off"}), "u-17", "u-17"),
        (Redaction(mode="mask", types={"EMAIL_ADDRESS": "hash"}), MAIL, "[USER_ID:u17t]"),
    ],
)
def test_a_user_id_has_one_form_per_way(redaction: Redaction, user_id: str, expected: str) -> None:
    assert redact_one(Record(prompt="", response="", user_id=user_id), redaction).record.user_id == expected


def test_a_dropped_record_keeps_figures_and_names() -> None:
    record = Record(
        prompt=f"card {CARD}", response="ok", model_name="gpt-4", tags=("blue",), prompt_tokens=7, template_id="t",
        metadata={"a": 1}, messages=({"role": "user"},), error="no", context=("c",), reference="r", system_prompt="s",
    )  # fmt: skip
    for redaction in (Redaction(mode="drop"), Redaction(types={"CREDIT_CARD": "drop"})):
        found = redact_one(record, redaction)
        assert (found.dropped, found.pii) == (True, None)
        assert found.record == Record(
            prompt="", response="", model_name="gpt-4", tags=("blue",), prompt_tokens=7, template_id="t", error="[REDACTED]",
            marks=("text_dropped",),
        )  # fmt: skip


@pytest.mark.parametrize("redaction", [MASK, HASH, Redaction(types={"CREDIT_CARD": "mask"})])
def test_the_score_is_that_of_the_original_with_evidence_in_the_redacted_text(redaction: Redaction) -> None:
    record = Record(
        prompt=f"Grüße, {MAIL} 🙂 or {CARD} or 202 555 0143",
        response=f"I sent {CARD} to {MAIL}, and {MAIL}",
        context=("clean", f"é {MAIL}"),
        reference="clean",
    )
    found = redact_one(record, redaction)
    original = evaluate([record], [PII])[0]["pii"]
    assert isinstance(original, Score)
    assert found.pii is not None
    assert (found.pii.value, found.pii.label, found.pii.parts) == (
        original.value,
        original.label,
        original.parts,
    )
    assert [e.reason for e in found.pii.evidence] == [e.reason for e in original.evidence]
    texts = {
        "prompt": found.record.prompt,
        "response": found.record.response,
        "context": "\n\n".join(found.record.context),
    }
    for evidence in found.pii.evidence:
        kind, confidence = evidence.reason.split()[:2]
        shown = texts[evidence.field][evidence.start : evidence.end]
        hidden = redaction.mode_of(kind) != "off" and float(confidence) >= redaction.confidence
        assert shown.startswith(f"[{kind}") if hidden else shown in {MAIL, "202 555 0143"}


def test_a_text_of_many_private_keys_is_taken_out_whole() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA7vPz\n-----END PRIVATE KEY-----\n"
    assert redact_text(key * 20) == "[PRIVATE_KEY]\n" * 20
    assert redact_text(key * 21) == "[REDACTED]"


def test_a_list_of_people_is_taken_out_whole() -> None:
    many = " ".join(f"p{n}@corp.net" for n in range(1200))
    found = redact_one(
        Record(prompt=many, response=f"{many} {CARD}"), Redaction(types={"CREDIT_CARD": "mask"})
    )
    assert (found.record.prompt, found.record.response) == ("[REDACTED]", "[REDACTED]")
    assert found.pii is not None
    assert {(e.start, e.end) for e in found.pii.evidence} == {(0, len("[REDACTED]"))}


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([MAIL, CARD, SSN, "é", "🙂 ", " and ", "SSN ", "4929", "@", "\u200b", "10.1.2.3"])
    )
)
def test_nothing_that_was_found_is_left_and_the_rest_is_kept(pieces: list[str]) -> None:
    text = "".join(pieces)
    masked = redact_text(text)
    assert masked is not None
    for entity in find_entities(text):
        if entity.confidence >= MASK.confidence:
            assert f"[{entity.type}]" in masked or text[entity.start : entity.end] not in masked
    assert masked == text or len(find_entities(text)) > 0


@pytest.mark.parametrize(
    "hidden",
    [
        "jane.doe%40corp.net",
        "jane.doe\\u0040corp.net",
        "Jane.Doe [at] corp [dot] net",
        "jane.doe\uff20corp.net",
    ],
)
def test_a_pseudonym_does_not_depend_on_how_a_value_is_written(hidden: str) -> None:
    assert redact_text(f"of {hidden}!", HASH) == "of [EMAIL_ADDRESS:e17t]!"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("of [EMAIL_ADDRESS:abcdefghijklmnop]", "of [EMAIL_ADDRESS]"),
        ("[USER_ID:abcdefghijklmnop][US_SSN:ponmlkjihgfedcba]", "[USER_ID][US_SSN]"),
        ("[EMAIL_ADDRESS:abc] [x:abcdefghijklmnop] plain", "[EMAIL_ADDRESS:abc] [x:abcdefghijklmnop] plain"),
    ],
)
def test_a_sender_sees_masks(text: str, shown: str) -> None:
    assert without_pseudonyms(text) == shown


@pytest.mark.parametrize(
    ("redaction", "masking"),
    [
        (HASH, MASK),
        (
            Redaction(types={"US_SSN": "hash", "API_KEY": "drop"}),
            Redaction(types={"US_SSN": "mask", "API_KEY": "drop"}),
        ),
        (Redaction(mode="drop"), Redaction(mode="drop")),
    ],
)
def test_a_decision_has_a_form_without_pseudonyms(redaction: Redaction, masking: Redaction) -> None:
    assert redaction.without_pseudonyms() == masking


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"types": {"EMAIL": "mask"}}, "type EMAIL can be found"),
        ({"mode": "drop", "types": {"CREDIT_CARD": "off"}}, "have no effect"),
        ({"confidence": 0}, "above 0"),
        ({"mode": "blur"}, "Invalid enum value"),
        ({"modes": "mask"}, "unknown field"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.convert(values, Redaction)


@pytest.mark.parametrize(
    ("redaction", "on", "needs_key"),
    [
        (Redaction(), False, False),
        (Redaction(types={"US_SSN": "off"}), False, False),
        (MASK, True, False),
        (HASH, True, True),
        (Redaction(types={"US_SSN": "drop"}), True, True),
    ],
)
def test_it_says_what_it_needs(redaction: Redaction, on: bool, needs_key: bool) -> None:  # noqa: FBT001 a table
    assert (redaction.on, redaction.needs_key) == (on, needs_key)


def modes() -> list[Mode]:
    return ["mask", "hash", "drop"]


@pytest.mark.parametrize("mode", modes())
def test_a_second_redaction_changes_nothing(mode: Mode) -> None:
    once = redact_one(EVERYWHERE, Redaction(mode=mode))
    again = redact_one(once.record, Redaction(mode="mask"))
    assert again.record == once.record


@pytest.mark.parametrize(
    "text",
    [
        f"Card {CARD} of {MAIL}",
        "Nothing to see.",
        "jane (at) corp (dot) net",
        ", ".join(f"person{number}@corp.net" for number in range(1200)),
    ],
)
def test_findings_of_the_evaluator_are_searched_once_and_replaced_alike(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [
        Record(prompt=text, response=f"I wrote to {MAIL}.", user_id=MAIL),
        Record(prompt="", response=text),
    ]
    expected = redact(records, MASK, name)
    searched = Prepared(records)
    evaluate_by(PII, searched)
    sought: list[str] = []

    def find(texts: list[str], **options: object) -> dict[int, list[Entity]]:
        sought.extend(texts)
        return find_in_texts(texts, **options)  # type: ignore[arg-type]  # what the redactor gave

    monkeypatch.setattr(redactor, "find_in_texts", find)
    assert redact(records, MASK, name, searched) == expected
    assert text not in sought
    assert MAIL in sought
