import numpy as np
import pytest

from monitoring.models import Record
from monitoring.text.language import UNDETERMINED, covered, languages
from monitoring.text.lexicon import build_table, hash_words
from monitoring.text.prepared import Prepared


def batch(*texts: str) -> Prepared:
    return Prepared([Record(prompt="", response=text) for text in texts])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The capital of France is Paris, and it has been for a long time.", "en"),
        ("Explain photosynthesis", "en"),
        ("Die Hauptstadt von Frankreich ist Paris, und das schon seit langer Zeit.", "de"),
        ("La capitale de la France est Paris depuis très longtemps.", "fr"),
        ("法国的首都是巴黎，这座城市有着悠久的历史。", "zh"),  # noqa: RUF001 Chinese punctuation
        ("Столица Франции — Париж, и так было очень давно.", "ru"),
        ("فرنسا عاصمتها باريس منذ زمن طويل", "ar"),
        ("", UNDETERMINED),
        ("12345 !!! ... 67", UNDETERMINED),
        ("\0\0\0", UNDETERMINED),
    ],
)
def test_languages_names_the_language(text: str, code: str) -> None:
    assert languages(batch(text), "response")[0].code == code


def test_confidence_is_a_probability_for_every_kind_of_text() -> None:
    texts = (
        "The end of the story is that they have to go.",
        "def f(x): return x",
        "ü",
        "\ud800 lone",
        "a" * 10_000,
    )
    found = languages(batch(*texts), "response")
    assert len(found) == len(texts)
    assert all(0 <= language.confidence <= 1 for language in found)


@pytest.mark.parametrize(
    ("text", "is_covered"),
    [
        ("The cat sat on the mat and looked at the dog that was there.", True),
        ("Die Katze saß auf der Matte und sah den Hund an.", False),
        ("今日はとても暑いので海へ行きました。", False),
        ("Ja.", True),
        ("", True),
        ("1 2 3 4 5 6 7 8 9", True),
        ("x = [i**2 for i in range(10)]", True),
    ],
)
def test_only_confident_foreign_text_is_uncovered(text: str, *, is_covered: bool) -> None:
    assert covered(batch(text), "response")[0] == is_covered


def test_covered_accepts_other_languages() -> None:
    prepared = batch("Die Katze saß auf der Matte und sah den Hund an.")
    assert covered(prepared, "response", ("en", "de"))[0]


def test_batch_order_is_kept_and_result_is_cached() -> None:
    prepared = batch(
        "Das ist ein Satz auf Deutsch, wirklich.", "This is a sentence that is written in English."
    )
    assert [language.code for language in languages(prepared, "response")] == ["de", "en"]
    assert languages(prepared, "response") is languages(prepared, "response")


def test_hash_words_equals_the_ids_of_the_batch() -> None:
    text = "Don\u2019t PANIC, naïve Élan 42"
    assert np.array_equal(hash_words(text), batch(text).words("response").ids)


@pytest.mark.parametrize("entry", ["two words", "", "!"])
def test_table_refuses_what_is_not_one_word(entry: str) -> None:
    with pytest.raises(ValueError, match="one word"):
        build_table({entry: 1})


def test_table_refuses_one_word_in_two_classes() -> None:
    with pytest.raises(ValueError, match="collides"):
        build_table({"don't": 1, "Don't": 2})
