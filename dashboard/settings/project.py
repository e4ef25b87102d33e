"""Retention, limits and review: how long records stay, and what may wait for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dash_mantine_components as dmc
from dash import Dash, html

from dashboard.data.sources import Sources
from dashboard.settings.review_queue import QUEUE_FIELDS, queue_fields, queue_patch
from dashboard.settings.saving import (
    ProjectForm,
    ProjectState,
    form_card,
    names_with_values,
    read_project,
    saves,
)
from dashboard.settings.section import Section, Shown

__all__ = ["FORM", "SECTION"]

_BACKLOG: Final = ("records", "bytes", "age_seconds")
_LONGEST_BLOCK: Final = 4000


def _patch(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    typed = {name: None if value == "" else value for name, value in given.items()}
    block = names_with_values("block", str(typed.get("block") or "")[:_LONGEST_BLOCK], _number)
    gone = dict.fromkeys(settings["guard"]["block"].keys() - block.keys())
    return {
        "retention_days": typed["retention_days"],
        "text_share": typed["text_share"],
        "backlog": {name: typed[name] for name in _BACKLOG},
        "guard": {"on_failure": typed["on_failure"], "block": {**gone, **block}},
        "dismiss_false_alarms": typed["false_alarms"] == "dismissed",
        "review": queue_patch(typed),
    }


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError("write a number above 0 and at most 1 after the colon") from None


def _loss(patch: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    before, after = settings["retention_days"], patch["retention_days"]
    if not isinstance(after, int | float) or (before is not None and after >= before):
        return None
    days = "1 day" if after == 1 else f"{after:,} days"
    return (
        f"Records of this project that are older than {days} are deleted soon, with their texts and "
        "scores, and cannot be brought back. Save it?"
    )


FORM: Final = ProjectForm(
    name="project",
    fields=("retention_days", "text_share", *_BACKLOG, "on_failure", "block", "false_alarms", *QUEUE_FIELDS),
    patch=_patch,
    loss=_loss,
    consent={},
    saved="API and workers use these settings within two seconds.",
)


def _draw(state: ProjectState, _: Shown) -> Any:
    now = state.settings
    return form_card(
        FORM, state, [*_kept(now), *_guarded(now), *_reviewed(now), *queue_fields(now["review"])]
    )


def _kept(now: Mapping[str, Any]) -> list[Any]:
    backlog = now["backlog"]
    return [
        html.H3("What is kept"),
        html.Div(
            [
                _whole(
                    "retention_days", "Days of traces", now["retention_days"], "empty: as long as everybody's"
                ),
                dmc.NumberInput(
                    id="project-text_share",
                    label="Share stored with texts",
                    description="0 to 1; every record is scored",
                    value=now["text_share"],
                    min=0,
                    max=1,
                    step=0.1,
                ),
            ],
            className="fields",
        ),
        html.H3("What may wait to be scored"),
        html.P("Beyond these limits, new records of this project are refused until some are scored."),
        html.Div(
            [
                _whole("records", "Records", backlog["records"], "empty: no limit of its own"),
                _whole("bytes", "Bytes", backlog["bytes"], "empty: no limit of its own"),
                _whole(
                    "age_seconds", "Age of the oldest in seconds", backlog["age_seconds"], "empty: no limit"
                ),
            ],
            className="fields",
        ),
    ]


def _whole(field: str, label: str, value: int | None, told: str) -> Any:
    return dmc.NumberInput(
        id=f"project-{field}",
        label=label,
        description=told,
        value="" if value is None else value,
        min=1,
        allowDecimal=False,
        hideControls=True,
        thousandSeparator=",",
    )


def _guarded(now: Mapping[str, Any]) -> list[Any]:
    block = "\n".join(f"{name}: {value:g}" for name, value in sorted(now["guard"]["block"].items()))
    verdicts = [{"value": "block", "label": "Block the text"}, {"value": "allow", "label": "Allow the text"}]
    return [
        html.H3("When the guard blocks"),
        html.Div(
            [
                dmc.Textarea(
                    id="project-block",
                    label="From these values on",
                    description="one evaluator a line, such as pii: 0.8",
                    value=block,
                    autosize=True,
                    minRows=2,
                    maxRows=8,
                ),
                dmc.Select(
                    id="project-on_failure",
                    label="If scoring fails",
                    data=verdicts,
                    value=now["guard"]["on_failure"],
                    allowDeselect=False,
                ),
            ],
            className="fields",
        ),
    ]


def _reviewed(now: Mapping[str, Any]) -> list[Any]:
    choices = [
        {"value": "counted", "label": "Still count as flagged"},
        {"value": "dismissed", "label": "No longer count"},
    ]
    return [
        html.H3("When people find that an alarm is false"),
        html.Div(
            dmc.Select(
                id="project-false_alarms",
                label="False alarms",
                description="this holds for labels given before too, within seconds; scores stay as they are",
                data=choices,
                value="dismissed" if now["dismiss_false_alarms"] else "counted",
                allowDeselect=False,
            ),
            className="fields",
        ),
    ]


def _register(dash: Dash, sources: Sources) -> None:
    saves(dash, sources, FORM)


SECTION: Final = Section(
    name="project",
    title="Retention, limits and review",
    about="How long records of this project stay, how many may wait, which alarms count, and what people look at.",
    read=read_project,
    draw=_draw,
    register=_register,
)
