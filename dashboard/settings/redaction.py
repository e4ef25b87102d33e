"""Redaction: what happens to personal data before a record is queued, with a box to try it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import dash_mantine_components as dmc
import msgspec
from dash import Dash, Input, Output, html

from app.access.decisions import check_redaction
from app.errors import InvalidRecord, MonitorError
from dashboard.data.sources import Sources
from dashboard.settings.saving import (
    ProjectForm,
    ProjectState,
    form_card,
    names_with_values,
    read_project,
    saves,
)
from dashboard.settings.section import Section, Shown
from monitoring.models import Record
from monitoring.privacy.redaction import Mode, Redaction

__all__ = ["FORM", "SECTION", "redacted", "redaction_of"]

_MODES: Final = {
    "off": "Leave it",
    "mask": "Replace it by its type, such as [EMAIL_ADDRESS]",
    "hash": "Replace it by its type and a pseudonym",
    "drop": "Drop the texts of every record",
}
_LONGEST_TYPES: Final = 4000
_LONGEST_TRIAL: Final = 20_000
_PSEUDONYM: Final = "abcdefghijklmnop"
_EXAMPLE: Final = "Write to jane.doe@acme-mail.com or call +1 212 555 0142."


def redaction_of(given: Mapping[str, Any]) -> Redaction:
    """Return the redaction that was typed; raises InvalidRecord."""
    types = names_with_values("types", str(given.get("types") or "")[:_LONGEST_TYPES], _mode)
    typed = {"mode": given.get("mode") or "off", "types": types}
    if given.get("confidence") not in ("", None):
        typed["confidence"] = given["confidence"]
    try:
        return msgspec.convert(typed, Redaction)
    except msgspec.ValidationError as error:
        field = next((name for name in ("confidence", "type") if name in str(error)), "mode")
        field = "types" if field == "type" else field
        raise InvalidRecord(str(error), errors=[{"field": field, "message": str(error)}]) from error


def _mode(word: str) -> str:
    if word not in get_args(Mode):
        raise ValueError(f"write one of {', '.join(get_args(Mode))} after the colon")
    return word


def redacted(text: str, redaction: Redaction) -> str | None:
    """Return what a prompt becomes, None if all texts of its record are dropped.

    Every pseudonym is the same, so that nobody learns that of a value.
    """
    from monitoring.privacy.redactor import redact  # few visitors try it, and it loads many patterns

    done = redact([Record(prompt=text, response="")], redaction, lambda *_: _PSEUDONYM)[0]
    return None if done.dropped else done.record.prompt


def _patch(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    redaction = redaction_of(given)
    gone = dict.fromkeys(settings["redaction"]["types"].keys() - redaction.types.keys())
    return {
        "redaction": {
            "mode": redaction.mode,
            "confidence": redaction.confidence,
            "types": {**gone, **redaction.types},
        }
    }


def _loss(patch: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    after = patch["redaction"]
    kept = {kind: mode for kind, mode in after["types"].items() if mode is not None}
    before = msgspec.convert(settings["redaction"], Redaction)
    if not check_redaction(before, msgspec.convert({**after, "types": kept}, Redaction), lifted=True):
        return None
    return (
        "New records will keep personal data that is taken out now: it is stored, and everybody who may "
        "read this project sees it. The audit log keeps this decision. Save it?"
    )


FORM: Final = ProjectForm(
    name="redaction",
    fields=("mode", "confidence", "types"),
    patch=_patch,
    loss=_loss,
    consent={"redaction": "off"},
    saved="New records are redacted this way within two seconds. Stored records stay as they are.",
)


def _draw(state: ProjectState, _: Shown) -> Any:
    now = state.settings["redaction"]
    types = "\n".join(f"{kind}: {mode}" for kind, mode in sorted(now["types"].items()))
    fields = [
        dmc.Select(
            id="redaction-mode",
            label="Personal data",
            description="for all types but the exceptions",
            data=[{"value": mode, "label": label} for mode, label in _MODES.items()],
            value=now["mode"],
            allowDeselect=False,
        ),
        dmc.NumberInput(
            id="redaction-confidence",
            label="From this confidence on",
            description="above 0, at most 1; a lower one finds more",
            value=now["confidence"],
            min=0,
            max=1,
            step=0.05,
        ),
        dmc.Textarea(
            id="redaction-types",
            label="Exceptions",
            description="one type a line, such as EMAIL_ADDRESS: off",
            value=types,
            autosize=True,
            minRows=2,
            maxRows=8,
        ),
    ]
    return [form_card(FORM, state, [html.Div(fields, className="fields")]), _trial()]


def _trial() -> Any:
    box = dmc.Textarea(
        id="redaction-trial",
        label="A text with personal data",
        value=_EXAMPLE,
        autosize=True,
        minRows=2,
        maxRows=10,
        debounce=400,
        mb="sm",
    )
    return html.Section(
        [
            html.H3("Try it with what stands above, saved or not"),
            box,
            html.Div(id="redaction-result", role="status"),
            html.P("The text stays in this process: it is neither stored nor logged.", className="remark"),
        ],
        className="card",
    )


async def try_it(given: Mapping[str, Any], text: str | None) -> Sequence[Any]:
    """Return what a text becomes under the redaction that was typed."""
    try:
        redaction = redaction_of(given)
    except MonitorError as error:
        return [html.P(error.detail)]
    done = await asyncio.to_thread(redacted, (text or "")[:_LONGEST_TRIAL], redaction)
    if done is None:
        return [html.P("All texts of this record are dropped. Its figures and scores stay.")]
    named = f"The letters {_PSEUDONYM} stand for a pseudonym, which is the same wherever the value occurs."
    return [
        html.Div("It becomes", className="remark"),
        html.Div(done, className="text", tabIndex="0"),
        html.P(named, className="remark") if _PSEUDONYM in done else None,
    ]


def _register(dash: Dash, sources: Sources) -> None:
    saves(dash, sources, FORM)

    @dash.callback(
        Output("redaction-result", "children"),
        Input("redaction-trial", "value"),
        *(Input(f"redaction-{field}", "value") for field in FORM.fields),
    )
    async def show(text: str | None, mode: Any, confidence: Any, types: Any) -> Sequence[Any]:
        return await try_it({"mode": mode, "confidence": confidence, "types": types}, text)


SECTION: Final = Section(
    name="redaction",
    title="Redaction",
    about="What happens to personal data of new records before they are queued, stored or shown.",
    read=read_project,
    draw=_draw,
    register=_register,
)
