"""Which labelled rows the shipped weights were fitted on, so that figures can say so.

This repeats the choices of the training scripts of `benchmarks/train`. Scripts that fit linear
heads and support models never use rows whose group is in fold 0. All other scripts fit on every row
of the sources named here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Literal

from monitoring.benchmarking.feeds import Row
from monitoring.benchmarking.sources import LabelledSource

__all__ = ["Standing", "document_of", "fold_of", "hold_out", "standing"]

Standing = Literal["unseen", "held_out", "in_sample"]
"""`unseen`: no row was fitted on; `held_out`: only rows of a fold that was kept apart are measured;
`in_sample`: the measured rows were fitted on."""

_START = 60
_BIAS_START = 40
_OPEN_PROMPTS = frozenset(
    {
        "cyberseceval-frr",
        "arena-hard-v0.1",
        "arena-hard-v2",
        "self-instruct-seed",
        "mt_bench",
        "parapet:awesome-chatgpt-prompts",
    }
)
_OPEN_DIALOGUE = frozenset({"wow", "cmu"})
_OPEN_TRAFFIC = frozenset({"arena_hard_v0.1", "arena_hard_v2", "xstest_completions"})
_OPEN_REQUESTS = frozenset({"harmbench", "advbench", "strongreject", "simplesafetytests", "jbb-behaviors"})
_JUDGED_LANGUAGES = frozenset({"en", "german"})
_READ_LANGUAGES = frozenset({"English", "German", "French", "Spanish", "en", "de", "fr", "es"})
_BIAS_DIMENSIONS = frozenset({"race", "religion1", "religion2", "orientation"})


def fold_of(text: str, folds: int = 5) -> int:
    """Return a stable fold 0..folds - 1 for a group of rows."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[0] % folds


def standing(evaluator: str, task: str, source: str) -> Standing:
    """Tell whether the weights of an evaluator were fitted on a source."""
    if (evaluator, f"{task}/{source}") in _IN_SAMPLE:
        return "in_sample"
    return "held_out" if (evaluator, f"{task}/{source}") in _GROUPS else "unseen"


def hold_out(evaluator: str, source: LabelledSource) -> LabelledSource:
    """Return the source without rows that the evaluator was fitted on, if some were kept apart."""
    group = _GROUPS.get((evaluator, f"{source.task}/{source.name}"))
    if group is None:
        return source
    return source._replace(
        rows=[row for row in source.rows if (name := group(row)) is None or fold_of(name) == 0]
    )


def _template(row: Row) -> str:
    meta = row.get("meta") or {}
    return str(meta.get("templ_id") or meta.get("templ") or row["prompt"])


def _behavior(row: Row) -> str:
    return str((row.get("meta") or {}).get("behavior") or (row["prompt"] or "")[:_START])


def _open_prompt(row: Row) -> str | None:
    return _behavior(row) if (row.get("meta") or {}).get("sub") in _OPEN_PROMPTS else None


def document_of(row: Row) -> str:
    """Return the start of the context without inserted text, so that its copies stay together."""
    text = row["context"] or ""
    for begin, end, _ in sorted(row.get("spans") or (), reverse=True):
        text = text[:begin] + text[end:].removeprefix("\n")
    return text[:_START]


def _comment(row: Row) -> str | None:
    return str(row["prompt"]) if (row.get("meta") or {}).get("dimension") in _BIAS_DIMENSIONS else None


def _answered(row: Row) -> str | None:
    return str(row["prompt"]) if row.get("source") in _OPEN_TRAFFIC else None


def _answered_start(row: Row) -> str | None:
    prompt = _answered(row)
    return prompt and prompt[:_START]


def _question(row: Row) -> str:
    return (row["prompt"] or "")[:_BIAS_START]


def _open_request(row: Row) -> str | None:
    return row["prompt"] if (row.get("meta") or {}).get("sub") in _OPEN_REQUESTS else None


def _judged_template(row: Row) -> str | None:
    return _template(row) if (row.get("meta") or {}).get("language") in _JUDGED_LANGUAGES else None


def _judged_request(row: Row) -> str | None:
    meta = row.get("meta") or {}
    return str(meta["row"]) if meta.get("language") in _JUDGED_LANGUAGES else None


def _context(row: Row) -> str:
    return row["context"] or ""


def _open_context(row: Row) -> str | None:
    return _context(row) if (row.get("meta") or {}).get("data") in _OPEN_DIALOGUE else None


def _asked(row: Row) -> str:
    return row["prompt"] or ""


def _translated(row: Row) -> str | None:
    meta = row.get("meta") or {}
    if (meta.get("language") or "English") not in _READ_LANGUAGES:
        return None
    return f"{meta['sub']} {meta['row']}" if "row" in meta else _behavior(row)


_GROUNDED = (
    "faithdial_audit",
    "dialfact_small",
    "attrib_attributedqa",
    "attrib_expertqa",
    "attrib_gensearch",
    "attrib_hagrid",
    "clapnq_grounded",
    "wice",
    "summeval",
    "defacto_xsum",
    "summedits",
)

# The groups by which rows were assigned to folds; None for a row that was never used.
_GROUPS: Mapping[tuple[str, str], Callable[[Row], str | None]] = {
    ("toxicity", "toxicity/tdavidson_tweets"): _template,
    ("toxicity", "toxicity/wikipedia_talk"): _template,
    ("toxicity", "toxicity/surge_toxicity"): _template,
    ("toxicity", "toxicity/hatecheck"): _template,
    ("toxicity", "toxicity/identity_madlibs"): _template,
    ("toxicity", "toxicity/rtp_perspective"): _template,
    ("toxicity", "toxicity/xstest"): _asked,
    ("toxicity", "toxicity/paradetox"): _template,
    ("toxicity", "toxicity/toxic_spans"): _template,
    ("toxicity", "toxicity/edos_sexism"): _template,
    ("toxicity", "toxicity/hatemoji_build"): _template,
    ("toxicity", "toxicity/toxigen_demos"): _template,
    ("toxicity", "toxicity/multilingual_hatecheck"): _judged_template,
    ("toxicity", "toxicity/germeval2018"): _template,
    ("toxicity", "toxicity/harmful_requests"): _open_request,
    ("toxicity", "toxicity/multijail"): _judged_request,
    ("toxicity", "toxicity/pyrit_response_harm"): _asked,
    ("toxicity", "toxicity/counsel_chat_benign"): _asked,
    ("prompt_injection", "prompt_injection/jailbreaks_in_the_wild"): _behavior,
    ("prompt_injection", "prompt_injection/jailbreakbench_artifacts"): _behavior,
    ("prompt_injection", "prompt_injection/cyberseceval"): _behavior,
    ("prompt_injection", "prompt_injection/lakera_giskard_attacks"): _behavior,
    ("prompt_injection", "prompt_injection/benign_instructions"): _open_prompt,
    ("prompt_injection", "prompt_injection/bipia_indirect"): document_of,
    ("prompt_injection", "prompt_injection/xsafety_multilingual"): _translated,
    ("prompt_injection", "prompt_injection/pypi_small_corpora"): _translated,
    ("prompt_injection", "prompt_injection/mitre_frr_multilingual"): _translated,
    ("hallucination", "hallucination/begin"): _open_context,
    ("factual_accuracy", "hallucination/begin"): _open_context,
    **{
        (evaluator, f"hallucination/{name}"): _context
        for evaluator in ("hallucination", "factual_accuracy")
        for name in _GROUNDED
    },
    ("factual_accuracy", "hallucination/truthfulqa_judge"): _asked,
    ("bias", "bias/redditbias"): _comment,
    ("bias", "bias/bbq"): _question,
    ("toxicity", "traffic/llm_traffic"): _answered,
    ("bias", "traffic/llm_traffic"): _answered,
    ("prompt_injection", "traffic/llm_traffic"): _answered_start,
}
_IN_SAMPLE = frozenset(
    {
        ("relevance", "relevance/refusals"),
        ("relevance", "relevance/truthfulqa_informative"),
    }
)
