"""Numbers of a response are compared with its source as values, in whatever notation."""

from __future__ import annotations

import pytest

from monitoring.models import Record
from monitoring.signals.kernels_support import NOVEL_NUMBERS, NUMBERS
from monitoring.signals.support import compare
from monitoring.text.prepared import Prepared


def count(response: str, context: str, prompt: str = "") -> tuple[int, int]:
    batch = Prepared(
        [
            Record(prompt="", response="7", context=("8",)),
            Record(prompt=prompt, response=response, context=(context,)),
        ]
    )
    counts, offsets = compare(batch, "context")
    own = counts[offsets[1] :].sum(axis=0)
    return int(own[NUMBERS]), int(own[NOVEL_NUMBERS])


@pytest.mark.parametrize(
    ("response", "context"),
    [
        ("The contract starts on 2024-03-05.", "The contract starts on March 5, 2024."),
        ("It starts on 03/05/2024.", "It starts on March 5, 2024."),
        ("It starts on the 5th of March.", "It starts on March 5, 2024."),
        ("It was held on Jan 15, 1967.", "It was played on January 15, 1967."),
        ("The town has 12,500 inhabitants.", "The town has 12500 inhabitants."),
        ("The town has 12500 inhabitants.", "The town has 12,500 inhabitants."),
        ("It has 12.5 thousand inhabitants.", "It has 12,500 inhabitants."),
        ("Revenue was 1.5 billion dollars.", "Revenue was $1,500,000,000 in 2023."),
        ("Revenue was $1.5B.", "Revenue was 1.5 billion dollars."),
        ("It closes at 5 pm.", "The museum closes at 17:00 every day."),
        ("It closes at 5:30 pm.", "The museum closes at 17:30 every day."),
        ("It closes at 17:30.", "The museum closes at 5:30pm."),
        ("It closes at 5pm.", "The museum closes at 17:00 every day."),
        ("It closes at 17:00.", "The museum closes at 5 pm."),
        ("It has two schools.", "It has 2 schools."),
        ("It costs 12,500 euros.", '{"price_eur": 12500.0}'),
        ("It costs 12.5 thousand.", "id,price\n1,12500\n2,99"),
        ("It weighs 3.40 kg.", "It weighs 3.4 kg."),
        ("About 4.6 million people.", "4,571,300 people live there."),
        ("Twenty people came.", "20 people came."),
        ("More than 400,000 pounds.", "It was 414,250 pounds."),
        ("It has forty-eight rooms.", "It has 48 rooms."),
        ("It has 21 rooms.", "It has twenty-one rooms."),
        ("Seventy-two thousand came.", "72,000 came."),
        ("It has ninety-nine steps.", '{"steps": 99}'),
        ("She is thirty-five.", "She is 35 years old."),
        ("It costs 4,60 €.", "It costs €4.60."),
        ("It weighs 2,5 kg.", "It weighs 2.5 kg."),
        ("It costs 62,90 euros a month.", "It costs 62.90 euros a month."),
        ("It is 1,85 m tall.", "It is 1.85 m tall."),
        ("The rate is 3,75, as before.", "The rate is 3.75 today."),
        ("It closes at 6 p.m. today.", "It closes at 18:00."),
        ("It closes at 6:30 p.m.", "It closes at 18:30."),
        ("It starts at 18:00.", "It starts at 6 P.M."),
        ("It runs for 36 months.", "It runs for three years."),
        ("It runs for two years.", "It runs for 24 months."),
        ("It takes 90 minutes.", "It takes an hour and a half."),
        ("It takes 2.5 hours.", "It takes 150 minutes."),
        ("A break of 15 minutes.", "A break of a quarter of an hour."),
        ("It is 12,000 metres long.", "It is 12 km long."),
        ("Add 250 ml of milk.", "Add 0.25 litres of milk."),
        ("It weighs 1.2 kilograms.", "It weighs 1,200 g."),
        ("Within twelve months.", "Within a year."),
    ],
)
def test_another_notation_is_the_same_value(response: str, context: str) -> None:
    stated, novel = count(response, context)
    assert stated > 0
    assert novel == 0


@pytest.mark.parametrize(
    ("response", "context"),
    [
        ("The town has 21,500 inhabitants.", "The town has 12,500 inhabitants."),
        ("The town has 500 inhabitants.", "The town has 12,500 inhabitants."),
        ("The town has 12 inhabitants.", "The town has 12,500 inhabitants."),
        ("Revenue was $1.6 billion.", "Revenue was $1.5 billion."),
        ("Revenue was $1.5 million.", "Revenue was $1.5 billion."),
        ("It was built in 1886.", "It was built in 1866."),
        ("It costs $3.90.", "It costs $3.40."),
        ("It starts on April 5, 2024.", "It starts on 2024-03-05."),
        ("It closes at 6 pm.", "It closes at 17:00."),
        ("It closes at 5:30 am.", "It closes at 17:30."),
        ("It has three schools.", "It has 2 schools."),
        ("It costs 12,900 euros.", '{"price_eur": 12500.0}'),
        ("52 people came.", "25 people came."),
        ("More than 600,000 pounds.", "It was 414,250 pounds."),
        ("Bees dance [1, 2], 7 of them.", "Bees dance."),
        ("It has forty-eight rooms.", "It has 40 rooms and 8 halls."),
        ("It has twenty-one rooms.", "It has 20 rooms."),
        ("It costs 4,60 €.", "It costs €6.40."),
        ("It closes at 7 p.m.", "It closes at 18:00."),
        ("It runs for 30 months.", "It runs for three years."),
        ("It runs for 36 days.", "It runs for three years."),
        ("It takes 100 minutes.", "It takes an hour and a half."),
        ("A break of 30 minutes.", "A break of a quarter of an hour."),
        ("It is 1,200 metres long.", "It is 12 km long."),
        ("It weighs 1,200 kg.", "It weighs 1.2 kg."),
        ("Within 60 months.", "Within a year."),
    ],
)
def test_another_value_is_new(response: str, context: str) -> None:
    assert count(response, context)[1] == 1


@pytest.mark.parametrize(
    ("response", "context", "prompt"),
    [
        ("1. Bees make honey.\n2. Bees dance.", "Bees make honey. Bees dance.", ""),
        ("Bees dance. [4]", "Bees dance.", ""),
        ("Bees dance [1, 2, 3].", "Bees dance.", ""),
        ("Bees dance [1,2].", "Bees dance.", ""),
        ("One of them dances.", "They dance.", ""),
        ("It may rain in May.", "It may rain.", ""),
        ("Yes, in 1999.", "Yes.", "Was it in 1999?"),
    ],
)
def test_marks_of_lists_and_citations_and_what_was_asked_are_no_new_values(
    response: str, context: str, prompt: str
) -> None:
    assert count(response, context, prompt)[1] == 0


def test_a_text_of_numbers_alone_is_read_in_linear_time() -> None:
    stated, novel = count(
        " ".join(map(str, range(20_000, 40_000))), " ".join(map(str, range(10_000, 30_000)))
    )
    assert (stated, novel) == (20_000, 10_000)


def test_digits_and_points_without_end_are_one_number_or_many() -> None:
    assert count("1." * 5_000, "1")[0] > 0
    assert count("9" * 5_000, "1")[0] == 1
