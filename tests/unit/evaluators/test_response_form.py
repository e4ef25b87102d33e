"""Forms of responses beside texts that only look like them."""

from __future__ import annotations

import pytest

from monitoring.evaluators.response_form import build
from monitoring.models import Record
from monitoring.text.prepared import Prepared

ANY_LANGUAGE = True

BLOCK = "```python\nfor number in range(10):\n    print(number, number ** 2)\n```"
TABLE = "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |"


@pytest.mark.parametrize(
    ("response", "form"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ('{"a": [1, 2]}', "json"),
        ('```json\n{"a": 1}\n```', "json"),
        ("```\n[1, 2]\n```", "json"),
        ("[1, 2", "prose"),
        ("[Note] see the report [2]", "prose"),
        ('The answer is {"a": 1}', "prose"),
        ("{" * 5_000 + "}" * 5_000, "prose"),
        (f"This prints squares.\n{BLOCK}", "code"),
        (f"{BLOCK}\n" + "A long explanation of what the program does follows here. " * 10, "prose"),
        ("for number in range(10):\n    print(number)", "prose"),
        (f"Here it is:\n{TABLE}", "table"),
        ("a | b is a pipe, and | is not a table", "prose"),
        ("Buy:\n- two eggs\n- some milk\n- a loaf of bread", "list"),
        ("1. Open the box.\n2. Take out the cat.", "list"),
        ("- only one thing to say", "prose"),
        ("In 1999. It was\n- cold\n- wet\n" + "A long story of that winter follows now. " * 10, "prose"),
        ("Paris is the capital of France.", "prose"),
    ],
)
def test_a_response_is_named_after_the_form_of_a_good_part_of_it(response: str, form: str) -> None:
    (score,) = build().evaluate(Prepared([Record(prompt="Tell me.", response=response)]))
    assert (score.value, score.label, score.evidence) == (None, form, ())
