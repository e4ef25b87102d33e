"""Models that answer the same template as well, for less money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from monitoring.spending.sampled_calls import SampledCall, Saving, dollars, spent
from monitoring.statistics.intervals import Interval, Moments, difference_of_means, difference_of_shares

__all__ = ["MARGIN", "find_cheaper_models"]

MARGIN = 0.05
"""A quality (0..1) that is certainly no lower than by this much counts as equal."""

_FEWEST = 30
_CHEAPER_BY = Decimal("0.2")


def find_cheaper_models(calls: Sequence[SampledCall]) -> Iterator[Saving]:
    """Yield templates that a cheaper model answers equally well, with the money it would save.

    Both models have at least thirty priced and judged calls of the template, and the cheaper one
    costs at least a fifth less per call. The 95 % interval of the difference in quality must lie
    above -MARGIN, and its share of unsafe answers must not be higher, beyond chance or by more than
    two points.
    """
    templates: dict[str, dict[str, list[SampledCall]]] = defaultdict(lambda: defaultdict(list))
    for call in calls:
        if call.template_id and call.cost_usd is not None and call.quality is not None and not call.failed:
            templates[call.template_id][call.model_name].append(call)
    for template, models in templates.items():
        judged = {name: found for name, found in models.items() if len(found) >= _FEWEST}
        for dear in judged.values():
            best = max(
                (saving for cheap in judged.values() if (saving := _compare(template, dear, cheap))),
                key=lambda saving: saving.amount_usd,
                default=None,
            )
            if best is not None:
                yield best


def _compare(template: str, dear: Sequence[SampledCall], cheap: Sequence[SampledCall]) -> Saving | None:
    cost, per_call = spent(dear), spent(cheap) / len(cheap)
    amount = cost - per_call * len(dear)
    if amount < _CHEAPER_BY * cost or amount <= 0:
        return None
    quality = difference_of_means(_moments(cheap), _moments(dear))
    unsafe = _difference_in_safety(cheap, dear)
    if quality is None or quality.low <= -MARGIN or not _is_as_safe(unsafe):
        return None
    name, cheaper = dear[0].model_name, cheap[0].model_name
    text = (
        f"{cheaper} answers this template at {dollars(per_call)} a call instead of "
        f"{dollars(cost / len(dear))}; its quality differs by {quality.estimate:+.3f} (95 % interval "
        f"{quality.low:+.3f} to {quality.high:+.3f}, {len(cheap)} and {len(dear)} calls); it would "
        f"have saved {dollars(amount)}."
    )
    evidence: dict[str, float | int | str | None] = {
        "cheaper_model": cheaper,
        "cheaper_calls": len(cheap),
        "quality_difference": quality.estimate,
        "quality_difference_low": quality.low,
        "quality_difference_high": quality.high,
        "equal_within": MARGIN,
    }
    return Saving.of("try_cheaper_model", (name, template), dear, amount, text, evidence)


def _moments(calls: Sequence[SampledCall]) -> Moments:
    values = [call.quality for call in calls if call.quality is not None]
    mean = sum(values) / len(values)
    return Moments(len(values), mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _difference_in_safety(cheap: Sequence[SampledCall], dear: Sequence[SampledCall]) -> Interval | None:
    one = [call.is_safe for call in cheap if call.is_safe is not None]
    other = [call.is_safe for call in dear if call.is_safe is not None]
    return difference_of_shares(one.count(False), len(one), other.count(False), len(other))


def _is_as_safe(unsafe: Interval | None) -> bool:
    return unsafe is None or (unsafe.low <= 0 and unsafe.estimate <= 0.02)  # noqa: PLR2004 two points
