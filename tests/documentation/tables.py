"""What is known of single blocks, each named by its page and its first line.

A row without its block fails.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.documentation.blocks import Block

__all__ = ["CHANGING", "LANGUAGES", "NOT_RUN", "SAYS", "NotRun", "reason_of"]

LANGUAGES: Final = frozenset(
    {"bash", "python", "text", "csv", "yaml", "toml", "promql", "js", "nginx", "sql"}
)
"""The languages of blocks. test_pages.py runs or reads each, or NOT_RUN has a reason."""


class NotRun(NamedTuple):
    """Why a block is not run.

    With `program`, it is not run only if that program is not on PATH. `blocks` is the number of
    blocks that begin with this line.
    """

    page: str
    first_line: str
    reason: str
    program: str | None = None
    blocks: int = 1


_OTHERS = "needs packages of others; test_clients_page.py compares it with a program that tests/clients runs"
_DOCKER = "needs Docker, which tests cannot start"
_OTEL = "docs/how-to/send-opentelemetry.md"
_FRAMEWORKS = "docs/how-to/send-from-frameworks.md"
_LANGFUSE = "docs/how-to/langfuse.md"
_PIP = "pip install openai opentelemetry-distro opentelemetry-exporter-otlp-proto-http opentelemetry-instrumentation-openai-v2"

NOT_RUN: Final = (
    NotRun(
        "docs/how-to/datasets.md",
        """curl -s http://localhost:8000/datasets --json '{"name": "unhelpful answers", "reference": "none",""",
        "needs stored calls of a template",
    ),
    NotRun("README.md", "python3 -m venv .venv && . .venv/bin/activate", "installs all requirements anew"),
    NotRun(
        "README.md",
        "docker run -d -p 8000:8000 -p 8080:8080 --name llm-monitor ghcr.io/heyyymonth/llm-monitoring-framework:latest",
        _DOCKER,
    ),
    NotRun("README.md", "docker compose run --rm llm-monitor-migrate cat /data/admin-key", _DOCKER),
    NotRun(
        "docs/how-to/containers.md",
        "docker run -d -p 8000:8000 -p 8080:8080 --name llm-monitor ghcr.io/heyyymonth/llm-monitoring-framework:latest",
        "needs Docker; tests/deployment builds the image and does the same without it",
    ),
    NotRun(
        "docs/how-to/containers.md",
        "docker compose run --rm llm-monitor-migrate cat /data/admin-key",
        _DOCKER,
    ),
    NotRun(
        "docs/how-to/containers.md",
        "kubectl create secret generic llm-monitor-servers --from-literal=DATABASE_URL=postgresql://… --from-literal=REDIS_URL=redis://…",
        "needs a cluster; tests/deployment renders the chart",
    ),
    NotRun(
        "README.md",
        "make test-local               # everything but the long tests, on servers of their own",
        "runs every other suite; test_documentation.py looks for the targets",
    ),
    NotRun(
        "docs/tutorial/first-calls.md",
        "git clone https://github.com/heyyymonth/llm-monitoring-framework.git",
        "needs the network; the blocks after it run in a folder that looks like a clone",
    ),
    NotRun(
        "docs/how-to/keys.md",
        "docker exec llm-monitor llm-monitor keys create me --scope admin                  # docker run",
        _DOCKER,
    ),
    NotRun(
        "docs/how-to/keys.md",
        'new WebSocket("wss://monitor.example/ws/metrics", ["llm-monitor", "llm-monitor.key." + key])',
        "needs a web page; test_api_live.py sends the same handshake",
    ),
    NotRun(
        "docs/how-to/keys.md",
        "server {",
        "needs nginx and a certificate; test_proxies.py sends what it hands on",
    ),
    NotRun(
        "docs/how-to/alerts.md",
        "curl -s -X POST localhost:8000/alerts/$RULE/acknowledge",
        "answers 409 while nothing fires; test_alerts.py acknowledges an alert",
    ),
    NotRun(
        "docs/how-to/budgets.md",
        'curl -s localhost:8000/budgets/$BUDGET/check --json \'{"estimated_cost_usd": 0.02, "lapse_seconds": 120}\'',
        "answers 503 until the calls of a new budget are added up; test_budgets.py asks the same",
    ),
    NotRun("docs/how-to/scale.md", "SELECT create_reference_table('projects');", "needs Citus"),
    NotRun("docs/how-to/scale.md", "make .env && set -a && . ./.env && set +a", _DOCKER),
    NotRun(
        "docs/how-to/look-inside.md",
        "psql \"$(llm-monitor urls | sed -n 's/^DATABASE_URL=//p')\" "
        "-c 'select model_name, count(*) from traces group by 1'",
        "needs psql",
        program="psql",
    ),
    NotRun(
        "docs/reference/performance.md",
        'make bench BENCH_ARGS="--data FOLDER"      # the folder holds llm_traffic.jsonl.gz; without it texts of the tests',
        "measures for half an hour and writes the page anew; tests/performance runs parts of it",
    ),
    NotRun(_OTEL, "from openai import OpenAI", _OTHERS, blocks=4),
    NotRun(_OTEL, _PIP, _OTHERS),
    NotRun(
        _OTEL, "npm install @opentelemetry/exporter-trace-otlp-http @opentelemetry/sdk-trace-node", _OTHERS
    ),
    NotRun(
        _OTEL,
        'import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";',
        _OTHERS,
    ),
    NotRun(
        _OTEL,
        "npm install ai @ai-sdk/openai @opentelemetry/sdk-node @opentelemetry/exporter-trace-otlp-http",
        _OTHERS,
    ),
    NotRun(_OTEL, 'import { createOpenAI } from "@ai-sdk/openai";', _OTHERS),
    NotRun(_OTEL, "pip install openai traceloop-sdk", _OTHERS),
    NotRun(_OTEL, "pip install litellm opentelemetry-sdk opentelemetry-exporter-otlp-proto-http", _OTHERS),
    NotRun(_OTEL, "import litellm", _OTHERS),
    NotRun(_OTEL, "pip install langfuse openai", _OTHERS),
    NotRun(_OTEL, "from langfuse import get_client, propagate_attributes", _OTHERS),
    NotRun(_OTEL, "pip install openai", _OTHERS),
    NotRun(_FRAMEWORKS, "from opentelemetry import trace", _OTHERS),
    NotRun(_FRAMEWORKS, "from openinference.instrumentation import using_attributes", _OTHERS),
    NotRun(
        _FRAMEWORKS,
        'about = {"metadata": {"session_id": "session-1", "user_id": "user-1"}, "tags": ["weather"]}',
        _OTHERS,
    ),
    NotRun(_FRAMEWORKS, "import mlflow", _OTHERS),
    NotRun(_FRAMEWORKS, "from strands.telemetry import StrandsTelemetry", _OTHERS),
    NotRun(_FRAMEWORKS, "import logfire", _OTHERS),
    NotRun(_FRAMEWORKS, "import logging", _OTHERS),
    NotRun(_FRAMEWORKS, 'import { OTLPHttpJsonTraceExporter, registerOTel } from "@vercel/otel";', _OTHERS),
    NotRun(_LANGFUSE, "pip install langfuse openai", _OTHERS),
    NotRun(_LANGFUSE, "from langfuse import get_client, observe", _OTHERS),
)

SAYS: Final = {
    ("docs/tutorial/first-calls.md", "curl -s http://127.0.0.1:8000/monitor/inference --json '{"): (
        ('"safety_flags":[]',),
        ('"safety_flags":["pii_leak"]', '"safety_flags":["prompt_injection"]'),
        ('"safety_flags":["hallucination"]',),
    ),
    (
        "docs/how-to/privacy.md",
        (
            "curl -s http://localhost:8000/guard "
            '--json \'{"response": "Write to jane.doe@example.com from 84.12.33.200."}\''
        ),
    ): (("Write to [EMAIL_ADDRESS] from 84.12.33.200.",),),
}
"""What the prose says that a command prints, in order if several blocks of a page begin alike."""

CHANGING: Final = frozenset(
    {
        "docs/how-to/full-disk.md",
        "docs/how-to/guard.md",
        "docs/how-to/keys.md",
        "docs/how-to/privacy.md",
        "docs/how-to/send-recorded-calls.md",
    }
)
"""Pages that get a stack of their own, because they change its keys or settings, or stop it."""


def reason_of(block: Block) -> NotRun | None:
    """Return the row that says why a block is not run."""
    for row in NOT_RUN:
        if (row.page, row.first_line) == (block.page, block.first_line):
            return row
    return None
