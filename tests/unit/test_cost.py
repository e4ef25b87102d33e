import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from monitoring.cost import BudgetManager, CostTracker
from monitoring.spending.pricing import MODEL_COSTS
from monitoring.spending.savings import CostGroup
from monitoring.spending.totals import analyse_cost
from monitoring.spending.usage import BILLED, BILLED_BY
from monitoring.statistics.trends import MONTH, window_of

NOW = datetime(2026, 11, 23, 14, 37, 12, tzinfo=UTC)
CLAUDE = Decimal("0.0525")  # 1,000 prompt and 500 completion tokens of claude-3


class Clock:
    def __init__(self, now: Any = NOW) -> None:
        self.now = now

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def clock() -> Any:
    return Clock()


@pytest.fixture
def tracker(clock: Any) -> Any:
    return CostTracker(clock=clock)


def log(tracker: CostTracker, model: str = "claude-3", user: str | None = None, **fields: Any) -> Any:
    return tracker.log_inference(model, 1000, 500, user, **fields)


def test_a_call_is_priced_as_it_is_logged(tracker: Any) -> None:
    metrics = tracker.log_inference("gpt-4", prompt_tokens=100, completion_tokens=50)
    assert metrics.cost_usd == Decimal("0.006")
    assert (metrics.prompt_tokens, metrics.completion_tokens, metrics.total_tokens) == (100, 50, 150)
    assert (metrics.model_name, metrics.timestamp) == ("gpt-4", NOW)


LOGGED: dict[str, tuple[str, int, int, dict[str, Any], str]] = {
    # 5904 x 2.5 + 4096 x .25 + 1000 x 20 a million
    "a tier": (
        "gpt-5", 10_000, 1_000, {"cache_read_tokens": 4_096, "service_tier": "priority"}, ".035784",
    ),
    # 12 x 5 + 2435 x 6.25 + 30000 x 10 + 66360 x .5 + 5120 x 25 a million
    "hourly writes": (
        "claude-opus-4-5", 98_807, 5_120,
        {"cache_read_tokens": 66_360, "cache_write_tokens": 32_435, "cache_write_1h_tokens": 30_000}, ".47645875",
    ),
    # 12 x 5 + 100 x 25 a million + 3 x .01
    "web searches": ("claude-opus-4-5", 12, 100, {"web_search_requests": 3}, ".03256"),
    "a stated cost": ("nobody-knows", 12, 100, {"reported_cost_usd": 0.25}, ".25"),
    "no file search": ("nobody-knows", 12, 100, {"reported_cost_usd": 0, "file_search_requests": 1}, "0"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "prompt", "completion", "fields", "cost"), LOGGED.values(), ids=LOGGED)
def test_everything_that_is_billed_can_be_logged(
    tracker: Any, model: str, prompt: int, completion: int, fields: dict[str, Any], cost: str
) -> None:
    assert tracker.log_inference(model, prompt, completion, None, **fields).cost_usd == Decimal(cost)
    assert tracker.get_cost_by_model() == {model: Decimal(cost)}


@pytest.mark.parametrize("name", BILLED[2:])
def test_a_call_is_logged_under_the_names_of_a_record(tracker: Any, name: str) -> None:
    one: dict[str, Any] = {name: 1}
    less: dict[str, Any] = {name: -1}
    unknown: dict[str, Any] = {f"{name}s": 1}
    assert log(tracker, **one).total_tokens == 1500
    with pytest.raises(ValueError, match="zero or more"):
        log(tracker, **less)
    with pytest.raises(TypeError, match=f"unknown counts: {name}s; there are cache_read_tokens"):
        log(tracker, **unknown)
    assert {*BILLED_BY, "reported_cost_usd"} <= set(inspect.signature(CostTracker.log_inference).parameters)


@pytest.mark.parametrize("told", [-1, float("nan"), 100_001])
def test_a_stated_cost_is_an_amount(tracker: Any, told: float) -> None:
    with pytest.raises(ValueError, match="reported_cost_usd"):
        log(tracker, reported_cost_usd=told)


def test_an_unknown_model_costs_nobody_knows_what(tracker: Any) -> None:
    assert log(tracker, "nobody-knows").cost_usd is None
    log(tracker)
    analysis = tracker.get_cost_analysis("24h")
    assert analysis.total_cost_usd == CLAUDE
    assert analysis.avg_cost_per_request == CLAUDE
    assert (analysis.total_requests, analysis.unpriced_requests) == (2, 1)
    assert [one.model_name for one in analysis.most_expensive_operations] == ["claude-3"]
    assert "nobody-knows" in analysis.optimization_suggestions[0]


def test_a_period_without_any_price_has_no_total(tracker: Any) -> None:
    log(tracker, "nobody-knows")
    analysis = tracker.get_cost_analysis("24h")
    assert analysis.total_cost_usd is None
    assert analysis.avg_cost_per_request is None
    assert analysis.projected_monthly_cost is None
    assert tracker.get_cost_by_model() == {"nobody-knows": None}


def test_an_empty_period_is_zero_and_says_so(tracker: Any) -> None:
    analysis = tracker.get_cost_analysis("1h")
    assert analysis.total_cost_usd == 0
    assert analysis.avg_cost_per_request is None
    assert analysis.most_expensive_operations == ()
    assert analysis.message == "No calls in the last 1h."


def test_a_window_holds_what_happened_in_it(tracker: Any, clock: Any) -> None:
    clock.now = NOW - timedelta(hours=30)
    log(tracker)
    clock.now = NOW - timedelta(minutes=30)
    log(tracker, user="ann")
    clock.now = NOW
    log(tracker, user="bob")
    assert tracker.get_cost_analysis("15m").total_requests == 1
    assert tracker.get_cost_analysis("1h").total_requests == 2
    assert tracker.get_cost_analysis("24h").total_cost_usd == 2 * CLAUDE
    assert tracker.get_cost_analysis("7d").total_requests == 3
    assert tracker.get_cost_by_user("7d") == {"ann": CLAUDE, "bob": CLAUDE}
    assert tracker.get_cost_by_model("7d") == {"claude-3": 3 * CLAUDE}


@pytest.mark.parametrize("period", ["", "yesterday", "0h", "24"])
def test_an_unknown_period_is_refused(tracker: Any, period: str) -> None:
    for ask in (tracker.get_cost_analysis, tracker.get_cost_by_model, tracker.get_cost_by_user):
        with pytest.raises(ValueError, match="time period"):
            ask(period)


def test_the_month_is_projected_from_the_time_that_was_watched(tracker: Any, clock: Any) -> None:
    log(tracker)
    assert tracker.get_cost_analysis("24h").projected_monthly_cost is None
    clock.now = NOW + timedelta(hours=2)
    projected = tracker.get_cost_analysis("24h").projected_monthly_cost
    assert projected == pytest.approx(CLAUDE * Decimal(MONTH / timedelta(hours=2)))
    assert projected == tracker.get_cost_analysis("7d").projected_monthly_cost


def test_operations_are_ranked_by_cost_and_named(tracker: Any) -> None:
    for _ in range(3):
        log(tracker, operation="summarise")
    log(tracker, operation="classify")
    log(tracker, "gpt-3.5-turbo")
    found = tracker.get_cost_analysis("1h").most_expensive_operations
    assert [one.operation for one in found] == ["summarise", "classify", "gpt-3.5-turbo"]
    assert found[0].total_cost_usd == 3 * CLAUDE
    assert found[0].avg_cost_per_request == CLAUDE
    assert found[0].total_tokens == 4500


def test_money_is_a_json_number(tracker: Any) -> None:
    log(tracker)
    shown = json.loads(tracker.get_cost_analysis("1h").model_dump_json())
    assert shown["total_cost_usd"] == 0.0525
    assert shown["most_expensive_operations"][0]["avg_cost_per_request"] == 0.0525
    assert shown["projected_monthly_cost"] is None


def test_own_prices_and_cached_tokens_count() -> None:
    tracker = CostTracker({"mine": {"prompt": 1e-6, "completion": 0, "cache_read": 1e-7}}, Clock())
    assert tracker.log_inference("mine", 1000, 9, cache_read_tokens=900).cost_usd == Decimal("0.00019")


def test_model_costs_is_the_table_users_may_change(tracker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODEL_COSTS, "gpt-4", {"prompt": 1.0, "completion": 1.0})
    assert tracker.log_inference("gpt-4", 1, 1).cost_usd == 2


def test_negative_tokens_are_refused_and_nothing_is_added(tracker: Any) -> None:
    with pytest.raises(ValueError, match="zero or more"):
        tracker.log_inference("gpt-4", -1, 0)
    assert tracker.get_cost_analysis("1h").total_requests == 0


def test_threads_lose_no_call(tracker: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: log(tracker, user=f"u{i % 3}"), range(400)))
    assert tracker.get_cost_analysis("1h").total_cost_usd == 400 * CLAUDE
    assert sum(tracker.get_cost_by_user("1h").values()) == 400 * CLAUDE


def test_old_minutes_are_forgotten(tracker: Any, clock: Any) -> None:
    log(tracker)
    clock.now = NOW + timedelta(days=401)
    log(tracker)
    assert tracker.get_cost_analysis("3000d").total_requests == 1


@pytest.mark.parametrize(
    ("calls", "level", "used"), [(0, "none", 0), (5, "none", 50), (6, "info", 60), (8, "warning", 80)]
)
def test_budget_levels_start_at_their_share(tracker: Any, calls: int, level: str, used: int) -> None:
    for _ in range(calls):
        log(tracker)
    alert = tracker.check_budget_alert(10 * CLAUDE)
    assert alert == {
        "alert_level": level,
        "budget_used_pct": used,
        "cost_today": calls * CLAUDE,
        "daily_budget": 10 * CLAUDE,
        "remaining_budget": (10 - calls) * CLAUDE,
    }


def test_a_budget_is_critical_when_used_up_and_never_remains_below_zero(tracker: Any) -> None:
    for _ in range(3):
        log(tracker)
    alert = tracker.check_budget_alert(0.105)
    assert alert["alert_level"] == "critical"
    assert alert["budget_used_pct"] == 150
    assert alert["remaining_budget"] == 0


def test_a_budget_is_of_today(tracker: Any, clock: Any) -> None:
    clock.now = NOW - timedelta(hours=15)
    log(tracker)
    clock.now = NOW
    assert tracker.check_budget_alert(1)["cost_today"] == 0


def test_the_manager_reports_users_who_near_their_budget(tracker: Any) -> None:
    manager = BudgetManager()
    for user, budget in (("ann", 0.06), ("bob", 0.01), ("eve", 5.0)):
        manager.set_user_budget(user, budget)
        log(tracker, user=user)
    log(tracker, user="no budget")
    alerts = manager.check_all_budgets(tracker)
    assert [(alert["user_id"], alert["alert_level"]) for alert in alerts] == [
        ("bob", "critical"),
        ("ann", "warning"),
    ]
    manager.set_user_budget("bob", 100)
    assert [alert["user_id"] for alert in manager.check_all_budgets(tracker)] == ["ann"]


@pytest.mark.parametrize("budget", [0, -1, float("nan"), float("inf")])
def test_a_budget_is_a_positive_number(tracker: Any, budget: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        tracker.check_budget_alert(budget)
    with pytest.raises(ValueError, match="positive"):
        BudgetManager().set_user_budget("ann", budget)


def test_groups_from_elsewhere_are_analysed_the_same_way() -> None:
    group = CostGroup(
        model_name="gpt-4",
        requests=10,
        priced=8,
        cost_usd=Decimal(4),
        prompt_tokens=100,
        completion_tokens=50,
    )
    analysis = analyse_cost([group], window_of("30d", NOW), NOW - timedelta(days=3))
    assert analysis.avg_cost_per_request == Decimal("0.5")
    assert analysis.projected_monthly_cost == pytest.approx(Decimal(4) / 3 * Decimal("30.4375"))
