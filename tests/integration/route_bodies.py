"""What each route of the matrix is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.integration.alert_rig import ALERT_BODIES

__all__ = ["BODIES", "BUDGET", "CALL"]

CALL = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
KEY, BUDGET = {"name": "another", "scopes": ["read"]}, {"name": "all calls", "amount_usd": 100}

# What a route is sent. `{name}` stands for an id of the key's own project, a foreign id, or an id
# that does not exist.
BODIES: Mapping[str, Any] = {
    "POST /monitor/inference": CALL,
    "POST /monitor/inferences": [CALL],
    "POST /guard": {"prompt": "hello"},
    "POST /evaluate": [CALL],
    "POST /v1/traces": {"resourceSpans": []},
    "POST /v1/logs": {"resourceLogs": []},
    "POST /v1/metrics": {"resourceMetrics": []},
    "POST /api/public/otel/v1/traces": {"resourceSpans": []},
    "POST /api/public/scores": [{"traceId": "{trace_id}", "name": "user-feedback", "value": "good"}],
    "POST /api/public/ingestion": {
        "batch": [
            {
                "id": "event-1",
                "type": "score-create",
                "body": {
                    "traceId": "{trace_id}",
                    "observationId": "{trace_id}",
                    "name": "tone",
                    "value": "warm",
                },
            }
        ]
    },
    "POST /feedback": {"trace_id": "{trace_id}", "rating": 4},
    "POST /traces/{trace_id}/labels": {"score": 0.8},
    "PUT /policy": {},
    "PATCH /policy": {},
    "PUT /prices": {},
    "POST /prices": {},
    "POST /projects": {"project_id": "{new_project}", "name": "Another"},
    "PUT /projects/{project_id}/settings": {},
    "PATCH /projects/{project_id}/settings": {},
    "POST /projects/{project_id}/keys": KEY,
    "POST /budgets": BUDGET,
    "PATCH /budgets/{budget_id}": {"name": "another"},
    "POST /budgets/{budget_id}/check": {"estimated_cost_usd": 0.01},
    **ALERT_BODIES,
    "PUT /boards/{board_id}": {"schema": "llm-monitor/board/1", "name": "A board"},
    "POST /datasets": {"name": "{new_project}"},
    "POST /datasets/{dataset_id}/items": {"items": [{"prompt": "hello"}]},
    "POST /experiments": {
        "name": "a run",
        "dataset": "{dataset_name}",
        "outputs": [{"item_id": "a", "response": "two words"}],
    },
    "POST /views": {"name": "Slow calls", "path": "/traces", "query": "?period=7d"},
    "POST /sessions": {"project_id": "shop", "password": "not the one"},
}
