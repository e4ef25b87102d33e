"""The queue between the API and the workers. Only this package knows arq and its keys.

It exports what every process needs. What only a worker process needs is in `app.queue.loop` and
`app.queue.claims`.
"""

from app.queue.client import (
    Enqueuing,
    accepted_counts,
    listed_jobs,
    queued_jobs,
    queued_since,
    queued_tokens,
    replace_job,
    requeue_unlisted,
    stage,
)
from app.queue.encoding import Payload, deserialize, serialize
from app.queue.heartbeats import beat, live_workers, retire
from app.queue.names import (
    ACCEPTED_KEY,
    EVALUATE,
    EVALUATE_QUEUE,
    REDELIVERED_KEY,
    WORKERS_KEY,
    JobName,
    NewJob,
    QueuedJob,
)

__all__ = [
    "ACCEPTED_KEY",
    "EVALUATE",
    "EVALUATE_QUEUE",
    "REDELIVERED_KEY",
    "WORKERS_KEY",
    "Enqueuing",
    "JobName",
    "NewJob",
    "Payload",
    "QueuedJob",
    "accepted_counts",
    "beat",
    "deserialize",
    "listed_jobs",
    "live_workers",
    "queued_jobs",
    "queued_since",
    "queued_tokens",
    "replace_job",
    "requeue_unlisted",
    "retire",
    "serialize",
    "stage",
]
