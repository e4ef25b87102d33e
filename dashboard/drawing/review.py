"""The parts of the page Review: one finding with its evidence, its keys, and what thresholds do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.policies import EvaluatorPolicy
from app.schemas.labels import ReviewProgress
from app.schemas.traces import Trace
from dashboard.drawing.components import aria, attributes, flag_name
from dashboard.drawing.evidence import Highlight, marked
from dashboard.drawing.formatting import instant, score
from monitoring.models import Evidence, Score

__all__ = [
    "KEYS",
    "action",
    "finding",
    "key_sheet",
    "nothing_left",
    "progress_text",
    "threshold_card",
    "threshold_title",
]

KEYS: Mapping[str, str] = {
    "t": "True alarm",
    "f": "False alarm",
    "0 to 5": "Score of the whole call",
    "m": "Something was missed; Tab and Enter choose what",
    "u": "Undo the last label",
    "s": "Skip",
    "j or ↓": "Next",
    "k or ↑": "Previous",
    "o": "Open the trace",
    "h": "Go to the threshold; arrows move it",
    "?": "Show or hide this sheet",
}
OUTCOMES: Mapping[str, str] = {
    "": "waits",
    "true_alarm": "true alarm",
    "false_alarm": "false alarm",
    "score": "scored",
    "missed": "missed finding",
    "skipped": "skipped",
}
_LEAD = 1_000
_FAR = 4_000


def action(key: str, text: str, *, shown: str | None = None) -> Any:
    """Return a button that does what a key does."""
    label: list[Any] = [html.Kbd(shown or key, **aria(hidden="true")), " ", text] if text else [shown or key]
    return html.Button(label, type="button", className="action", **attributes(data_review_key=key))


def finding(
    trace: Trace, flag: str | None, evaluator: str | None, policy: EvaluatorPolicy | None, outcome: str
) -> list[Any]:
    """Return one finding of a call: why it was found, and its texts with the evidence in place."""
    result = trace.scores.get(evaluator) if evaluator else None
    evidence = result.evidence if isinstance(result, Score) else ()
    title = flag_name(flag) if flag else "A call without a finding"
    return [
        html.Div(
            [
                html.H2(title, id="review-title"),
                html.Span(OUTCOMES[outcome], className="outcome", **attributes(data_outcome=outcome)),
            ],
            className="heading",
        ),
        html.P(_why(result, evaluator, policy) if flag else "No flag was raised.", className="why"),
        html.Ul([html.Li(_reason(trace, one)) for one in evidence[:_MOST_REASONS]], className="reasons"),
        *_texts(trace, evaluator or "", evidence),
        html.P(
            f"{trace.model_name}, {instant(trace.occurred_at)}"
            + (f", template {trace.template_id}" if trace.template_id else ""),
            className="remark",
        ),
    ]


_MOST_REASONS = 8
_SNIPPET = 80


def _why(result: object, evaluator: str | None, policy: EvaluatorPolicy | None) -> str:
    if not isinstance(result, Score) or evaluator is None:
        return "Nothing says which evaluator found it." if evaluator is None else "It has no score."
    bound = "" if policy is None else f", threshold {score(policy.threshold)}"
    return f"{flag_name(evaluator)}: score {score(result.value)}{bound} ({result.label.replace('_', ' ')})."


def _reason(trace: Trace, one: Evidence) -> list[Any]:
    found = _text_of(trace, one.field)[one.start : min(one.end, one.start + _SNIPPET)]
    return [html.Code(found), f" in the {one.field.replace('_', ' ')}: {one.reason}"]


def _text_of(trace: Trace, field: str) -> str:
    if field == "context":
        return "\n\n".join(trace.context)
    text: str | None = getattr(trace, field)
    return text or ""


def _texts(trace: Trace, evaluator: str, evidence: Sequence[Evidence]) -> list[Any]:
    """Return the prompt, the response, and every other text with evidence."""
    found = {one.field for one in evidence}
    fields = [*(field for field in ("system_prompt", "context", "reference") if field in found)]
    return [_text(trace, field, evaluator, evidence) for field in ("prompt", "response", *fields)]


def _text(trace: Trace, field: str, evaluator: str, evidence: Sequence[Evidence]) -> Any:
    text = _text_of(trace, field)
    own = [one for one in evidence if one.field == field]
    first = min((one.start for one in own), default=0)
    begin = first - _LEAD if first > _FAR else 0
    highlights = [Highlight(one.start - begin, one.end - begin, evaluator, one.reason) for one in own]
    title = field.replace("_", " ").capitalize()
    left_out = [html.Em(f"{begin:,} characters before … ", className="remark")] if begin else []
    body = [*left_out, *marked(text[begin:], highlights)] if text else html.Em("empty")
    box = html.Div(body, className="text", tabIndex="0", role="region", **aria(label=title))
    return html.Section([html.H3(title), box])


def nothing_left(asked: bool) -> list[Any]:  # noqa: FBT001 the two sentences differ in this alone
    """Return what stands in place of a finding when none is in hand."""
    if not asked:
        return [html.P("Loading the calls that wait …", className="remark")]
    return [
        html.H2("Nothing waits", id="review-title"),
        html.P(
            "Every flagged call of this period and filter was looked at, or somebody else has it at the "
            "moment. Choose a longer period or another filter. New findings appear by themselves."
        ),
    ]


def progress_text(progress: ReviewProgress | None, most: int) -> str:
    """Return the sentence that says how far the review is."""
    if progress is None:
        return ""
    of = f"the newest {most:,}" if progress.calls >= most else f"{progress.calls:,}"
    wrong = f"{progress.false_alarms:,} false alarm{'' if progress.false_alarms == 1 else 's'}"
    return f"{progress.reviewed:,} of {of} reviewed, {wrong}"


def threshold_title(evaluator: str) -> str:
    """Return the title of the card that shows what another threshold would do."""
    return f"Threshold of {flag_name(evaluator)}"


def threshold_card() -> list[Any]:
    """Return the slider that shows what another threshold would do, and the button that sets it."""
    return [
        html.H2("Threshold", id="review-threshold-title"),
        dmc.Slider(
            id="review-threshold",
            min=0.01,
            max=0.99,
            step=0.01,
            value=0.5,
            updatemode="drag",
            label=None,
            mt="sm",
            thumbLabel="Threshold",
        ),
        html.P(id="review-preview", className="preview", **aria(live="polite")),
        html.Button("Set this threshold", id="review-set", type="button", className="action", n_clicks=0),
        html.Div(id="review-set-said", className="said", role="status"),
    ]


def key_sheet() -> Any:
    """Return the closed sheet of keys."""
    rows = [html.Tr([html.Th(html.Kbd(key), scope="row"), html.Td(text)]) for key, text in KEYS.items()]
    return html.Dialog(
        [html.H2("Keys"), html.Table(html.Tbody(rows), className="facts"), action("?", "Close")],
        id="review-keys",
        **aria(label="Keys of this page"),
    )


def open_link(href: str) -> Any:
    """Return the link that opens the trace of the shown finding."""
    return dcc.Link("Open the trace", href=href, id="review-open")
