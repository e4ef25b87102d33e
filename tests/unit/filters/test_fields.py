"""Fields have one name each, are documented, and are grouped by only where that is offered."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from app.api.filters import list_fields
from app.errors import InvalidParameter
from app.filters import parse_filter
from app.filters.fields import FAMILIES, FIELDS
from app.filters.grouping import Dimension, parse_group_by
from app.schemas.columns import COLUMNS

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/filters.md"
# What belongs to the server, and objects, of which only keys of metadata can be compared.
NO_FIELDS = {"project_id", "job_id", "response_key", "scores", "messages", "metadata", "usage"}


def test_every_column_is_a_field_with_a_name_of_its_own() -> None:
    assert {one.name for one in COLUMNS} - {one.column for one in FIELDS} == NO_FIELDS
    names = Counter(name for one in (*FIELDS, *FAMILIES) for name in (one.name, *one.aliases))
    assert [name for name, count in names.items() if count > 1] == []


def test_the_page_names_every_field() -> None:
    named = set(re.findall(r"`([a-z0-9_]+)[.A-Z]*`", PAGE.read_text(encoding="utf-8")))
    assert {one.name.rstrip(".") for one in (*FIELDS, *FAMILIES)} - named == set()


def test_the_fields_are_listed_for_completion() -> None:
    listed = {one.name: one for one in list_fields(["bias", "toxicity"]).fields}
    assert listed["score."].keys == ("bias", "toxicity")
    assert listed["source"].values == ("live", "evaluate", "import")
    assert listed["cost"].operators == ("=", "!=", "in", "<", "<=", ">", ">=", "is null")
    assert listed["model"].operators == ("=", "!=", "in", "~", "!~", "is null")
    assert all(one.description.endswith(".") for one in listed.values())


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([], []),
        ([""], []),
        (["model"], ["model"]),
        (["model, user_id"], ["model", "user"]),
        (["tags", "metadata.team"], ["tag", "metadata.team"]),
        (["metadata.a.b,metadata.c"], ["metadata.a.b", "metadata.c"]),
    ],
)
def test_groups_are_named_like_fields(given: list[str], names: list[str]) -> None:
    assert [one.name for one in parse_group_by(given)] == names


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["modl"], "did you mean model?"),
        (["cost"], "cannot be grouped by"),
        (["flag"], "cannot be grouped by"),
        (["metadata."], "cannot be grouped by"),
        (["metadata"], "did you mean metadata.?"),
        (["model,user,tag"], "at most 2"),
        (["model", "model_name"], "named twice"),
        (["metadata.a\0"], "NUL"),
    ],
)
def test_other_groups_are_refused(given: list[str], said: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parse_group_by(given)
    assert said in refused.value.detail
    assert [error["field"] for error in refused.value.errors] == ["group_by"]


@pytest.mark.parametrize(
    ("dimension", "value", "chosen"),
    [
        (Dimension("model"), "gpt-4", 'model = "gpt-4"'),
        (Dimension("user"), None, "user is null"),
        (Dimension("metadata.", "odd key"), 'a"b', 'metadata."odd key" = "a\\"b"'),
    ],
)
def test_a_group_is_chosen_by_a_filter(dimension: Dimension, value: str | None, chosen: str) -> None:
    assert dimension.equals(value).to_text() == chosen
    assert parse_filter(chosen) == dimension.equals(value)
