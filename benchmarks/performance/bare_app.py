"""The yardstick of acceptance: uvicorn, FastAPI and pydantic, which answer 202 and do no more."""

from __future__ import annotations

from uuid import uuid4

from fastapi import FastAPI
from pydantic import BaseModel

__all__ = ["create_app"]


class Call(BaseModel):
    """The fields that the benchmark's records have."""

    prompt: str
    response: str
    model_name: str = "unknown"
    user_id: str | None = None
    session_id: str | None = None
    template_id: str | None = None
    context: str | None = None
    response_time_ms: float | None = None


class Taken(BaseModel):
    """The answer."""

    trace_id: str
    status: str


def create_app() -> FastAPI:
    """Return the application."""
    app = FastAPI()

    @app.post("/monitor/inference", status_code=202)
    async def take(call: Call) -> Taken:  # noqa: ARG001 the call is validated and not used
        return Taken(trace_id=str(uuid4()), status="queued")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app
