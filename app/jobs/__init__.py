"""Long work that outlives a request: one runner for every kind, with progress, cancelling and resuming."""

from app.jobs.runner import Handler, Runner, Step
from app.jobs.views import JobView, announce, show

__all__ = ["Handler", "JobView", "Runner", "Step", "announce", "show"]
