"""Every route of the API; an application includes all of them."""

from __future__ import annotations

from app.api.routes import (
    dead_letters,
    evaluate,
    feedback,
    guard,
    health,
    inference,
    jobs,
    live,
    metrics,
    otlp,
    pipeline,
    policy,
    prometheus,
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
)
