"""What a newcomer sees before the first record: how to send one."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.components import icon, snippet

__all__ = ["onboarding", "snippets"]


def snippets(api_url: str) -> dict[str, str]:
    """Return ready-to-paste ways to send a first record to the API at this address, by title."""
    return {
        "curl": (
            f"curl -X POST {api_url}/monitor/inference \\\n"
            "  -H 'Content-Type: application/json' \\\n"
            '  -d \'{"prompt": "What is the capital of France?",\n'
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
            "    timeout=10,\n"
            ")\n"
            'print(answer.json()["quality_score"])'
        ),
        "A file": f"API_BASE_URL={api_url} llm-monitor ingest calls.jsonl",
    }


def onboarding(api_url: str) -> Any:
    """Return the panel that stands in for the numbers while there are none."""
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
                    dmc.TabsList([dmc.TabsTab(title, value=title) for title in snippets(api_url)]),
                    *(
                        dmc.TabsPanel(snippet(code), value=title, pt="sm")
                        for title, code in snippets(api_url).items()
                    ),
                ],
            ),
            html.P(
                [
                    "Every field and endpoint: ",
                    html.A(f"{api_url}/docs", href=f"{api_url}/docs", target="_blank", rel="noreferrer"),
                ]
            ),
        ],
    )
