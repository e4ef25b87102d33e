"""What the queue's keys and jobs are called: the one module that knows the keys of arq."""

from __future__ import annotations

from typing import NamedTuple

from arq.constants import in_progress_key_prefix, job_key_prefix

from app.schemas.ids import mint
from app.schemas.projects import DEFAULT_PROJECT

__all__ = [
    "ACCEPTED_KEY",
    "EVALUATE",
    "EVALUATE_QUEUE",
    "PAYLOAD_PREFIX",
    "REDELIVERED_KEY",
    "WORKERS_KEY",
    "JobName",
    "NewJob",
    "QueuedJob",
    "attempts_key",
    "claim_key",
    "payload_key",
    "text_of",
    "worker_claims_key",
]

EVALUATE_QUEUE = "llm-monitor:queue:evaluate"
EVALUATE = "evaluate"
ACCEPTED_KEY = "llm-monitor:accepted"
# Deliveries of jobs whose try before had ended without a word, per project.
REDELIVERED_KEY = "llm-monitor:redelivered"
# A hash from host and process id to the Unix milliseconds of that worker's last sign of life.
WORKERS_KEY = "llm-monitor:workers"
# arq keeps the payload of a job under this and its name.
PAYLOAD_PREFIX: str = job_key_prefix
_SEPARATOR = ":"
_TOKEN_CHARACTERS = 32
_MOMENT_CHARACTERS = 12
_WITH_MOMENT = "7"
_WAITED = "w"
_WAITED_BYTES = (_WAITED + _SEPARATOR).encode()


class JobName(NamedTuple):
    """A job id that says what the job holds, so that counting the queue reads no payload.

    `size` is that of the encoded batch in bytes. The token is a UUIDv7, which says when the job was made.
    """

    project_id: str
    records: int
    token: str
    size: int = 0

    def __str__(self) -> str:
        return _SEPARATOR.join((self.token, str(self.records), str(self.size), self.project_id))

    @property
    def root(self) -> str:
        """What a job has in common with the halves it may be replaced by."""
        return self.token[:_TOKEN_CHARACTERS]

    @property
    def made_ms(self) -> int:
        """When the job, or the one that it is a half of, was made: Unix milliseconds, 0 where it does not say."""
        moment = self.token[:_MOMENT_CHARACTERS]
        said = self.token[_MOMENT_CHARACTERS : _MOMENT_CHARACTERS + 1] == _WITH_MOMENT
        try:
            return int(moment, 16) if said else 0
        except ValueError:  # no name of ours
            return 0

    @property
    def waited(self) -> bool:
        """Whether posts wait for its scores; those of its halves come too late for that."""
        return self.token[_TOKEN_CHARACTERS:] == _WAITED

    @staticmethod
    def is_waited(job_id: bytes) -> bool:
        """Tell `waited` of an encoded name without reading all of it: a worker looks at thousands a second."""
        return job_id[_TOKEN_CHARACTERS : _TOKEN_CHARACTERS + 2] == _WAITED_BYTES

    @classmethod
    def parse(cls, job_id: str) -> JobName:
        """Read a job id back; one that this application did not make stands for one record of `default`."""
        token, records, size, project_id = (*job_id.split(_SEPARATOR, 3), "", "", "")[:4]
        if project_id and records.isdecimal() and size.isdecimal():
            return cls(project_id, int(records), token, int(size))
        return cls(DEFAULT_PROJECT, 1, job_id)

    @classmethod
    def new(
        cls, project_id: str, records: int, size: int = 0, *, waited: bool = False, now_ms: int = 0
    ) -> JobName:
        """Return a fresh name of a job made at the Unix time `now_ms` in milliseconds."""
        return cls(project_id, records, mint(now_ms).hex + (_WAITED if waited else ""), size)


class QueuedJob(NamedTuple):
    """A job that waits or runs, and when it was enqueued in Unix milliseconds; 0 where that is not known."""

    name: JobName
    enqueued_ms: int


class NewJob(NamedTuple):
    """A job about to be queued: its name and its encoded Batch."""

    name: JobName
    payload: bytes


def payload_key(job: JobName | str) -> str:
    """Return the key under which arq keeps the payload of a job."""
    return f"{PAYLOAD_PREFIX}{job}"


def claim_key(job: JobName | str) -> str:
    """Return the key that exists while arq lets a worker process have a job in hand."""
    return f"{in_progress_key_prefix}{job}"


def attempts_key(job: JobName | str) -> str:
    """Return the key that counts how often a job was begun."""
    return f"llm-monitor:attempts:{job}"


def worker_claims_key(worker: str) -> str:
    """Return the key of the set of jobs that a worker process has in hand."""
    return f"llm-monitor:claims:{worker}"


def text_of(name: bytes | str) -> str:
    """Return a name as text, however the Redis client returned it."""
    return name.decode() if isinstance(name, bytes) else name
