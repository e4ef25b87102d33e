from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.access.decisions import (
    apply_patch,
    check_match,
    check_redaction,
    check_size,
    compare,
    etag_of,
    list_differences,
    list_dropped,
)
from app.errors import Conflict, InvalidRecord, PreconditionFailed, PreconditionRequired
from app.schemas.guard import GuardPolicy
from app.schemas.projects import BacklogLimits, ProjectSettings
from monitoring.privacy.redaction import Mode, Redaction
from monitoring.verdict import Policy

MASKED = ProjectSettings(redaction=Redaction(mode="mask", types={"EMAIL_ADDRESS": "hash"}), retention_days=30)


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({}, MASKED),
        ({"text_share": 0.5}, ProjectSettings(redaction=MASKED.redaction, retention_days=30, text_share=0.5)),
        ({"retention_days": None}, ProjectSettings(redaction=MASKED.redaction)),
        (
            {"redaction": {"types": {"EMAIL_ADDRESS": None}}},
            ProjectSettings(redaction=Redaction(mode="mask"), retention_days=30),
        ),
        (
            {"redaction": {"types": {"PHONE_NUMBER": "off"}}},
            ProjectSettings(
                redaction=Redaction(mode="mask", types={"EMAIL_ADDRESS": "hash", "PHONE_NUMBER": "off"}),
                retention_days=30,
            ),
        ),
        ({"redaction": None}, ProjectSettings(retention_days=30)),
        ({"retention_days": 30.0}, MASKED),
        (
            {"backlog": {"records": 5.0}},
            ProjectSettings(redaction=MASKED.redaction, retention_days=30, backlog=BacklogLimits(records=5)),
        ),
        (
            {"backlog": {"records": 5}},
            ProjectSettings(redaction=MASKED.redaction, retention_days=30, backlog=BacklogLimits(records=5)),
        ),
    ],
)
def test_a_merge_patch_changes_what_it_names(patch: Any, expected: ProjectSettings) -> None:
    assert apply_patch(patch, MASKED) == expected


@pytest.mark.parametrize(
    "patch",
    [[], "x", 1, None, {"nothing": 1}, {"text_share": 2}, {"redaction": "off"}, {"redaction": {"mode": "?"}}],
)
def test_a_patch_that_makes_no_settings_is_refused(patch: Any) -> None:
    with pytest.raises(InvalidRecord):
        apply_patch(patch, MASKED)


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"retention_days": 12.5}, "retention_days"),
        ({"backlog": {"records": 0.1}}, "backlog.records"),
        ({"backlog": {"records": 5.0, "bytes": "6"}}, "backlog.bytes"),
    ],
)
def test_what_is_no_integer_is_refused_by_its_field(patch: Any, field: str) -> None:
    with pytest.raises(InvalidRecord, match=rf" at {field}\.$"):
        apply_patch(patch, MASKED)


def test_a_patch_that_is_nested_deeply_is_refused() -> None:
    patch: dict[str, Any] = {}
    for _ in range(5000):
        patch = {"guard": patch}
    with pytest.raises(InvalidRecord):
        apply_patch(patch, MASKED)


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        (("off", {}), ("mask", {}), False),
        (("off", {}), ("off", {}), False),
        (("mask", {}), ("drop", {}), False),
        (("drop", {}), ("mask", {}), False),
        (("mask", {}), ("off", {}), True),
        (("mask", {}), ("off", {"EMAIL_ADDRESS": "mask"}), True),
        (("mask", {}), ("mask", {"EMAIL_ADDRESS": "off"}), True),
        (("mask", {"EMAIL_ADDRESS": "off"}), ("mask", {"EMAIL_ADDRESS": "off"}), False),
        (("mask", {"EMAIL_ADDRESS": "off"}), ("mask", {}), False),
        (("off", {"EMAIL_ADDRESS": "hash"}), ("off", {}), True),
        (("off", {"EMAIL_ADDRESS": "hash"}), ("off", {"EMAIL_ADDRESS": "mask"}), False),
        (("off", {"EMAIL_ADDRESS": "hash"}), ("mask", {}), False),
    ],
)
def test_redaction_is_not_turned_off_by_the_way(
    before: tuple[Mode, dict[str, Mode]], after: tuple[Mode, dict[str, Mode]], *, weaker: bool
) -> None:
    old, new = (Redaction(mode=mode, types=types) for mode, types in (before, after))
    assert check_redaction(old, new, lifted=True) == weaker
    if weaker:
        with pytest.raises(Conflict, match=r"\?redaction=off"):
            check_redaction(old, new, lifted=False)
    else:
        assert not check_redaction(old, new, lifted=False)


def test_finding_less_is_turning_it_off_too() -> None:
    sure, unsure = Redaction(mode="mask", confidence=0.9), Redaction(mode="mask", confidence=0.4)
    with pytest.raises(Conflict):
        check_redaction(unsure, sure, lifted=False)
    assert not check_redaction(sure, unsure, lifted=False)
    assert not check_redaction(Redaction(), Redaction(confidence=1.0), lifted=False)


def test_what_would_be_dropped_is_what_was_decided() -> None:
    after = ProjectSettings(text_share=0.5, retention_days=7)
    dropped = {one.field: one.before for one in list_dropped(MASKED, after)}
    assert dropped == {"redaction.mode": "mask", "redaction.types.EMAIL_ADDRESS": "hash"}
    assert list_dropped(ProjectSettings(), after) == []
    assert list_dropped(MASKED, MASKED) == []


@pytest.mark.parametrize("sent", [etag_of(MASKED), "*", f'"other", {etag_of(MASKED)}'])
def test_who_names_what_it_replaces_may(sent: str) -> None:
    check_match(sent, MASKED, [])


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (None, PreconditionRequired),
        ("", PreconditionFailed),
        ('"other"', PreconditionFailed),
        (f"W/{etag_of(MASKED)}", PreconditionFailed),
        (etag_of(ProjectSettings()), PreconditionFailed),
    ],
)
def test_who_does_not_is_told_what_it_would_drop(sent: str | None, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"redaction\.mode \(now mask\)") as refused:
        check_match(sent, MASKED, list_dropped(MASKED, ProjectSettings(retention_days=30)))
    assert {"field": "redaction.mode", "message": "is mask and would be dropped"} in refused.value.errors  # type: ignore[attr-defined]  # each of these errors has them


def test_the_order_of_names_makes_no_other_tag() -> None:
    one, other = ({"a": 0.1, "b": 0.2}, {"b": 0.2, "a": 0.1})
    assert etag_of(Policy(one)) == etag_of(Policy(other)) != etag_of(Policy({"a": 0.1}))


@pytest.mark.parametrize(
    ("settings", "fits"),
    [
        (ProjectSettings(guard=GuardPolicy(block={f"n{n}": 0.5 for n in range(200)})), True),
        (ProjectSettings(guard=GuardPolicy(block={f"n{n}": 0.5 for n in range(201)})), False),
        (ProjectSettings(guard=GuardPolicy(block={"n" * 128: 0.5})), True),
        (ProjectSettings(guard=GuardPolicy(block={"n" * 129: 0.5})), False),
        (ProjectSettings(policy=Policy({f"n{n}": 0.5 for n in range(201)})), False),
        (ProjectSettings(policy=Policy(weights={f"n{n}": 0.5 for n in range(201)})), False),
        (ProjectSettings(policy=Policy(decided=date(2026, 11, 29))), True),
        (ProjectSettings(guard=GuardPolicy(block={f"{n:0>3}{'é' * 125}": 0.5 for n in range(200)})), True),
        (
            ProjectSettings(
                guard=GuardPolicy(block={f"{n:0>3}{'é' * 125}": 0.5 for n in range(200)}),
                policy=Policy({f"{n:0>3}{'é' * 125}": 0.5 for n in range(200)}),
            ),
            False,
        ),
    ],
)
def test_settings_are_bounded(settings: ProjectSettings, *, fits: bool) -> None:
    if fits:
        check_size(settings)
    else:
        with pytest.raises(InvalidRecord):
            check_size(settings)


def test_what_the_audit_log_keeps_of_a_change_is_bounded() -> None:
    huge = ProjectSettings(guard=GuardPolicy(block={f"{n}{'x' * 10_000}": 0.5 for n in range(500)}))
    kept = list_differences(compare(ProjectSettings(), huge))
    assert (len(kept["changed"]), kept["more"]) == (50, 450)
    assert len(str(kept)) < 20_000
    small = list_differences(compare(ProjectSettings(), MASKED))
    assert small == {
        "changed": {
            "redaction.mode": ["off", "mask"],
            "redaction.types.EMAIL_ADDRESS": [None, "hash"],
            "retention_days": [None, 30],
        }
    }
