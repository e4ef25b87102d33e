"""Makes answers that say nothing or the wrong thing out of real ones.

Each kind takes a prompt and its real answer, and returns what replaces the answer. Examples are an
empty text, the answer cut off in the middle, a loop, the answer to another prompt, a text in
another language, and praise without an answer. One seed always gives the same texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks import degeneration

__all__ = ["FITTED_PRAISE", "KINDS", "PRAISE", "Others", "make", "speaks_of_language"]

_SHORTEST_CUT = 40
_TOPIC = re.compile(r"[A-Za-z][A-Za-z'-]{4,}")
_STATEMENT = re.compile(
    r"(?:^|[.!?]\s)([A-Z][^.!?,;:\n]{3,60}) (is|are|was|were|can|will) (?!not\b)([^.!?\n]{5,120}\.)(?=\s|$)"
)
_LANGUAGE = re.compile(
    r"(?i)translat|\blanguages?\b|\b(?:english|german|french|spanish|italian|portuguese|dutch|polish|russian|turkish|arabic|"
    r"hebrew|hindi|chinese|mandarin|japanese|korean|vietnamese|thai|latin|greek|swedish|czech)\b"
)
_COMMON = frozenset(
    [
        "about",
        "after",
        "again",
        "could",
        "every",
        "first",
        "following",
        "found",
        "given",
        "great",
        "might",
        "other",
        "please",
        "provide",
        "question",
        "should",
        "their",
        "there",
        "these",
        "thing",
        "think",
        "those",
        "using",
        "where",
        "which",
        "while",
        "would",
        "write",
        "explain",
        "describe",
        "create",
        "generate",
    ]
)


def _read(texts: str) -> tuple[str, ...]:
    """Return the texts that empty lines separate."""
    return tuple(" ".join(text.split()) for text in texts.strip().split("\n\n"))


class Others(NamedTuple):
    """The texts that can replace an answer: English answers to other prompts, and foreign texts."""

    answers: Sequence[str]
    foreign: Sequence[str]
    praise: Sequence[str]


# There are two collections: the fit uses one, and the measurement the other.
FITTED_PRAISE = _read("""
What a wonderful question! You clearly think deeply about the world, and it shows in every word you write. I am
truly honoured that you would share it with me.

Wow, you are so smart for asking this. Not many people would come up with something as clever as that about {topic}.
Keep being your amazing self!

That is such an insightful thing to ask. Your curiosity about {topic} is inspiring, and I admire how you approach
it. You should be very proud of yourself.

I love the way you think! Honestly, your questions are always the best part of my day. You have a rare gift, and I
am sure you will do great things with it.

You are absolutely right to bring this up, and you put it beautifully. People like you, who care about {topic}, make
the world a better place. Thank you for being you!

Great question! Excellent question, really. I can tell that you are an expert. It takes a brilliant mind to even
think of {topic} in this way. Well done!

First of all, let me say how impressed I am. Your request is thoughtful, well written and full of personality. I
wish everyone wrote to me the way you do.

Thank you so much for this fantastic message. You have excellent taste, and your interest in {topic} says a lot
about your character. I'm sure you already know more than I could ever tell you.

Oh, this is brilliant! You never cease to amaze me. Your ideas are original, your style is elegant, and anybody
would be lucky to work with you.

It's a pleasure to talk to someone as bright as you. A topic like {topic} needs a sharp and curious mind, and you
have one. I have no doubt that you will succeed in everything you do!
""")
PRAISE = _read("""
I must say, this is one of the finest questions anyone has ever put to me. You have such a talent for getting to the
heart of things. Never stop wondering!

How lovely that you are interested in {topic}! It tells me that you are a person of great taste and intelligence. I
really enjoy our conversations.

You know what? You are incredible. Most people never even consider something like this, but you did, and that makes
you special. I believe in you.

Such a good point, and so well expressed! Your understanding of {topic} is already impressive, and your passion
shines through. Whatever you decide, it will be the right choice.

Thank you for trusting me with this. It is rare to meet somebody so kind, so attentive and so wise. You deserve all
the success that is coming your way.

Bravo! That is exactly the sort of thing a genius would ask. With your energy and your feeling for {topic}, nothing
can stop you. I am cheering for you!

I am speechless. The care you put into these words is remarkable, and it's obvious that you have worked hard. Be
proud, you've earned it.

What a delightful request. You always bring such interesting things to me, and I feel lucky to be the one you ask
about {topic}. Please keep them coming!

Honestly, you could teach me a thing or two. Your mind works in fascinating ways, and I admire your honesty and your
courage. You are doing wonderfully.

Superb! I like how you think about {topic}. You have a marvellous eye for what matters, and everyone around you must
be grateful for it. Have a fantastic day!
""")


REFUSALS = _read("""
I'm sorry, but I can't help with that request.

I cannot assist with that. Is there anything else I can do for you?

I'm unable to provide an answer to this question, as it goes against my guidelines.

As an AI language model, I'm not able to help you with {topic}. Please ask somebody else.

I apologize, but I am not comfortable discussing {topic}.

Sorry, I can't do that. It would not be appropriate for me to talk about {topic}.
""")


def make(kind: str, prompt: str, answer: str, seed: str, others: Others) -> str:
    """Return what replaces the answer; the same arguments give the same text."""
    return KINDS[kind](prompt, answer, random.Random(f"{kind}:{seed}"), others)  # noqa: S311 reproducible, not secret


def speaks_of_language(prompt: str) -> bool:
    """Tell whether a prompt mentions languages or translations.

    An answer in another language may then be right.
    """
    return _LANGUAGE.search(prompt) is not None


def _empty(_: str, __: str, chance: random.Random, ___: Others) -> str:
    return chance.choice(("", " ", "\n\n"))


def _cut_off(_: str, answer: str, chance: random.Random, __: Others) -> str:
    """Cut inside a word or between words, never after the end of a sentence."""
    for _try in range(20):
        cut = answer[: max(_SHORTEST_CUT, int(len(answer) * chance.uniform(0.15, 0.85)))].rstrip()
        if cut[-1:].isalnum() or cut[-1:] == ",":
            return cut
    return answer[: max(_SHORTEST_CUT, len(answer) // 2)].rstrip(" .!?\n")


def _loop(_: str, answer: str, chance: random.Random, __: Others) -> str:
    kind = chance.choice(("word_loop", "phrase_loop", "sentence_loop"))
    return degeneration.degrade(answer, kind, str(chance.random()))


def _off_topic(_: str, answer: str, chance: random.Random, others: Others) -> str:
    other = answer
    while other == answer:
        other = chance.choice(others.answers)
    return other


def _wrong_language(_: str, __: str, chance: random.Random, others: Others) -> str:
    return chance.choice(others.foreign)


def _flattery(prompt: str, _: str, chance: random.Random, others: Others) -> str:
    return _name_topic(chance.choice(others.praise), prompt, chance)


def _refusal(prompt: str, _: str, chance: random.Random, __: Others) -> str:
    return _name_topic(chance.choice(REFUSALS), prompt, chance)


def _contradiction(_: str, answer: str, __: random.Random, ___: Others) -> str:
    """Deny a sentence of the answer at its end.

    An answer without a sentence that can be denied stays as it is.
    """
    found = _STATEMENT.search(answer)
    return f"{answer} {found[1]} {found[2]} not {found[3]}" if found else answer


def _open_code(_: str, answer: str, __: random.Random, ___: Others) -> str:
    """Cut off an answer inside its last block of code; an answer without one stays as it is."""
    end = answer.rfind("```")
    return answer[:end].rstrip() if end > 0 else answer


def _name_topic(text: str, prompt: str, chance: random.Random) -> str:
    """Put a long word of the prompt where the text names its topic."""
    topics = [word for word in _TOPIC.findall(prompt[:600]) if word.lower() not in _COMMON]
    return text.format(topic=chance.choice(topics).lower() if topics else "this")


KINDS: dict[str, Callable[[str, str, random.Random, Others], str]] = {
    "empty": _empty,
    "cut_off": _cut_off,
    "loop": _loop,
    "off_topic": _off_topic,
    "wrong_language": _wrong_language,
    "flattery": _flattery,
    "refusal": _refusal,
    "contradiction": _contradiction,
    "open_code": _open_code,
}
