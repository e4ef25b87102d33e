from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from monitoring.alerting.machine import acknowledge, close, observe, snooze
from monitoring.alerting.schedules import Mute
from tests.unit.alerting.making import FAILED, START, WAITING, Told, minutes, observation, play, rule

TEN = {"pending": minutes(10)}
KEEP = {"keep_firing": minutes(10)}


@pytest.mark.parametrize(
    ("changes", "story", "messages", "transitions"),
    [
        # thresholds: beyond is beyond, and equal is not
        ({}, [(0, 0.1)], [], []),
        ({}, [(0, 0.11)], ["0 firing warning"], ["0 ok>warning"]),
        ({}, [(0, 0.5)], ["0 firing warning"], ["0 ok>warning"]),
        ({}, [(0, 0.51)], ["0 firing critical"], ["0 ok>critical"]),
        ({"warning": None}, [(0, 0.5)], [], []),
        ({"critical": None}, [(0, 0.9)], ["0 firing warning"], ["0 ok>warning"]),
        ({"direction": "below", "warning": 0.5, "critical": 0.1}, [(0, 0.5)], [], []),
        (
            {"direction": "below", "warning": 0.5, "critical": 0.1},
            [(0, 0.05)],
            ["0 firing critical"],
            ["0 ok>critical"],
        ),
        # an alert that worsens is told again, and one that gets milder is not
        (
            {},
            [(0, 0.2), (5, 0.6), (10, 0.2), (15, 0.6), (20, 0.0)],
            ["0 firing warning", "5 firing critical", "20 recovered critical"],
            [
                "0 ok>warning",
                "5 warning>critical",
                "10 critical>warning",
                "15 warning>critical",
                "20 critical>ok",
            ],
        ),
        # pending time
        (TEN, [(0, 0.2), (9, 0.2)], [], ["0 ok>pending"]),
        (TEN, [(0, 0.2), (10, 0.2)], ["10 firing warning"], ["0 ok>pending", "10 pending>warning"]),
        (TEN, [(0, 0.2), (5, 0.1), (10, 0.2)], [], ["0 ok>pending", "5 pending>ok", "10 ok>pending"]),
        (
            TEN,
            [(0, 0.2), (5, 0.6), (10, 0.6), (15, 0.6)],
            ["10 firing warning", "15 firing critical"],
            ["0 ok>pending", "10 pending>warning", "15 warning>critical"],
        ),
        # a threshold for recovery of its own
        ({"recovery": 0.05}, [(0, 0.2), (5, 0.08)], ["0 firing warning"], ["0 ok>warning"]),
        (
            {"recovery": 0.05},
            [(0, 0.2), (5, 0.05)],
            ["0 firing warning", "5 recovered warning"],
            ["0 ok>warning", "5 warning>ok"],
        ),
        ({"recovery": 0.05}, [(0, 0.08)], [], []),
        (
            {"recovery": 0.05},
            [(0, 0.2), (5, 0.08), (10, 0.2), (15, 0.08)],
            ["0 firing warning"],
            ["0 ok>warning"],
        ),
        # keep-firing time
        (KEEP, [(0, 0.2), (5, 0.0), (14, 0.0)], ["0 firing warning"], ["0 ok>warning"]),
        (
            KEEP,
            [(0, 0.2), (5, 0.0), (15, 0.0)],
            ["0 firing warning", "15 recovered warning"],
            ["0 ok>warning", "15 warning>ok"],
        ),
        (KEEP, [(0, 0.2), (5, 0.0), (10, 0.2), (15, 0.0), (20, 0.0)], ["0 firing warning"], ["0 ok>warning"]),
        (
            KEEP,
            [(0, 0.6), (5, 0.2), (15, 0.2)],
            ["0 firing critical"],
            ["0 ok>critical", "15 critical>warning"],
        ),
        # a value that flaps around the threshold, bare and damped
        (
            {},
            [(0, 0.2), (1, 0.0), (2, 0.2), (3, 0.0)],
            ["0 firing warning", "1 recovered warning", "2 firing warning", "3 recovered warning"],
            ["0 ok>warning", "1 warning>ok", "2 ok>warning", "3 warning>ok"],
        ),
        (TEN | KEEP, [(minute, 0.2 * (minute % 2)) for minute in range(30)], [], None),
        # no data
        ({}, [(0, None)], [], ["0 ok>no_data"]),
        ({}, [(0, 0.2), (5, None)], ["0 firing warning"], ["0 ok>warning"]),
        (
            {"no_data": "ok"},
            [(0, 0.2), (5, None)],
            ["0 firing warning", "5 recovered warning"],
            ["0 ok>warning", "5 warning>no_data"],
        ),
        ({"no_data": "alert"}, [(0, None)], ["0 firing critical"], ["0 ok>critical"]),
        ({"no_data": "alert", "critical": None}, [(0, None)], ["0 firing warning"], ["0 ok>warning"]),
        (
            TEN | {"no_data": "alert"},
            [(0, None), (5, 0.0), (10, None), (20, None)],
            ["20 firing critical"],
            ["0 ok>pending", "5 pending>ok", "10 ok>pending", "20 pending>critical"],
        ),
        # a failed query is something else than no data
        ({"no_data": "alert"}, [(0, FAILED)], [], ["0 ok>error"]),
        ({"on_error": "alert"}, [(0, FAILED)], ["0 firing critical"], ["0 ok>critical"]),
        ({"on_error": "alert"}, [(0, None)], [], ["0 ok>no_data"]),
        (
            {"on_error": "ok"},
            [(0, 0.2), (5, FAILED)],
            ["0 firing warning", "5 recovered warning"],
            ["0 ok>warning", "5 warning>error"],
        ),
        # a metric that counts has a value without records
        (
            {
                "metric": "requests",
                "aggregation": "sum",
                "direction": "below",
                "warning": 1,
                "critical": None,
                "no_data": "ok",
            },
            [(0, None)],
            ["0 firing warning"],
            ["0 ok>warning"],
        ),
        # too few records decide nothing
        ({"minimum_n": 101}, [(0, 0.9)], [], []),
        ({"minimum_n": 100}, [(0, 0.9)], ["0 firing critical"], ["0 ok>critical"]),
        ({"minimum_n": 101, "no_data": "alert"}, [(0, 0.9)], [], []),
        # a rule that waits for the queue changes nothing
        (TEN, [(0, 0.2), (10, WAITING), (30, WAITING)], [], ["0 ok>pending"]),
    ],
)
def test_states_follow_from_observations(
    changes: dict[str, Any],
    story: list[tuple[float, Told]],
    messages: list[str],
    transitions: list[str] | None,
) -> None:
    _, told, changed = play(rule(**changes), story)
    assert told == messages
    assert transitions is None or changed == transitions


@pytest.mark.parametrize(
    ("renotify", "last", "messages"),
    [
        (None, 600, []),
        (60, 59, []),
        (60, 60, ["60 renotify warning"]),
        (60, 125, ["60 renotify warning", "120 renotify warning"]),
    ],
)
def test_an_alert_is_told_again_after_its_time(
    renotify: float | None, last: int, messages: list[str]
) -> None:
    watched = rule(renotify=None if renotify is None else minutes(renotify))
    _, told, _ = play(watched, [(minute, 0.2) for minute in range(last + 1)])
    assert told == ["0 firing warning", *messages]


def test_a_rule_that_waits_still_tells_again() -> None:
    _, told, _ = play(rule(renotify=minutes(60)), [(0, 0.2), (60, WAITING)])
    assert told == ["0 firing warning", "60 renotify warning"]


@pytest.mark.parametrize(
    ("later", "messages"),
    [
        ([(90, 0.2)], []),
        ([(90, 0.6)], ["90 firing critical"]),
        ([(90, 0.6), (150, 0.6)], ["90 firing critical", "150 renotify critical"]),
        ([(90, 0.0)], ["90 recovered warning"]),
        ([(90, 0.0), (95, 0.2)], ["90 recovered warning", "95 firing warning"]),
    ],
)
def test_an_acknowledged_alert_is_told_again_only_when_it_changes(
    later: list[tuple[float, Told]], messages: list[str]
) -> None:
    watched = rule(renotify=minutes(60))
    state, _, _ = play(watched, [(0, 0.2)])
    _, told, _ = play(watched, later, acknowledge(state, "anna", START))
    assert told == messages


def test_nothing_can_be_acknowledged_while_nothing_fires() -> None:
    state, _, _ = play(rule(), [(0, 0.0)])
    with pytest.raises(ValueError, match="does not fire"):
        acknowledge(state, "anna", START)


@pytest.mark.parametrize(
    ("story", "messages"),
    [
        ([(10, 0.6), (59, 0.6)], []),
        ([(10, 0.6), (60, 0.6)], ["60 firing critical"]),
        ([(10, 0.6), (20, 0.0), (60, 0.0)], []),
    ],
)
def test_a_snoozed_rule_tells_later_what_still_holds(
    story: list[tuple[float, Told]], messages: list[str]
) -> None:
    state, _, _ = play(rule(), [(0, 0.0)])
    _, told, changed = play(rule(), story, snooze(state, START + minutes(60)))
    assert told == messages
    assert changed[0] == "10 ok>critical"


def test_what_was_told_before_a_snooze_is_told_to_have_ended() -> None:
    state, _, _ = play(rule(), [(0, 0.2)])
    _, told, _ = play(rule(), [(10, 0.0)], snooze(state, START + minutes(60)))
    assert told == ["10 recovered warning"]


def test_a_snooze_can_be_taken_back() -> None:
    state, _, _ = play(rule(), [(10, 0.2)], snooze(play(rule(), [])[0], START + minutes(60)))
    _, told, _ = play(rule(), [(11, 0.2)], snooze(state, None))
    assert told == ["11 firing warning"]


@pytest.mark.parametrize(
    ("story", "messages", "transitions"),
    [
        ([(0, {"a": 0.0, "b": 0.2})], ["0 firing warning"], ["0 b:ok>warning"]),
        (
            [(0, {"a": 0.2}), (5, {"a": 0.2, "b": 0.2}), (10, {"a": 0.0, "b": 0.2})],
            ["0 firing warning", "5 firing warning"],
            ["0 a:ok>warning", "5 b:ok>warning", "10 a:warning>ok"],
        ),
        (
            [
                (0, {"a": 0.2, "b": 0.2}),
                (5, {"a": 0.0, "b": 0.2}),
                (6, {"a": 0.2, "b": 0.2}),
                (9, {"a": 0, "b": 0}),
            ],
            ["0 firing warning", "9 recovered warning"],
            None,
        ),
        ([(0, {"a": 0.2}), (5, {})], ["0 firing warning"], ["0 a:ok>warning"]),
        ([(0, {"a": 0.0}), (5, {})], [], []),
        ([(0, FAILED)], [], []),
    ],
)
def test_groups_make_one_alert(
    story: list[tuple[float, Told]], messages: list[str], transitions: list[str] | None
) -> None:
    _, told, changed = play(rule(group_by="model"), story)
    assert told == messages
    assert transitions is None or changed == transitions


def test_a_failed_query_shows_even_without_groups() -> None:
    state, _, _ = play(rule(group_by="model"), [(0, FAILED)])
    assert state.status == "error"
    state, _, _ = play(rule(group_by="model"), [(5, {})], state)
    assert state.status == "ok"


def test_a_grouped_message_has_at_most_a_hundred_groups() -> None:

    many: dict[str, float | None] = {f"m{number:03}": 0.2 for number in range(250)} | {"z": 0.9}
    watched = rule(group_by="model")
    state, _, (notice,) = observe(watched, play(watched, [])[0], observation(many, START), START)
    assert len(notice.groups) == 100
    assert notice.groups[0][0] == "z"
    assert len(state.groups) == 251


def test_closing_ends_what_was_told_and_nothing_else() -> None:
    told, _, _ = play(rule(), [(0, 0.6)])
    state, transitions, notices = close(rule(), told, START + minutes(1))
    assert [notice.kind for notice in notices] == ["recovered"]
    assert [(change.before, change.after) for change in transitions] == [("critical", "ok")]
    assert state.status == "ok"

    silent, _, _ = play(rule(**TEN), [(0, 0.6)])
    assert not close(rule(**TEN), silent, START).notices


def test_one_alert_keeps_its_beginning() -> None:
    state, _, _ = play(rule(), [(0, 0.2), (5, 0.6), (10, 0.2)])
    assert state.alert_since == START
    again, _, _ = play(rule(), [(20, 0.0), (30, 0.2)], state)
    assert again.alert_since == START + minutes(30)


def test_the_interval_is_a_twelfth_of_the_window() -> None:
    def every(**window: float) -> timedelta:
        return replace(rule(), window=timedelta(**window)).interval

    assert [every(minutes=5), every(hours=1), every(hours=6), every(days=7)] == [
        minutes(1),
        minutes(5),
        minutes(30),
        minutes(60),
    ]


def test_a_mute_delays_the_message_and_not_the_alert() -> None:
    watched = rule(mutes=(Mute(start=time(0), end=time(1)),))
    _, told, changed = play(watched, [(30, 0.2), (59, 0.2), (60, 0.2)])
    assert (told, changed) == (["60 firing warning"], ["30 ok>warning"])
