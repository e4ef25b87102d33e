"""Judging a text before a user sees it, in this process, with the evaluators that workers run."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple
from uuid import UUID

import msgspec

from app.config import Settings
from app.errors import Overloaded
from app.fair_threads import FairThreads
from app.privacy import Privacy
from app.rules import load_evaluators
from app.schemas.guard import GuardFinding, GuardVerdict, RedactedTexts
from app.schemas.projects import ProjectSettings
from app.schemas.queued import encode
from monitoring.evaluation import evaluate, evaluate_by
from monitoring.evaluator import Evaluator
from monitoring.models import Failure, Record, Result, Score
from monitoring.privacy.redaction import Redaction
from monitoring.samples import SAMPLES
from monitoring.text.prepared import Prepared
from monitoring.verdict import assess

__all__ = ["GUARD_TASK", "Decision", "Guard"]

logger = logging.getLogger(__name__)

# The background task that loads the evaluators.
GUARD_TASK = "guard"

# Far above what a text needs, far below what a user would wait: 256 KiB of the slowest kind (card numbers) take 0.8 s.
_DEADLINE_SECONDS = 1.0
# The deadline of a long text is later by a second for each of these.
_BYTES_PER_SECOND = 64 * 1024
# A longer text waits for a thread of its own, so that a short one is never behind it.
_BRIEF_BYTES = 32 * 1024
# A text up to here is judged in one go of a few milliseconds; between the steps of a longer one others have a turn.
_AT_ONCE_BYTES = 4 * 1024
# Scoring holds the interpreter for most of its time: more threads would only wait for each other.
_BRIEF_THREADS, _LENGTHY_THREADS = 1, 1
# Texts of one project that are judged or wait at a time; what waits beyond that would be overdue.
_MOST_BRIEF, _MOST_LENGTHY = 256, 16
_RETRY_SECONDS = 1
_WARMING_ROUNDS = 3
# How often it is looked whether the evaluators are loaded, once they are.
_WARM_SECONDS = 60.0
_NOBODY = UUID(int=0)
_MASK = Redaction(mode="mask")
_NOTHING = RedactedTexts(prompt=None, response=None)


class Decision(NamedTuple):
    """The verdict about one text and what it rests on; `failed` when scoring did not succeed."""

    verdict: GuardVerdict
    flags: tuple[str, ...]
    findings: tuple[GuardFinding, ...]
    redacted: RedactedTexts
    failed: bool


class _Loaded(NamedTuple):
    """The safety evaluators by name, and the seconds that each took for the samples."""

    evaluators: tuple[Evaluator, ...]
    seconds: Mapping[str, float]


@dataclass
class _Reading:
    """What is known about one text so far; `given_up` when nobody waits for more."""

    record: Record
    batch: Prepared
    results: dict[str, Result] = field(default_factory=dict)
    redacted: RedactedTexts = _NOTHING
    given_up: bool = False


class Guard:
    """Scores texts in threads of its own, which projects share by what each was served.

    The evaluators are loaded and run a few times by `warm`, or when a text comes before that, which takes seconds
    and some 75 MiB.
    """

    def __init__(self, settings: Settings, privacy: Privacy) -> None:
        self._settings = settings
        self._privacy = privacy
        self._brief = FairThreads("guard", threads=_BRIEF_THREADS)
        self._lengthy = FairThreads("guard-long", threads=_LENGTHY_THREADS)
        self._judged: Counter[tuple[str, bool]] = Counter()
        self._loading = asyncio.Lock()
        self._loaded: _Loaded | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether a text is judged without waiting for the evaluators."""
        return self._loaded is not None

    def close(self) -> None:
        """Take no more texts."""
        self._brief.close()
        self._lengthy.close()

    async def warm(self) -> float:
        """Load the evaluators and judge a sample as any text, so that the first text need not wait for that.

        Returns after how many seconds to look again; raises StartupError for rules or packages that cannot be
        used. Does nothing once it has succeeded.
        """
        if self._loaded is None:
            await self._load()
            await self.judge("", SAMPLES[0], ProjectSettings())
        return _WARM_SECONDS

    async def judge(self, project_id: str, record: Record, settings: ProjectSettings) -> Decision:
        """Return the verdict about a record, by what its project decided.

        Raises Unavailable without a key that redaction needs, and Overloaded when too many texts of the project wait.
        What was found before the deadline counts.
        """
        redaction = settings.redaction if settings.redaction.on else _MASK
        self._privacy.require(redaction)
        reading = _Reading(record, Prepared([record]))
        size = len(encode(record))
        with self._seat(project_id, lengthy=size > _BRIEF_BYTES):
            return await self._read(project_id, reading, size, settings, redaction)

    @contextmanager
    def _seat(self, project_id: str, *, lengthy: bool) -> Iterator[None]:
        """Count a text of the project for the length of the block; raises Overloaded where there are too many."""
        most = _MOST_LENGTHY if lengthy else _MOST_BRIEF
        if self._judged[project_id, lengthy] >= most:
            raise Overloaded(
                f"{most} {'long ' if lengthy else ''}texts of this project are judged now; send fewer at once.",
                retry_after=_RETRY_SECONDS,
            )
        self._judged[project_id, lengthy] += 1
        try:
            yield
        finally:
            self._judged[project_id, lengthy] -= 1
            if not self._judged[project_id, lengthy]:
                del self._judged[project_id, lengthy]

    async def _read(
        self, project_id: str, reading: _Reading, size: int, settings: ProjectSettings, redaction: Redaction
    ) -> Decision:
        evaluators: tuple[Evaluator, ...] = ()
        failed = overdue = False
        try:
            evaluators, seconds = await self._load()
            steps: list[Callable[[], None]] = [
                partial(self._judge, reading, one) for one in _in_order(evaluators, seconds, settings)
            ]
            steps.append(partial(self._redact, reading, project_id, redaction))
            async with asyncio.timeout(_DEADLINE_SECONDS * (1 + size / _BYTES_PER_SECOND)):
                await self._take(project_id, size, steps)
        except Exception as error:  # noqa: BLE001 whatever failed, the project said what then
            logger.error("a text could not be judged: %s", type(error).__name__)  # noqa: TRY400 the message might quote the text
            failed, overdue = True, isinstance(error, TimeoutError)
        finally:
            reading.given_up = True
        # Padding is no way round the guard: a long text that was not read to its end in time does not pass.
        unread = overdue and size > _BRIEF_BYTES
        return _decide(reading, evaluators, settings, failed=failed, unread=unread)

    async def _take(self, project_id: str, size: int, steps: Sequence[Callable[[], None]]) -> None:
        """Do the steps: of a short text at once, of a longer one in turns with those of other projects."""
        if size <= _AT_ONCE_BYTES:
            await self._brief.take(project_id, size, partial(_do, steps))
            return
        threads = self._brief if size <= _BRIEF_BYTES else self._lengthy
        for step in steps:
            await threads.take(project_id, size, step)

    async def _load(self) -> _Loaded:
        """Return the safety evaluators, loaded and warm."""
        if self._loaded is None:
            async with self._loading:
                if self._loaded is None:
                    self._loaded = await asyncio.to_thread(self._make)
        return self._loaded

    def _make(self) -> _Loaded:
        found = tuple(one for one in load_evaluators(self._settings) if one.category == "safety")
        for _ in range(_WARMING_ROUNDS):
            seconds = {one.name: _time(one) for one in found}
            for sample in SAMPLES:
                self._privacy.protect("", _MASK, {_NOBODY: sample})
        return _Loaded(found, seconds)

    def _judge(self, reading: _Reading, evaluator: Evaluator) -> None:
        if not (reading.given_up or evaluator.name in reading.record.skip):
            (reading.results[evaluator.name],) = evaluate_by(evaluator, reading.batch)

    def _redact(self, reading: _Reading, project_id: str, redaction: Redaction) -> None:
        if reading.given_up:
            return
        # With masks alone: a key that may only send must not learn which pseudonym a value has.
        masking = redaction.without_pseudonyms()
        records = {_NOBODY: reading.record}
        found = self._privacy.protect(project_id, masking, records, reading.batch).get(_NOBODY)
        if found is not None and found.sealed is None:
            reading.redacted = RedactedTexts(
                prompt=found.record.prompt or None, response=found.record.response or None
            )


def _do(steps: Sequence[Callable[[], None]]) -> None:
    for step in steps:
        step()


def _time(evaluator: Evaluator) -> float:
    begun = time.thread_time()
    for sample in SAMPLES:
        evaluate([sample], (evaluator,))
    return time.thread_time() - begun


def _in_order(
    evaluators: Sequence[Evaluator], seconds: Mapping[str, float], settings: ProjectSettings
) -> list[Evaluator]:
    """Return first those that may block, and of them and of the others the cheaper ones first."""
    blocking = {name.partition(".")[0] for name in settings.guard.block}
    return sorted(evaluators, key=lambda one: (one.name not in blocking, seconds[one.name]))


def _decide(
    reading: _Reading,
    evaluators: Sequence[Evaluator],
    settings: ProjectSettings,
    *,
    failed: bool,
    unread: bool,
) -> Decision:
    results = dict(reading.results)
    flags = assess(reading.record, results, evaluators, settings.policy).flags
    findings = tuple(_find(results, evaluators, settings))
    failed = failed or any(isinstance(result, Failure) for result in results.values())
    verdict: GuardVerdict = "flag" if flags or findings else "allow"
    if unread or any(finding.blocks for finding in findings):
        verdict = "block"
    elif failed:
        verdict = settings.guard.on_failure
    return Decision(verdict, flags, findings, reading.redacted, failed)


def _find(
    results: Mapping[str, Result], evaluators: Sequence[Evaluator], settings: ProjectSettings
) -> Iterator[GuardFinding]:
    """Yield what flags or blocks: evaluators by their value, and the parts that the project names."""
    block = settings.guard.block
    for evaluator in evaluators:
        score = results.get(evaluator.name)
        if not isinstance(score, Score):
            continue
        threshold = settings.policy.thresholds.get(evaluator.name, evaluator.threshold)
        if score.value is not None:
            flagged = threshold is not None and score.value >= threshold
            blocks = score.value >= block.get(evaluator.name, 2.0)
            if flagged or blocks:
                flag = evaluator.flag if flagged else None
                yield _finding(evaluator.name, flag, score.value, score, blocks=blocks)
        for part, value in score.parts.items():
            name = f"{evaluator.name}.{part}"
            if value >= block.get(name, 2.0):
                evidence = tuple(one for one in score.evidence if one.field == part)
                told = msgspec.structs.replace(score, evidence=evidence, label=part)
                yield _finding(name, None, value, told, blocks=True)


def _finding(name: str, flag: str | None, value: float, score: Score, *, blocks: bool) -> GuardFinding:
    return GuardFinding(
        evaluator=name, flag=flag, value=value, blocks=blocks, label=score.label, evidence=score.evidence
    )
