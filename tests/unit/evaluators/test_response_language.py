"""Languages of responses beside texts whose language nobody can tell."""

from __future__ import annotations

import pytest

from monitoring.evaluators.response_language import build
from monitoring.models import Record
from monitoring.text.prepared import Prepared

ANY_LANGUAGE = True


@pytest.mark.parametrize(
    ("response", "language"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("The capital of France is Paris, and it has been for a long time.", "en"),
        ("Die Hauptstadt von Frankreich ist seit langer Zeit die Stadt Paris.", "de"),
        ("这座城市的历史非常悠久,请详细介绍一下它的建筑、居民和重要的历史事件。", "zh"),
        ("42", "undetermined"),
        ("Ja.", "undetermined"),
        ("x1 x2 q7", "undetermined"),
    ],
)
def test_a_response_is_in_the_language_of_its_opening(response: str, language: str) -> None:
    (score,) = build().evaluate(Prepared([Record(prompt="Tell me.", response=response)]))
    assert (score.value, score.label) == (None, language)
