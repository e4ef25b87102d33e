"""What the suite of attacks says about its measurements: one complaint for each forbidden thing."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.abuse.measurement import Measurement, Window, judge, percentile, window
from tests.abuse.tenant import Sample

QUIET = Window(requests=100, p50=30.0, p99=100.0, faults=Counter(), stored=0.3, by_kind={"sign_in": 400.0})
FINE = Measurement(
    attack="nothing",
    case="none",
    answers={"422": 7, "503": 1},
    wrongs={},
    before=QUIET,
    during=QUIET._replace(p99=290.0),
    after=QUIET,
    others=0.05,
    rest_seconds=0.5,
    gaps={"trace": 0.4, "metrics": 1.2},
    closed=0,
    growth={"API": (60.0, 2.0), "dashboard": (0.0, 0.0)},
    workers_mib=250.0,
    redis_mib=3.0,
    log=Counter(),
    same_process=True,
)


def test_what_stays_within_its_limits_is_not_complained_about() -> None:
    assert judge(FINE) == []


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        ({"during": QUIET._replace(p99=301.0)}, "slow during: p99 301 ms, limit 300 ms"),
        ({"after": QUIET._replace(p99=900.0)}, "slow after: p99 900 ms, limit 300 ms"),
        (
            {"during": QUIET._replace(faults=Counter({"guard: failed": 2}))},
            "the tenant saw 2 x guard: failed",
        ),
        ({"after": QUIET._replace(faults=Counter({"otlp: 503": 1}))}, "the tenant saw 1 x otlp: 503"),
        ({"during": QUIET._replace(stored=5.1)}, "stored after 5.1 s"),
        ({"during": QUIET._replace(by_kind={"sign_in": 3100.0})}, "slow sign-in: 3.1 s"),
        ({"gaps": {"trace": 5.1, "metrics": 1.0}}, "no trace frame for 5.1 s"),
        ({"gaps": {"trace": 1.0, "metrics": 8.1}}, "no metrics frame for 8.1 s"),
        ({"closed": 1}, "the live feed was closed 1 times"),
        ({"answers": {"500": 3}}, "attackers saw 3 x 500"),
        ({"answers": {}}, "the attacker sent nothing"),
        ({"wrongs": {"a bad line": 4}}, "4 x a bad line"),
        ({"growth": {"API": (401.0, 0.0)}}, "the API grew by 401 MiB"),
        ({"growth": {"API": (130.0, 257.0)}}, "kept 257 MiB"),
        ({"log": Counter({"upkeep failed": 1})}, "the log holds 1 x upkeep failed"),
        ({"same_process": False}, "not the same"),
        ({"rest_seconds": math.inf}, "not at rest"),
    ],
)
def test_each_thing_that_must_not_happen_is_one_complaint(found: dict[str, Any], complaint: str) -> None:
    (said,) = judge(replace(FINE, **found))
    assert complaint in said


def test_a_loud_machine_is_named_beside_a_complaint_and_excuses_nothing() -> None:
    loud = replace(FINE, others=0.6)
    assert judge(loud) == []
    assert len(judge(replace(loud, during=QUIET._replace(p99=301.0)))) == 2


def test_below_a_quarter_of_a_second_a_difference_does_not_count() -> None:
    fast = QUIET._replace(p99=20.0)
    assert judge(replace(FINE, before=fast, during=fast._replace(p99=249.0))) == []
    assert judge(replace(FINE, before=fast, during=fast._replace(p99=251.0)))


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.99, 0.0),
        ([7.0], 0.5, 7.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([float(one) for one in range(1, 101)], 0.99, 99.0),
    ],
)
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(
    values: list[float], share: float, expected: float
) -> None:
    assert percentile(values, share) == expected


def test_sign_ins_and_storing_are_no_part_of_the_percentiles_but_of_the_faults() -> None:
    found = window(
        [
            Sample("waited", 0.0, 0.1, ""),
            Sample("sign_in", 0.0, 2.0, "429 /sessions"),
            Sample("stored", 0.0, 1.5, ""),
        ]
    )
    assert (found.requests, found.p99, found.stored) == (1, 100.0, 1.5)
    assert found.faults == Counter({"sign_in: 429 /sessions": 1})


def test_slack_makes_limits_of_time_longer_and_excuses_nothing_else() -> None:
    late = replace(FINE, during=QUIET._replace(p99=900.0, faults=Counter({"guard: 503 /guard": 1})))
    assert [one.split(",")[0] for one in judge(replace(late, slack=8.0))] == ["during"]
    assert len(judge(late)) == 2
