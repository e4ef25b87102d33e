from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

import dashboard
from app.filters import parse_filter
from app.privacy import Privacy
from dashboard.data.listed import DEFAULT_COLUMNS, MOST_COLUMNS, filtered_flags, listed, read_columns, read_id
from dashboard.data.view import View

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_a_list_holds_the_calls_of_its_view() -> None:
    text = listed(View(period="1h", filter="model = a"), NOW, Privacy(None)).to_text()
    assert text == (
        'kind in ("embedding", "llm") and source = "live" and timestamp >= "2026-11-26T11:00:00+00:00" '
        'and timestamp < "2026-11-26T12:01:00+00:00" and model = "a"'
    )


@pytest.mark.parametrize("named", ["kind = tool", "not (model = a and kind = tool)"])
def test_steps_are_listed_where_the_filter_names_kinds(named: str) -> None:
    assert "embedding" not in listed(View(filter=named), NOW, Privacy(None)).to_text()


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("flag = pii_leak", ("pii_leak",)),
        ('model = a and flag in ("bias", "toxicity")', ("bias", "toxicity")),
        ("flag = bias or flag = toxicity", ("bias", "toxicity")),
        ("flag != bias", ()),
        ("flag ~ bi", ("bi",)),
        ("", ()),
    ],
)
def test_flags_that_are_asked_for(text: str, flags: tuple[str, ...]) -> None:
    assert filtered_flags(parse_filter(text)) == flags


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (None, DEFAULT_COLUMNS),
        ("", DEFAULT_COLUMNS),
        ("nonsense,score.,metadata.", DEFAULT_COLUMNS),
        (
            "model, metadata.team,score.relevance.topical",
            ("model", "metadata.team", "score.relevance.topical"),
        ),
        ("model,model", ("model",)),
        (f"metadata.{'x' * 300},cost", ("cost",)),
    ],
)
def test_columns_are_fields_that_exist(text: str | None, columns: tuple[str, ...]) -> None:
    assert read_columns(text) == columns


def test_the_number_of_columns_is_bounded() -> None:
    assert len(read_columns(",".join(f"metadata.k{number}" for number in range(100)))) == MOST_COLUMNS


@pytest.mark.parametrize(
    ("text", "known"), [(None, False), ("", False), ("x", False), (str(UUID(int=7)), True)]
)
def test_a_place_is_an_id(text: str | None, *, known: bool) -> None:
    assert (read_id(text) is not None) is known


def test_the_browser_knows_the_columns_that_need_no_naming() -> None:
    script = Path(dashboard.__file__ or "").parent / "assets" / "traces.js"
    assert f'"{",".join(DEFAULT_COLUMNS)}"' in script.read_text()
