"""Every route of the API; an application includes all of them."""

from __future__ import annotations

from app.api.routes import (
    audit,
    dead_letters,
    evaluate,
    feedback,
    guard,
    health,
    inference,
    jobs,
    keys,
    langfuse,
    live,
    metrics,
    otlp,
    pipeline,
    policy,
    projects,
    prometheus,
    sessions,
    traces,
    users,
)

__all__ = ["ROUTERS"]

ROUTERS = (
    health.router,
    inference.router,
    guard.router,
    otlp.router,
    evaluate.router,
    traces.router,
    users.router,
    jobs.router,
    metrics.router,
    feedback.router,
    pipeline.router,
    dead_letters.router,
    policy.router,
    prometheus.router,
    live.router,
    projects.router,
    keys.router,
    audit.router,
    sessions.router,
    langfuse.router,
    langfuse.rest,  # the last of its folder: it answers whatever else is asked there
)
