"""What counts of a call after people found false alarms, and that it comes back."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from msgspec.structs import replace

from app.review.dismissing import Raised, dismiss
from app.schemas.traces import Trace
from tests.integration.worker_rig import Alarm, WordCount
from tests.unit.test_aggregation import trace


class Second(Alarm):
    """A second evaluator that raises the flag of the first."""

    name = "second"


class Secret(Alarm):
    """An evaluator with a flag of its own."""

    name = "secret"
    flag = "pii_leak"


RAISED = Raised([Secret(), Alarm(), Second(), WordCount()])
BOTH = ("pii_leak", "toxicity")
HITS = ("coherence", "alarm", "second", "secret", "gone")


@pytest.fixture
def call() -> Trace:
    return replace(trace(), flags=BOTH, hits=HITS, is_safe=False)


@pytest.mark.parametrize(
    ("false_alarms", "flags", "hits", "gone", "gone_hits"),
    [
        ((), BOTH, HITS, (), ()),
        (("bias",), BOTH, HITS, (), ()),
        (("toxicity",), ("pii_leak",), ("coherence", "secret", "gone"), ("toxicity",), ("alarm", "second")),
        (("pii_leak",), ("toxicity",), ("coherence", "alarm", "second", "gone"), ("pii_leak",), ("secret",)),
        (BOTH, (), ("coherence", "gone"), BOTH, ("alarm", "second", "secret")),
    ],
)
def test_a_false_alarm_takes_its_flag_and_its_hits_and_nothing_else(
    call: Trace,
    false_alarms: Collection[str],
    flags: Collection[str],
    hits: Collection[str],
    gone: Collection[str],
    gone_hits: Collection[str],
) -> None:
    found = dismiss(call, false_alarms, RAISED)
    assert (found.flags, found.hits, found.dismissed_flags) == (flags, hits, gone)
    assert found.dismissed_hits == gone_hits
    assert found.is_safe is not bool(flags)
    assert found.scores == call.scores
    back = dismiss(found, (), RAISED)
    assert (back.flags, set(back.hits), back.is_safe) == (BOTH, set(HITS), False)
    assert (back.dismissed_flags, back.dismissed_hits) == ((), ())
    assert dismiss(found, false_alarms, RAISED) == found


def test_a_call_without_flags_stays_as_it_is_also_where_nobody_judged_it(call: Trace) -> None:
    unjudged = replace(call, flags=(), hits=("coherence",), is_safe=None)
    assert dismiss(unjudged, ("toxicity",), RAISED) is unjudged
