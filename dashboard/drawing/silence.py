"""What to set so that calls which arrive without their texts arrive with them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import html

from app.schemas.listed import ListedTrace
from dashboard.drawing.components import notice, snippet
from monitoring.marks import Mark

__all__ = ["RECIPES", "Recipe", "recipe_of", "silence_notice", "silent_calls"]

# Texts may come in events of their own, which are joined to their call once they are there.
_JOINED_AFTER = timedelta(seconds=30)
_PAGE = "docs/how-to/send-opentelemetry.md"


class Recipe(NamedTuple):
    """What one client needs to send texts: its name, how its scopes begin, what to set, and why."""

    client: str
    scopes: tuple[str, ...]
    code: str
    remark: str


RECIPES = (
    Recipe(
        "OpenTelemetry",
        ("opentelemetry.instrumentation.openai_v2", "opentelemetry.util.genai"),
        "export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental\n"
        "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only",
        "It leaves texts out unless both are set in the application's environment.",
    ),
    Recipe(
        "OpenTelemetry, as events",
        (),
        "export OTEL_LOGS_EXPORTER=otlp\nexport OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
        "The older way: texts come as log events, which are joined to their call.",
    ),
    Recipe(
        "OpenLLMetry",
        ("opentelemetry.instrumentation.", "traceloop"),
        "export TRACELOOP_TRACE_CONTENT=true",
        "It sends texts unless this is false.",
    ),
    Recipe(
        "OpenInference",
        ("openinference.", "@arizeai/openinference"),
        "export OPENINFERENCE_HIDE_INPUTS=false\nexport OPENINFERENCE_HIDE_OUTPUTS=false",
        "It sends texts unless one of these is true.",
    ),
    Recipe(
        "Vercel AI SDK",
        ("ai",),
        "experimental_telemetry: { isEnabled: true, recordInputs: true, recordOutputs: true }",
        "It sends texts unless the call says otherwise.",
    ),
    Recipe(
        "Pydantic AI",
        ("pydantic-ai",),
        "Agent.instrument_all(InstrumentationSettings(include_content=True))",
        "It sends texts unless include_content is False.",
    ),
    Recipe(
        "LiteLLM",
        ("litellm",),
        "litellm.turn_off_message_logging = False",
        "It sends texts unless this is True.",
    ),
)


def silent_calls(traces: Iterable[ListedTrace], now: datetime) -> list[ListedTrace]:
    """Return the calls whose texts never came, without those that may still be joined with theirs."""
    return [
        trace for trace in traces if Mark.NO_CONTENT in trace.marks and now - trace.timestamp > _JOINED_AFTER
    ]


def recipe_of(scope: str | None) -> Recipe:
    """Return what fits an instrumentation scope; the first recipe where that says nothing."""
    named = [recipe for recipe in RECIPES if scope and scope.startswith(recipe.scopes)]
    return named[0] if named else RECIPES[0]


def silence_notice(title: str, scope: str | None = None, *, opened: bool = False) -> Any:
    """Return a notice that says what to set, first that of the instrumentation scope; `opened` unfolds it."""
    tabs = dmc.Tabs(
        value=recipe_of(scope).client,
        children=[
            dmc.TabsList([dmc.TabsTab(recipe.client, value=recipe.client) for recipe in RECIPES]),
            *(
                dmc.TabsPanel([snippet(recipe.code), html.P(recipe.remark)], value=recipe.client)
                for recipe in RECIPES
            ),
        ],
    )
    told = f"In the application that sends them, which is then started again ({_PAGE} has the whole story):"
    return notice(
        title,
        [
            html.P("Without prompt and response a call is priced, marked no_content, and not scored."),
            html.Details([html.Summary("What to set"), html.P(told), tabs], open=opened, className="recipes"),
        ],
        color="blue",
        closable=not opened,
    )
