"""Every route of the API; an application includes all of them."""

from __future__ import annotations

from app.api.routes import health, inference

__all__ = ["ROUTERS"]

ROUTERS = (health.router, inference.router)
