"""Judging a text before a user sees it, in this process, with the evaluators that workers run."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from uuid import UUID

import msgspec

from app.config import Settings
from app.privacy import Privacy
from app.rules import load_evaluators
from app.schemas.guard import GuardFinding, GuardVerdict, RedactedTexts
from app.schemas.projects import ProjectSettings
from monitoring.evaluation import evaluate
from monitoring.evaluator import Evaluator
from monitoring.models import Failure, Record, Result, Score
from monitoring.redaction import Redaction
from monitoring.samples import SAMPLES
from monitoring.verdict import assess

__all__ = ["Decision", "Guard"]

logger = logging.getLogger(__name__)

# Far above what a text of the largest size that is taken needs, far below what a user would wait.
_DEADLINE_SECONDS = 1.0
# As many as there are cores on a small machine; scoring holds the interpreter for most of its time.
_THREADS = 2
_WARMING_ROUNDS = 3
_NOBODY = UUID(int=0)
_MASK = Redaction(mode="mask")


class Decision(NamedTuple):
    """The verdict about one text and what it rests on; `failed` when scoring did not succeed."""

    verdict: GuardVerdict
    flags: tuple[str, ...]
    findings: tuple[GuardFinding, ...]
    redacted: RedactedTexts
    failed: bool


class Guard:
    """Scores texts in threads of its own.

    The evaluators are loaded and run a few times when the first text comes, which takes seconds and some
    150 MB; a process that is never asked pays nothing.
    """

    def __init__(self, settings: Settings, privacy: Privacy) -> None:
        self._settings = settings
        self._privacy = privacy
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="guard")
        self._loading = threading.Lock()
        self._evaluators: tuple[Evaluator, ...] | None = None

    def close(self) -> None:
        """Take no more texts."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def judge(self, project_id: str, record: Record, settings: ProjectSettings) -> Decision:
        """Return the verdict about a record, by what its project decided; raises Unavailable without a key."""
        redaction = settings.redaction if settings.redaction.on else _MASK
        self._privacy.require(redaction)
        loop = asyncio.get_running_loop()
        try:
            if self._evaluators is None:
                await loop.run_in_executor(self._executor, self._load)
            scoring = loop.run_in_executor(
                self._executor, self._judge, project_id, record, settings, redaction
            )
            return await asyncio.wait_for(scoring, _DEADLINE_SECONDS)
        except Exception as error:  # noqa: BLE001 whatever failed, the project said what then
            # Its message might quote the text.
            logger.error("a text could not be judged: %s", type(error).__name__)  # noqa: TRY400
            nothing = RedactedTexts(prompt=None, response=None)
            return Decision(settings.guard.on_failure, (), (), nothing, failed=True)

    def _load(self) -> tuple[Evaluator, ...]:
        """Return the safety evaluators, loaded and warm."""
        if self._evaluators is None:
            with self._loading:
                if self._evaluators is None:
                    found = tuple(one for one in load_evaluators(self._settings) if one.category == "safety")
                    for _ in range(_WARMING_ROUNDS):
                        for sample in SAMPLES:
                            evaluate([sample], found)
                            self._privacy.protect("", _MASK, {_NOBODY: sample})
                    self._evaluators = found
        return self._evaluators

    def _judge(
        self, project_id: str, record: Record, settings: ProjectSettings, redaction: Redaction
    ) -> Decision:
        evaluators = self._load()
        (results,) = evaluate([record], evaluators)
        flags = assess(record, results, evaluators, settings.policy).flags
        findings = tuple(_find(results, evaluators, settings))
        failed = any(isinstance(result, Failure) for result in results.values())
        verdict: GuardVerdict = "flag" if flags or findings else "allow"
        if any(finding.blocks for finding in findings):
            verdict = "block"
        elif failed:
            verdict = settings.guard.on_failure
        return Decision(verdict, flags, findings, self._redact(project_id, record, redaction), failed)

    def _redact(self, project_id: str, record: Record, redaction: Redaction) -> RedactedTexts:
        # With masks alone: a key that may only send must not learn which pseudonym a value has.
        masking = redaction.without_pseudonyms()
        found = self._privacy.protect(project_id, masking, {_NOBODY: record}).get(_NOBODY)
        if found is None or found.sealed is not None:
            return RedactedTexts(prompt=None, response=None)
        return RedactedTexts(prompt=found.record.prompt or None, response=found.record.response or None)


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
