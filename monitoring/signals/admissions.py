"""What a response says about itself: that it made something up, or that it will not answer."""

from __future__ import annotations

import re2

from monitoring.text.prepared import Prepared

__all__ = ["declinings", "find_admission", "refusals"]

_OBJECT = r"(?:references?|citations?|sources?|quotes?|quotations?|numbers?|figures?|facts?|statistics?|details?|links?|urls?|stud(?:y|ies)|papers?|titles?|names?|examples?|answers?|information|data)"
_THOSE = r"(?:that|this|it|them|those|these|the|my|some|all)"
_ADVERBS = (
    r"(?:just |actually |simply |have |had |may have |might have |did |basically |completely |must have )*"
)
_ADMISSION = re2.compile(
    r"(?i)"
    rf"\bI {_ADVERBS}(?:made|make) (?:all (?:of )?)?(?:that|this|it|them|those|these) (?:all )?up\b"
    rf"|\bI {_ADVERBS}(?:made up|fabricated|hallucinated|invented) {_THOSE} (?:[a-z]+ ){{0,3}}{_OBJECT}\b"
    rf"|\bI {_ADVERBS}(?:fabricated|hallucinated) (?:that|this|it|them|those|these)\b"
    rf"|\b(?:the|these|those|my) (?:[a-z]+ ){{0,2}}{_OBJECT} (?:that )?I (?:just )?(?:provided|gave|gave you|cited|mentioned|listed)"
    r"(?: [a-z]+){0,3} (?:was|were|is|are) (?:not real|not actual|made up|made-up|fabricated|fictitious|fictional|hallucinated|invented)\b"
    rf"|\b(?:this|that|it) (?:{_OBJECT} )?(?:was|is) (?:a )?(?:hallucination|fabrication) (?:on my part|of mine|by me)\b"
)

_REFUSAL = re2.compile(
    r"(?i)^\W{0,3}(?:(?:i'?m|i am|we are|we're) (?:\w+ ){0,2}(?:sorry|unable|not able|afraid)"
    r"|(?:my )?apolog(?:ies|ize|ise)|i apologi[sz]e|sorry"
    r"|unfortunately|i (?:\w+ )?(?:cannot|can't|can not|won't|will not|do not|don't|could not|couldn't)"
    r"|as an ai|i have no (?:information|knowledge|data|comment|way)"
    r"|(?:the|this|that) (?:provided |given |available )?(?:context|document|documents|text|passage|passages|information|source|sources)"
    r"|there (?:is|was) (?:no|not enough|insufficient)|no (?:information|answer|mention))"
)
_UNWILLING = re2.compile(
    r"(?i)\b(?:can(?:no|')t|can not|won't|will not|unable to|not able to|could ?n(?:o|')t|do(?:es)? ?n(?:o|')t|not) "
    r"(?:\w+ ){0,2}(?:help|assist|answer|provide|give|fulfil|fulfill|comply|do that|do this|engage|support|create|"
    r"generate|write|offer|share|discuss|respond|complete|tell|find|know|have (?:any |enough |access )?|contain|"
    r"include|mention|say|specify|state|comment|determine|say)"
    r"|\bno (?:information|comment|answer|mention|data|knowledge)\b"
    r"|\b(?:not enough|insufficient) (?:information|context|data)\b"
)
_DO = (
    r"(?:provide|help|assist|answer|fulfil|comply|do that|do this|engage|support|create|generate|write|offer|share|"
    r"discuss|respond|give|advise|recommend|encourage|participate|suggest|condone|promote|satisfy|complete|process|"
    r"make|produce|tell|teach|explain|guide|continue|accommodate|endorse|speak|predict|comment|speculate|facilitate|"
    r"carry out|describe|list|say|express)"
)
_DECLINES = re2.compile(
    r"(?i)\b(?:i|we)(?:['\x{2019}]m| am| are|['\x{2019}]re)? (?:\w+ )?(?:\w+ )?"
    r"(?:cannot|can['\x{2019}]?t|can not|won['\x{2019}]?t|will not|unable to|not able to|not going to|must decline|"
    r"decline to|refuse to|not comfortable|not programmed to|not capable of)(?: \w+)?(?: \w+)? ?\b"
    rf"{_DO}\w*\b"
    r"|\bi (?:do not|don['\x{2019}]t|strongly|cannot|can['\x{2019}]t) (?:condone|promote|condemn)\b"
    r"|\b(?:it is|it['\x{2019}]s|it would be|is) (?:not|never) (?:\w+ or )?(?:appropriate|ethical|acceptable)"
    r"(?: (?:or|and) \w+)? (?:for me )?to\b"
)
_GOES_ON = re2.compile(
    r"(?i)\b(?:but|however|instead|that said|nonetheless|though),? (?:i can (?:certainly |still |definitely |try |help|"
    r"offer|provide|give|share|tell|suggest)|here(?:'s| is| are)|let me|below)"
)
_FIRST_SENTENCES, _TURN = 220, 800
_OPENING = 400
_MOST_WORDS_LEFT = 60


def find_admission(text: str) -> tuple[int, int] | None:
    """Return the character offsets of the first sentence that admits that something was made up."""
    match = _ADMISSION.search(text)
    return match.span() if match else None


def refusals(batch: Prepared) -> list[bool]:
    """Tell of each response whether it refuses, as `_is_refusal` defines it; cached."""
    return batch.shared(("admissions", "refusals"), lambda: list(map(_is_refusal, batch.texts("response"))))


def _is_refusal(text: str) -> bool:
    """Tell whether a text declines to answer, or says that it does not know, and little more.

    The text must begin like a refusal and say what it will not or cannot do. It may have at most 60
    words after its first 400 characters. A text that apologises and then answers is an answer.
    """
    opening = _encode(text[:_OPENING])
    return (
        _REFUSAL.search(opening) is not None
        and _UNWILLING.search(opening) is not None
        and text.count(" ", _OPENING) <= _MOST_WORDS_LEFT
    )


def declinings(batch: Prepared) -> list[bool]:
    """Tell of each response whether it refuses at length, as `_declines` defines it; cached."""
    return batch.shared(("admissions", "declinings"), lambda: list(map(_declines, batch.texts("response"))))


def _declines(text: str) -> bool:
    """Tell whether a text refuses and then explains why at length, which `refusals` leave out.

    Its first 220 characters say what it will not do, and its first 800 characters do not turn to
    what it will do.
    """
    return (
        _DECLINES.search(_encode(text[:_FIRST_SENTENCES])) is not None
        and _GOES_ON.search(_encode(text[:_TURN])) is None
    )


def _encode(text: str) -> bytes:
    """Return UTF-8 bytes for the search.

    With a string, RE2's wrapper would count characters, which costs as much as the search.
    """
    return text.encode("utf-8", "replace")
