"""What a newcomer sees before the first record: how to send one."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.drawing.components import icon, snippet

__all__ = ["onboarding", "snippets"]

_KEY = "KEY"
_MAKE_KEY = "llm-monitor keys create NAME --scope ingest"


def snippets(api_url: str, *, keyed: bool = False) -> dict[str, str]:
    """Return ready-to-paste ways to send a first record to the API at this address, by title.

    With `keyed` they carry a key, which the reader fills in.
    """
    return {
        "curl": (
            f"curl -X POST {api_url}/monitor/inference \\\n"
            "  -H 'Content-Type: application/json' \\\n"
            + (f"  -H 'Authorization: Bearer {_KEY}' \\\n" if keyed else "")
            + '  -d \'{"prompt": "What is the capital of France?",\n'
            '       "response": "The capital of France is Paris.",\n'
            '       "model_name": "gpt-4"}\''
        ),
        "Python": (
            "import requests\n\n"
            "answer = requests.post(\n"
            f'    "{api_url}/monitor/inference",\n'
            "    json={\n"
            '        "prompt": "What is the capital of France?",\n'
            '        "response": "The capital of France is Paris.",\n'
            '        "model_name": "gpt-4",\n'
            "    },\n"
            + (f'    headers={{"Authorization": "Bearer {_KEY}"}},\n' if keyed else "")
            + "    timeout=10,\n"
            ")\n"
            'print(answer.json()["quality_score"])'
        ),
        "OpenTelemetry": (
            f"export OTEL_EXPORTER_OTLP_ENDPOINT={api_url}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
            + (f"\nexport OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20{_KEY}" if keyed else "")
        ),
        "A file": (
            (f"LLM_MONITOR_API_KEY={_KEY} " if keyed else "")
            + f"API_BASE_URL={api_url} llm-monitor ingest calls.jsonl"
        ),
    }


def onboarding(api_url: str, *, keyed: bool = False) -> Any:
    """Return the panel that stands in for the numbers while there are none."""
    ways = snippets(api_url, keyed=keyed)
    return dmc.Paper(
        className="card welcome",
        children=[
            html.H2([icon("pulse", className="logo"), " Waiting for the first record"]),
            html.P(
                "Send a prompt and its response. It is scored within a moment, and this page fills by itself; "
                "nothing needs to be reloaded."
            ),
            dmc.Tabs(
                value="curl",
                children=[
                    dmc.TabsList([dmc.TabsTab(title, value=title) for title in ways]),
                    *(dmc.TabsPanel(snippet(code), value=title, pt="sm") for title, code in ways.items()),
                ],
            ),
            html.P(_links(api_url, keyed=keyed)),
        ],
    )


def _links(api_url: str, *, keyed: bool) -> list[Any]:
    docs = html.A(f"{api_url}/docs", href=f"{api_url}/docs", target="_blank", rel="noreferrer")
    key = ["KEY is one with the scope ingest: ", html.Code(_MAKE_KEY), ". "] if keyed else []
    return [*key, "Every field and endpoint: ", docs]
