"""What this process counts about its own requests, and the gauges a scrape fills in."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.reports.pipeline import PipelineReport
from app.schemas.tasks import TaskState
from monitoring.marks import Mark

__all__ = ["UNROUTED", "Instruments", "RequestTimer"]

_OUTCOMES: Final = ("accepted", "stored", "duplicate", "dead", "in_flight", "unaccounted")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# The route of a request that was answered before it was found.
UNROUTED: Final = "(none)"


def _request_metrics(registry: CollectorRegistry) -> tuple[Counter, Histogram]:
    requests = Counter(
        "llm_monitor_http_requests",
        "Requests answered by this process.",
        ("method", "route", "status"),
        registry=registry,
    )
    seconds = Histogram(
        "llm_monitor_http_request_duration_seconds",
        "Time from request to the end of its answer, waiting for scores included.",
        ("method", "route"),
        buckets=_SECONDS,
        registry=registry,
    )
    return requests, seconds


class Instruments:
    """The Prometheus metrics of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests, self._seconds = _request_metrics(self._registry)
        # Looking a pair up by its labels costs more than counting.
        self._observed: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._marks = self._count_marks()
        self._records = {
            outcome: self._gauge(
                f"records_{outcome}", f"Records {outcome.replace('_', ' ')}, of all processes.", "project"
            )
            for outcome in _OUTCOMES
        }
        self._set_aside = {
            what: self._gauge(
                f"set_aside_{what}",
                f"{what.title()} whose figures miss what no sum could be taken with.",
                "project",
            )
            for what in ("batches", "days")
        }
        self._queued_records = self._gauge("queue_records", "Records that wait or are being scored.")
        self._queued_jobs = self._gauge("queue_jobs", "Jobs that wait or run.")
        self._age = self._gauge("queue_oldest_age_seconds", "Age of the oldest job, 0 without any.")
        self._workers = self._gauge("workers", "Worker processes that were heard of lately.")
        self._failures = self._task_gauge("failures", "Failures in a row, 0 while it works.")
        self._failed = self._task_gauge("failures_since_start", "Failures since the process began.")
        self._succeeded = self._task_gauge(
            "last_success_timestamp_seconds", "When it last worked, 0 before it ever did."
        )
        self._disk = self._gauge(
            "disk_free_bytes", "Room on the disk of the servers, NaN where they are on another machine."
        )

    def _count_marks(self) -> Counter:
        marks = Counter(
            "llm_monitor_marked_records",
            "Records accepted by this process with a mark: what was noticed while they were read.",
            ("mark",),
            registry=self._registry,
        )
        # They are there from the beginning, for alerts on their increase.
        for mark in (Mark.UNRECOGNISED_SHAPE, Mark.TRUNCATED):
            marks.labels(mark)
        return marks

    def _gauge(self, name: str, description: str, *labels: str) -> Gauge:
        return Gauge(f"llm_monitor_{name}", description, labels, registry=self._registry)

    def _task_gauge(self, name: str, description: str) -> Gauge:
        return self._gauge(
            f"task_{name}", f"Background tasks of all processes: {description}", "process", "task"
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method, route, status)
        found = self._observed.get(key)
        if found is None:
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
            self._observed[key] = found
        requests, duration = found
        requests.inc()
        duration.observe(seconds)

    def count_mark(self, mark: str) -> None:
        """Count one mark of an accepted record; there are a dozen of them, none with a client's words in it."""
        self._marks.labels(mark).inc()

    def render(
        self, report: PipelineReport, tasks: Mapping[str, Sequence[TaskState]], disk_free: int | None
    ) -> bytes:
        """Return everything in Prometheus' text format: the pipeline, tasks of processes and the room in bytes as they are now."""
        self._show_tasks(tasks)
        for gauge in (*self._records.values(), *self._set_aside.values()):
            gauge.clear()  # what the last scrape was shown may be more than this one may see
        for project in report.projects:
            for outcome, gauge in self._records.items():
                gauge.labels(project.project_id).set(getattr(project, outcome))
            for what, gauge in self._set_aside.items():
                gauge.labels(project.project_id).set(getattr(project, f"set_aside_{what}"))
        self._queued_records.set(report.queue.records)
        self._queued_jobs.set(report.queue.jobs)
        self._age.set(report.queue.oldest_age_seconds or 0)
        self._workers.set(report.queue.workers)
        self._disk.set(math.nan if disk_free is None else disk_free)
        return generate_latest(self._registry)

    def _show_tasks(self, tasks: Mapping[str, Sequence[TaskState]]) -> None:
        for gauge in (self._failures, self._failed, self._succeeded):
            gauge.clear()  # processes come and go
        for process, states in tasks.items():
            for state in states:
                self._failures.labels(process, state.task).set(state.failures)
                self._failed.labels(process, state.task).set(state.failed)
                self._succeeded.labels(process, state.task).set(state.succeeded_at or 0)


class RequestTimer:
    """ASGI middleware that counts and times requests by their route, never by their raw path."""

    def __init__(self, app: ASGIApp, instruments: Instruments) -> None:
        self._app = app
        self._instruments = instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        begun = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", UNROUTED)
            self._instruments.observe(scope["method"], route, status, time.perf_counter() - begun)
