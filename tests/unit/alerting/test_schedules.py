from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest

from monitoring.alerting.schedules import Mute, is_muted

NIGHT = {"start": time(22), "end": time(6)}
WORK = {"start": time(9), "end": time(17)}


@pytest.mark.parametrize(
    ("mute", "moment", "muted"),
    [
        # 2026-03-02 is a Monday
        (WORK, "2026-03-02T08:59:59", False),
        (WORK, "2026-03-02T09:00:00", True),
        (WORK, "2026-03-02T16:59:59", True),
        (WORK, "2026-03-02T17:00:00", False),
        (WORK | {"days": ("tuesday",)}, "2026-03-02T10:00:00", False),
        (WORK | {"days": ("tuesday",)}, "2026-03-03T10:00:00", True),
        # across midnight the hours belong to the day on which they begin
        (NIGHT, "2026-03-02T21:59:59", False),
        (NIGHT, "2026-03-02T23:00:00", True),
        (NIGHT, "2026-03-03T05:59:59", True),
        (NIGHT, "2026-03-03T06:00:00", False),
        (NIGHT | {"days": ("friday",)}, "2026-03-07T03:00:00", True),
        (NIGHT | {"days": ("friday",)}, "2026-03-06T03:00:00", False),
        (NIGHT | {"days": ("sunday",)}, "2026-03-02T03:00:00", True),
        (NIGHT | {"days": ("monday",)}, "2026-03-02T03:00:00", False),
        # a whole day
        ({"start": time(0), "end": time(0), "days": ("sunday",)}, "2026-03-01T23:59:59", True),
        ({"start": time(0), "end": time(0), "days": ("sunday",)}, "2026-03-02T00:00:00", False),
        # by the clock of a time zone, whose day may be another one
        (WORK | {"tz": "America/New_York"}, "2026-03-02T10:00:00", False),
        (WORK | {"tz": "America/New_York"}, "2026-03-02T14:00:00", True),
        (WORK | {"tz": "Asia/Kathmandu", "days": ("tuesday",)}, "2026-03-03T03:15:00", True),
        (WORK | {"tz": "Asia/Kathmandu", "days": ("tuesday",)}, "2026-03-03T03:14:59", False),
        (NIGHT | {"tz": "Pacific/Auckland", "days": ("tuesday",)}, "2026-03-03T09:30:00", True),
        # the clocks go forward in Berlin on 2026-03-29 and back on 2026-10-25
        (WORK | {"tz": "Europe/Berlin"}, "2026-03-28T08:00:00", True),
        (WORK | {"tz": "Europe/Berlin"}, "2026-03-29T07:00:00", True),
        (WORK | {"tz": "Europe/Berlin"}, "2026-03-28T07:59:59", False),
        ({"start": time(2), "end": time(3), "tz": "Europe/Berlin"}, "2026-10-25T00:30:00", True),
        ({"start": time(2), "end": time(3), "tz": "Europe/Berlin"}, "2026-10-25T01:30:00", True),
        ({"start": time(2), "end": time(3), "tz": "Europe/Berlin"}, "2026-03-29T01:00:00", False),
    ],
)
def test_hours_of_a_time_zone_mute(mute: dict[str, Any], moment: str, *, muted: bool) -> None:
    assert is_muted([Mute(**mute)], datetime.fromisoformat(moment).replace(tzinfo=UTC)) is muted


def test_without_hours_nothing_is_muted() -> None:
    assert not is_muted([], datetime(2026, 3, 2, tzinfo=UTC))
