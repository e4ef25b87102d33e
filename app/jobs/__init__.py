"""Long jobs, which outlive a request: one runner for all kinds, with progress and cancelling.

A job that was interrupted is resumed.
"""

from app.jobs.runner import Handler, Runner, Step
from app.jobs.views import JobView, announce, show

__all__ = ["Handler", "JobView", "Runner", "Step", "announce", "show"]
