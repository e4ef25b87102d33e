"""The texts of a call as a conversation: who said what, with tools folded and findings marked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dash import html

from app.schemas.traces import Trace
from dashboard.drawing.components import aria
from dashboard.drawing.evidence import Highlight, marked
from dashboard.drawing.formatting import clip
from monitoring.conversation import Message, results_of
from monitoring.marks import Mark
from monitoring.models import Score

__all__ = ["conversation", "highlights_of", "text_box"]

_ROLES: Final[Mapping[str, str]] = {
    "system": "System prompt",
    "user": "User",
    "assistant": "Assistant",
    "tool": "Tool",
}
_MOST_MESSAGES: Final = 200
_FOLDED_CHARACTERS: Final = 1_500
_LONGEST_NAME: Final = 200


def highlights_of(trace: Trace, field: str) -> list[Highlight]:
    """Return what evaluators found in one text of a trace."""
    return [
        Highlight(item.start, item.end, name, item.reason)
        for name, result in trace.scores.items()
        if isinstance(result, Score)
        for item in result.evidence
        if item.field == field
    ]


def conversation(trace: Trace) -> list[Any]:
    """Return the texts of a call in the order in which they were said.

    The prompt is the last message of a user, and findings in it are marked there.
    """
    silent = Mark.NO_CONTENT in trace.marks
    messages = trace.messages[-_MOST_MESSAGES:]
    prompt = _place_of(messages, trace.prompt)
    spoken = [_message(trace, one, is_prompt=number == prompt) for number, one in enumerate(messages)]
    left = len(trace.messages) - len(messages)
    told_system = any(one.get("role") == "system" for one in messages)
    system = trace.system_prompt if not told_system or highlights_of(trace, "system_prompt") else None
    return [
        _named(trace, "system_prompt", "System prompt", system, folded=True),
        html.P(f"{left:,} earlier messages, which GET /traces/{{id}} returns.", className="remark")
        if left
        else None,
        *spoken,
        _named(
            trace,
            "prompt",
            "User" if messages else "Prompt",
            None if silent and not trace.prompt else trace.prompt,
        )
        if prompt is None
        else None,
        _response(trace),
        _named(trace, "context", "Context", _context(trace), folded=prompt is not None),
        _named(trace, "reference", "Reference", trace.reference),
    ]


def _context(trace: Trace) -> str:
    """Return the context, nothing if tools said all of it and nothing was found in it."""
    told = set(results_of(trace.messages))
    known = told.issuperset(trace.context) and not highlights_of(trace, "context")
    return "" if known else "\n\n".join(trace.context)


def _place_of(messages: Sequence[Message], prompt: str) -> int | None:
    """Return which message is the prompt, None if none is."""
    found = [number for number, one in enumerate(messages) if prompt and one.get("content") == prompt]
    return found[-1] if found else None


def _message(trace: Trace, message: Message, *, is_prompt: bool) -> Any:
    role = clip(str(message.get("role") or "user"), _LONGEST_NAME)
    content = _as_text(message.get("content"))
    calls = [_tool_call(call) for call in message.get("tool_calls") or ()]
    reasoning = _as_text(message.get("reasoning"))
    parts: list[Any] = [_folded("Reasoning", [text_box("Reasoning", reasoning)])] if reasoning else []
    if content and is_prompt:
        parts.append(text_box("Prompt", content, highlights_of(trace, "prompt"), "prompt"))
    elif content and (role == "tool" or len(content) > _FOLDED_CHARACTERS):
        parts.append(_folded(f"{len(content):,} characters", [text_box(_ROLES.get(role, role), content)]))
    elif content:
        parts.append(text_box(_ROLES.get(role, role), content))
    parts += calls
    return _said(role, _ROLES.get(role, role), parts) if parts else None


def _response(trace: Trace) -> Any:
    silent = Mark.NO_CONTENT in trace.marks
    answered = bool(trace.messages) and bool(trace.messages[-1].get("tool_calls"))
    if not trace.response and (silent or answered):
        return None
    if not trace.response and trace.error:
        return _said("assistant", "Response", [html.Em("none, because the call failed", className="remark")])
    return _named(trace, "response", "Response", trace.response, role="assistant")


def _named(
    trace: Trace, field: str, title: str, text: str | None, *, role: str = "", folded: bool = False
) -> Any:
    if text is None or (not text and field not in {"prompt", "response"}):
        return None
    found = highlights_of(trace, field)
    box = text_box(title, text, found, field)
    if folded and not found and len(text) > 200:  # noqa: PLR2004 less fits in two lines
        box = _folded(f"{len(text):,} characters", [box])
    return _said(role or field, title, [box])


def _said(role: str, title: str, parts: Sequence[Any]) -> Any:
    return html.Section(
        [html.H3(title), *parts], className=f"said said-{role if role.isalnum() else 'other'}"
    )


def text_box(title: str, text: str, highlights: Sequence[Highlight] = (), field: str = "") -> Any:
    """Return a text, with findings marked, in a box that a keyboard can scroll."""
    content = marked(text, highlights, field) if text else html.Em("empty")
    return html.Div(content, className="text", tabIndex="0", role="region", **aria(label=title))


def _folded(title: str, parts: Sequence[Any]) -> Any:
    return html.Details([html.Summary(title), *parts], className="folded")


def _tool_call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    named = function if isinstance(function, dict) else {}
    arguments = _pretty(named.get("arguments"))
    title = f"Calls the tool {clip(str(named.get('name') or 'without a name'), _LONGEST_NAME)}"
    box = text_box(title, arguments) if arguments else html.Em("without arguments")
    return _folded(title, [box])


def _pretty(arguments: Any) -> str:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return str(arguments)
    return "" if arguments is None else json.dumps(arguments, indent=2, ensure_ascii=False)


def _as_text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return json.dumps(content, ensure_ascii=False, default=str)
