from datetime import UTC, datetime, timedelta, timezone
from operator import add, neg
from zoneinfo import ZoneInfo

import pytest

from monitoring.statistics.trends import window_of
from monitoring.statistics.zones import buckets_of, join_local_days, local_day, local_days, read_zone

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")


@pytest.mark.parametrize(
    ("name", "minutes"),
    [
        ("UTC", 0),
        ("Europe/Berlin", 60),
        ("America/Argentina/Buenos_Aires", -180),
        ("Etc/GMT+5", -300),
        ("+05:45", 345),
        (" 05:45", 345),  # as a plus sign arrives that was not escaped
        ("-09:30", -570),
        ("+14:00", 840),
    ],
)
def test_zones_are_names_and_offsets(name: str, minutes: int) -> None:
    assert read_zone(name).utcoffset(datetime(2026, 1, 15)) == timedelta(minutes=minutes)  # noqa: DTZ001 a wall clock


@pytest.mark.parametrize(
    "name",
    [
        *("", "Europe", "Europe/", "/Europe/Berlin", "../../etc/passwd", "Europe/../UTC", "Nowhere/Town"),
        *(
            "+5:45",
            "+05:60",
            "+14:01",
            "-15:00",
            "05:45",
            "+0545",
            "+\u0660\u0665:45",
            "UTC\0",
            "Europe/Berlin ",
            "A" * 65,
        ),
    ],
)
def test_anything_else_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="Europe/Berlin"):
        read_zone(name)


@pytest.mark.parametrize(
    ("hour", "zone", "day"),
    [
        # The hour from 18:00 to 19:00 UTC is 23:45 to 00:45 in Kathmandu; its middle is 00:15.
        ("2026-11-23T17", KATHMANDU, 23),
        ("2026-11-23T18", KATHMANDU, 24),
        ("2026-11-24T17", KATHMANDU, 24),
        # In India the middle of that hour is midnight itself.
        ("2026-11-23T17", ZoneInfo("Asia/Kolkata"), 23),
        ("2026-11-23T18", ZoneInfo("Asia/Kolkata"), 24),
        ("2026-11-23T22", BERLIN, 23),
        ("2026-11-23T23", BERLIN, 24),
        ("2026-11-23T10", timezone(timedelta(hours=14)), 24),
        ("2026-11-23T09", timezone(timedelta(hours=14)), 23),
        ("2026-11-23T23", UTC, 23),
    ],
)
def test_an_hour_counts_to_the_day_that_holds_its_middle(hour: str, zone: ZoneInfo, day: int) -> None:
    found = local_day(datetime.fromisoformat(f"{hour}:00+00:00"), zone)
    assert found == datetime(2026, 11, day, tzinfo=zone)
    assert found.tzinfo is zone


@pytest.mark.parametrize(
    ("zone", "first", "lengths"),
    [
        (BERLIN, datetime(2026, 3, 27, 23, tzinfo=UTC), [24, 23, 24]),  # summer begins
        (BERLIN, datetime(2026, 10, 23, 22, tzinfo=UTC), [24, 25, 24]),  # summer ends
        (KATHMANDU, datetime(2026, 3, 27, 18, tzinfo=UTC), [24, 24, 24]),
        # Summer ends with half an hour, and the hour around midnight stays with the same day.
        (ZoneInfo("Australia/Lord_Howe"), datetime(2026, 4, 3, 13, tzinfo=UTC), [24, 24, 24]),
    ],
)
def test_days_have_the_hours_that_the_zone_gives_them(
    zone: ZoneInfo, first: datetime, lengths: list[int]
) -> None:
    hours = {first + n * HOUR: 1 for n in range(sum(lengths))}
    days: dict[datetime, int] = {}
    for at in hours:
        begin = at.replace(hour=0)
        days[begin] = days.get(begin, 0) + 1
    found = join_local_days(hours, days, zone, add, neg)
    assert [found[day] for day in sorted(found) if found[day]] == lengths


@pytest.mark.parametrize("zone", [BERLIN, KATHMANDU, timezone(-timedelta(hours=9, minutes=30))])
def test_days_add_up_to_the_total_although_hours_are_missing(zone: ZoneInfo) -> None:
    begin = datetime(2026, 3, 20, tzinfo=UTC)
    days = {begin + n * DAY: 24 for n in range(12)}
    hours = {begin + n * HOUR: 1 for n in range(5 * 24, 12 * 24) if n % 7}
    found = join_local_days(hours, days, zone, add, neg)
    assert sum(found.values()) == 12 * 24


@pytest.mark.parametrize(
    ("zone", "first", "count"), [(BERLIN, (2026, 3, 4), 31), (KATHMANDU, (2026, 3, 4), 32), (UTC, (2026, 3, 4), 31)]
)  # fmt: skip
def test_days_of_a_window_follow_the_wall_clock(
    zone: ZoneInfo, first: tuple[int, int, int], count: int
) -> None:
    window = window_of("30d", datetime(2026, 4, 3, 12, tzinfo=UTC))
    found = list(local_days(window, zone))
    assert found[0] == datetime(*first, tzinfo=zone)
    assert {day.hour for day in found} == {0}
    assert len(found) == count + (zone is BERLIN)


@pytest.mark.parametrize(
    "zone",
    [
        UTC,
        BERLIN,
        KATHMANDU,
        *map(ZoneInfo, ("America/Sao_Paulo", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia")),
    ],
)
@pytest.mark.parametrize("period", ["15m", "24h", "30d", "3660d"])
def test_calls_count_from_the_first_hour_of_the_day_in_which_its_middle_lies(
    zone: ZoneInfo, period: str
) -> None:
    window = window_of(period, datetime(2026, 4, 3, 12, 30, tzinfo=UTC))
    starts, edges = buckets_of(window, zone)
    assert len(starts) == len(edges)
    assert edges[0] == window.start
    assert list(edges) == sorted(set(edges)), "no two days begin with the same hour"
    assert {start.tzinfo for start in starts} == {zone}
    if window.grain != "day":
        assert starts == edges
    elif zone is not UTC:
        for start, edge in zip(starts, edges, strict=True):
            assert local_day(edge, zone) == start
            assert edge == window.start or local_day(edge - HOUR, zone) < start
