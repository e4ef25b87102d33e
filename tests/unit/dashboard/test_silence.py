"""What to set for texts is the same on the dashboard and in the documentation."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from plotly.io.json import to_json_plotly

from dashboard.drawing.silence import RECIPES, recipe_of, silence_notice, silent_calls
from tests.unit.dashboard.test_overview import TRACE

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "send-opentelemetry.md").read_text()
SECTION = PAGE.partition("## When calls show `no_content`\n")[2].partition("\n## ")[0]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.client)
def test_the_page_says_what_the_dashboard_says(recipe: Any) -> None:
    assert f"**{recipe.client}**" in SECTION
    assert recipe.code in PAGE or all(f"`{line}`" in SECTION for line in recipe.code.splitlines())


def test_the_dashboard_says_what_the_page_says() -> None:
    assert set(re.findall(r"\*\*(.+?)\*\*", SECTION)) == {each.client for each in RECIPES}
    said = {line for recipe in RECIPES for line in recipe.code.splitlines()}
    assert set(re.findall(r"`(.+?)`", SECTION)) <= said


@pytest.mark.parametrize(
    ("scope", "client"),
    [
        ("opentelemetry.instrumentation.openai_v2", "OpenTelemetry"),
        ("opentelemetry.instrumentation.openai.v1", "OpenLLMetry"),
        ("openinference.instrumentation.openai", "OpenInference"),
        ("ai", "Vercel AI SDK"),
        ("pydantic-ai", "Pydantic AI"),
        ("litellm", "LiteLLM"),
        ("by-hand", "OpenTelemetry"),
        (None, "OpenTelemetry"),
    ],
)
def test_the_client_that_sent_the_call_is_shown_first(scope: str | None, client: str) -> None:
    assert recipe_of(scope).client == client
    assert f'"value":"{client}"' in to_json_plotly(silence_notice("Silent", scope))


@pytest.mark.parametrize(
    ("marks", "age", "counts"),
    [
        (("no_content",), timedelta(minutes=1), True),
        (("no_content", "joined"), timedelta(minutes=1), True),
        (("no_content",), timedelta(seconds=5), False),
        (("text_dropped",), timedelta(minutes=1), False),
        ((), timedelta(minutes=1), False),
    ],
)
def test_a_call_counts_once_its_texts_can_no_longer_come(
    marks: tuple[str, ...], age: timedelta, *, counts: bool
) -> None:
    trace = msgspec.structs.replace(TRACE, marks=marks, timestamp=NOW - age)
    assert bool(silent_calls([trace], NOW)) is counts


def test_beside_a_call_it_is_unfolded_and_on_the_overview_it_can_be_put_away() -> None:
    beside, above = silence_notice("Silent", opened=True), silence_notice("Silent")
    assert (beside.children[1].open, beside.withCloseButton) == (True, False)
    assert (above.children[1].open, above.withCloseButton) == (False, True)
