"""A project's settings: what they may say, and that storage gives back what it was given."""

from __future__ import annotations

import msgspec
import pytest

from app.schemas.projects import ProjectSettings, decode_settings, encode_settings
from monitoring.privacy.redaction import Redaction
from monitoring.verdict import Policy


@pytest.mark.parametrize(
    "settings",
    [
        ProjectSettings(),
        ProjectSettings(policy=Policy(thresholds={"toxicity": 0.4}, weights={"coherence": 0.0})),
        ProjectSettings(retention_days=1),
        ProjectSettings(redaction=Redaction(mode="hash", types={"US_SSN": "drop"}), text_share=0.1),
    ],
)
def test_settings_survive_their_column(settings: ProjectSettings) -> None:
    assert decode_settings(encode_settings(settings)) == settings


def test_an_empty_column_means_as_for_everybody() -> None:
    assert decode_settings("{}") == ProjectSettings()


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        ('{"retention_days": 0}', "at least 1"),
        ('{"policy": {"thresholds": {"toxicity": 1}}}', "between 0 and 1"),
        ('{"policy": {"weights": {"relevance": -1}}}', "zero or more"),
        ('{"retention_day": 3}', "unknown field"),
        ('{"redaction": {"types": {"EMAIL": "mask"}}}', "EMAIL can be found"),
        ('{"text_share": 1.1}', "between 0 and 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(column: str, complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        decode_settings(column)
