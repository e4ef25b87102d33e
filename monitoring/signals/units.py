"""Units of measurement: the words for each unit, its dimension and its size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.models import TextField
from monitoring.signals.kernels_values import HALF, QUARTER, UNITS
from monitoring.text.kernels_lexicon import classify_words
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.prepared import Prepared

__all__ = ["DIMENSIONS", "SIZES", "units_of"]

_SLOTS = 1 << 13
# The units of each dimension and their sizes. Months and days are two dimensions, because a month
# has no fixed number of days.
_UNITS: tuple[dict[str, float], ...] = (
    {"year years": 12, "month months": 1, "decade decades": 120, "century centuries": 1200},
    {
        "week weeks": 10080,
        "day days": 1440,
        "hour hours h hr hrs": 60,
        "minute minutes min mins": 1,
        "second seconds sec secs": 1 / 60,
    },
    {
        "kilometre kilometres kilometer kilometers km": 1000,
        "metre metres meter meters m": 1,
        "centimetre centimetres centimeter centimeters cm": 0.01,
        "millimetre millimetres millimeter millimeters mm": 0.001,
    },
    {
        "tonne tonnes": 1000,
        "kilogram kilograms kilo kilos kg": 1,
        "gram grams g": 0.001,
        "milligram milligrams mg": 0.000001,
    },
    {
        "litre litres liter liters l": 1,
        "centilitre centilitres cl": 0.01,
        "millilitre millilitres milliliter milliliters ml": 0.001,
    },
    {"foot feet ft": 12, "inch inches": 1, "yard yards": 36, "mile miles": 63360},
    {"pound pounds lb lbs": 16, "ounce ounces oz": 1},
    {"gigabyte gigabytes gb": 1000, "megabyte megabytes mb": 1, "terabyte terabytes tb": 1000000},
)


def _units() -> tuple[WordTable, NDArray[np.int64], NDArray[np.float64]]:
    """Return the table of units, and the dimension and the size of each class of it."""
    classes = {"half": HALF, "quarter": QUARTER}
    dimensions, factors = [0] * UNITS, [1.0] * UNITS
    for dimension, units in enumerate(_UNITS, start=1):
        for words, factor in units.items():
            classes |= dict.fromkeys(words.split(), len(factors))
            dimensions.append(dimension)
            factors.append(factor)
    return build_table(classes, _SLOTS), np.array(dimensions), np.array(factors)


_WORDS, DIMENSIONS, SIZES = _units()


def units_of(batch: Prepared, field: TextField) -> NDArray[np.uint8]:
    """Return the class of each word in the table of units.

    `DIMENSIONS` and `SIZES` hold the dimension and the size of each class.
    """
    return classify_words(batch.words(field).ids, _WORDS.keys, _WORDS.classes)
