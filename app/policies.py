"""The policy of a project: thresholds and weights.

It is shown, changed, and proposed from traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

import msgspec
import numpy as np
from pydantic import BaseModel, ConfigDict

from app.access.administration import Line, record
from app.access.decisions import Match, check_match, compare, etag_of, list_differences, list_dropped
from app.errors import InvalidParameter, InvalidRecord, NotFound, Unavailable
from app.schemas.catalogue import Judge
from app.storage.access.projects import lock_settings, read_settings, save_settings
from app.storage.engine import Connection
from app.storage.traces.labels import read_labelled_values
from app.storage.traces.score_values import read_values
from monitoring.bounds import MOST_WEIGHT
from monitoring.statistics.calibration import LabelProposal, Proposal, propose, propose_from_labels
from monitoring.verdict import Policy

__all__ = [
    "EvaluatorPolicy",
    "PolicyReport",
    "change_policy",
    "propose_by_labels",
    "propose_thresholds",
    "read_policy",
    "read_policy_tag",
]

_NOTHING = np.zeros(0)
_RETRY_SECONDS = 2


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class EvaluatorPolicy(_Frozen):
    """The rules for one evaluator: its `threshold` and `weight`, and `default_…` for everybody."""

    version: str
    category: str
    flag: str | None
    threshold: float | None
    default_threshold: float | None
    weight: float
    default_weight: float


class PolicyReport(_Frozen):
    """The policy of a project.

    `decided` is the day of its last change, null without an own policy.
    """

    project_id: str
    decided: date | None
    evaluators: dict[str, EvaluatorPolicy]


async def read_policy(connection: Connection, project_id: str, judges: Iterable[Judge]) -> PolicyReport:
    """Return the policy by which a project's records are judged; raises NotFound."""
    settings = await read_settings(connection, project_id)
    if settings is None:
        raise NotFound(f"There is no project {project_id}.")
    return _describe(project_id, judges, settings.policy)


async def change_policy(
    connection: Connection,
    line: Line,
    judges: Sequence[Judge],
    change: Callable[[Policy], Policy],
    *,
    match: Match | None = None,
) -> PolicyReport:
    """Change thresholds and weights of the project that `line` names, for new records.

    `match` is the If-Match header of a request that replaces the policy. Raises InvalidRecord for
    names that are not evaluators, NotFound, Unavailable where no worker has reported its evaluators
    yet, and what `check_match` raises.
    """
    settings = await lock_settings(connection, line.project_id)
    if settings is None:
        raise NotFound(f"There is no project {line.project_id}.")
    changed = msgspec.structs.replace(change(_undated(settings.policy)), decided=None)
    _check(judges, changed)
    if match is not None:
        before = _undated(settings.policy)
        check_match(match.sent, before, list_dropped(before, changed))
    policy = msgspec.structs.replace(changed, decided=line.now.date())
    await save_settings(connection, line.project_id, msgspec.structs.replace(settings, policy=policy))
    detail = list_differences(compare(_undated(settings.policy), changed))
    await record(connection, line, "policy.changed", line.project_id, **detail)
    return _describe(line.project_id, judges, policy)


async def read_policy_tag(connection: Connection, project_id: str) -> str:
    """Return the entity tag of a project's own policy; raises NotFound."""
    settings = await read_settings(connection, project_id)
    if settings is None:
        raise NotFound(f"There is no project {project_id}.")
    return etag_of(_undated(settings.policy))


def _undated(policy: Policy) -> Policy:
    return msgspec.structs.replace(policy, decided=None)


async def propose_by_labels(
    connection: Connection, project_id: str, judges: Sequence[Judge], start: datetime
) -> dict[str, LabelProposal]:
    """Return per evaluator the threshold that decides most labelled calls as people do.

    Evaluators without a label since `start` are left out.
    """
    report = await read_policy(connection, project_id, judges)
    found = {}
    for name, one in report.evaluators.items():
        if one.threshold is None:
            continue
        values = await read_labelled_values(
            connection, project_id, name, one.flag or name, start, flagged=False
        )
        true, false = values.get("true_alarm", _NOTHING), values.get("false_alarm", _NOTHING)
        if len(true) + len(false):
            low = one.category == "quality"
            found[name] = propose_from_labels(true, false, one.threshold, low=low)
    return found


async def propose_thresholds(
    connection: Connection, project_id: str, judges: Sequence[Judge], rate: float, start: datetime
) -> dict[str, Proposal]:
    """Return per evaluator the threshold beyond which `rate` of the project's records would lie.

    Only live records are read.


    Raises InvalidParameter for a rate outside 0..1 (both ends excluded).
    """
    if not 0 < rate < 1:
        raise InvalidParameter(f"rate is {rate:g}: it must be a share between 0 and 1, such as 0.01.")
    report = await read_policy(connection, project_id, judges)
    thresholds = {name: one.threshold for name, one in report.evaluators.items() if one.threshold is not None}
    values = await read_values(connection, project_id, start, list(thresholds))
    return {
        name: propose(
            values.get(name, _NOTHING),
            threshold,
            rate,
            low=report.evaluators[name].category == "quality",
        )
        for name, threshold in thresholds.items()
    }


def _describe(project_id: str, judges: Iterable[Judge], policy: Policy) -> PolicyReport:
    return PolicyReport(
        project_id=project_id,
        decided=policy.decided,
        evaluators={
            judge.name: EvaluatorPolicy(
                version=judge.version,
                category=judge.category,
                flag=judge.flag,
                threshold=policy.thresholds.get(judge.name, judge.threshold),
                default_threshold=judge.threshold,
                weight=policy.weights.get(judge.name, judge.weight),
                default_weight=judge.weight,
            )
            for judge in judges
        },
    )


def _check(judges: Sequence[Judge], policy: Policy) -> None:
    if not judges:
        raise Unavailable("No worker has reported its evaluators yet: start one.", retry_after=_RETRY_SECONDS)
    judged = {judge.name for judge in judges if judge.category != "descriptive"}
    weighed = {judge.name for judge in judges if judge.category == "quality"}
    _refuse("thresholds", policy.thresholds, judged)
    _refuse("weights", policy.weights, weighed)
    if heavy := [name for name, weight in policy.weights.items() if weight > MOST_WEIGHT]:
        raise InvalidRecord(
            f"weights: {', '.join(heavy)} is above the highest weight, {MOST_WEIGHT:g}.",
            errors=[{"field": f"weights.{name}", "message": f"at most {MOST_WEIGHT:g}"} for name in heavy],
        )


def _refuse(field: str, given: Mapping[str, float], known: set[str]) -> None:
    strange = sorted(given.keys() - known)
    if strange:
        raise InvalidRecord(
            f"{field}: {', '.join(strange)} is no evaluator. Choose from {', '.join(sorted(known))}.",
            errors=[
                {"field": f"{field}.{name}", "message": "there is no evaluator of this name"}
                for name in strange
            ],
        )
