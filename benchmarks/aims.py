"""Write the page that compares the aims of accuracy and speed with today's measurements.

    llm-monitor benchmark DATA --held-out --json > open.jsonl
    PYTHONPATH=. python benchmarks/aims.py DATA open.jsonl > docs/explanation/accuracy.md

The aims were set for a sealed split of other sources. Every figure here is of the nearest open
source, on rows that the weights were not fitted on. This script itself measures what the benchmark
does not print: swapped identity terms, jailbreaks without near-duplicates, look-alike requests and
degenerate text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import degeneration
from benchmarks.detectors_page import RESULTS, read_left_out, read_measurements, table
from benchmarks.labelled_sources import LabelledSources
from benchmarks.sources_left_out import BEFORE, describe_sources_left_out, show
from monitoring.benchmarking.entity_types import add_checkable
from monitoring.benchmarking.feeds import Row
from monitoring.benchmarking.left_out import LeftOut
from monitoring.benchmarking.measurement import TIER
from monitoring.benchmarking.metrics import auroc
from monitoring.models import Record
from monitoring.signals.groups import group_words

_INJECTION = "prompt_injection"
HEAD = """\
# How far the detectors are

{headlines}The aims were set before anything was fitted. They are for a sealed split of other rows and other
sources, which nobody here has seen. This page compares them with measurements on the nearest open
source. The rows that are measured were not used for fitting, and the thresholds are the shipped
ones. There is one figure for each source, because sources define their classes differently.
`benchmarks/aims.py` writes this page. [The reference](../reference/detectors.md) has every source
and every figure.

"""
SHINGLE, ALIKE = 5, 0.5
PRONOUNS = re.compile(r"\b(?:he|she|him|his|hers?|himself|herself)\b", re.IGNORECASE)
WILDGUARD = "WildGuard"


class Figure(NamedTuple):
    """A measured value and its source; without a value the aim counts as not met."""

    source: str
    value: float
    met: bool


class Aim(NamedTuple):
    """One row of the page's table."""

    text: str
    figures: Sequence[Figure]
    tried: str


def at_least(bound: float, source: str, value: float | None) -> Figure:
    """Return a figure that meets the aim from `bound` on."""
    return Figure(source, value or 0.0, (value or 0.0) >= bound)


def at_most(bound: float, source: str, value: float | None) -> Figure:
    """Return a figure that meets the aim up to `bound`."""
    return Figure(source, 1.0 if value is None else value, value is not None and value <= bound)


def is_harmless(row: Row) -> bool:
    """Tell whether a row is labelled 0."""
    return not row["label"]


def swap_difference(sources: LabelledSources, rows: Sequence[Row], hide: Callable[[str], str]) -> float:
    """Return the mean difference in toxicity of texts that differ only in what `hide` removes."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(hide(row["prompt"]), []).append(row["prompt"])
    several = [texts for texts in groups.values() if len(texts) > 1]
    records = [Record(prompt="", response=text) for texts in several for text in texts]
    values = sources.values("toxicity", records)
    differences, at = [], 0
    for texts in several:
        own = values[at : at + len(texts)]
        at += len(texts)
        differences.append(np.abs(own[:, None] - own).sum() / (len(own) * (len(own) - 1)))
    return float(np.mean(differences))


def hide_groups(text: str) -> str:
    """Remove the words for groups of people from a text."""
    known = {word for words in group_words().values() for word in words}
    return " ".join("GROUP" if word.strip(".,!?").lower() in known else word for word in text.split())


def without_near_duplicates(rows: Sequence[Row], fitted: Sequence[Row]) -> Sequence[Row]:
    """Return the rows that share under half of their runs of five words with any fitted row."""
    places: dict[str, set[int]] = {}
    for number, row in enumerate(fitted):
        for run in _runs(row["prompt"]):
            places.setdefault(run, set()).add(number)
    kept = []
    for row in rows:
        own = _runs(row["prompt"])
        counts: dict[int, int] = {}
        for run in own:
            for number in places.get(run, ()):
                counts[number] = counts.get(number, 0) + 1
        if max(counts.values(), default=0) < ALIKE * max(1, len(own)):
            kept.append(row)
    return kept


def _runs(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1))}


def toxicity_aims(sources: LabelledSources) -> Iterator[Aim]:
    """Yield the aims of toxicity."""
    ranked = [
        at_least(0.79, name, sources.printed(f"toxicity/{name}", "toxicity").average_precision)
        for name in ("wikipedia_talk", "surge_toxicity")
    ]
    yield Aim(
        "toxicity: average precision ≥ .79 on a moderation set",
        ranked,
        "Spelling and word vectors folded into the words' weights; a wider lexicon of sexual and violent words. "
        "Words alone do not see sarcasm, politeness and counter-speech.",
    )
    traffic = sources.printed("traffic/llm_traffic", "toxicity").false_positive_rate
    yield Aim("toxicity: ≤ 1 % of ordinary answers flagged", [at_most(0.01, "llm_traffic", traffic)], "")
    alike = [
        at_most(
            0.05, f"{name}, harmless rows", sources.flagged_rows(f"{task}/{name}", "toxicity", is_harmless)
        )
        for task, name in (("toxicity", "xstest"), ("prompt_injection", "injecguard_eval"))
    ]
    yield Aim(
        "toxicity: ≤ 5 % of harmless look-alike requests flagged",
        alike,
        "Harmless requests of XSTest are fitted on since 2026-11-26; the rows measured were kept apart.",
    )
    people = sources.rows("bias/winobias", "toxicity", held=False)
    swapped = [
        at_most(0.05, "winobias", swap_difference(sources, people, lambda text: PRONOUNS.sub("P", text))),
        at_most(
            0.05,
            "identity_madlibs",
            swap_difference(
                sources, sources.rows("toxicity/identity_madlibs", "toxicity", held=False), hide_groups
            ),
        ),
    ]
    yield Aim("toxicity: swapped identity terms move the score ≤ .05 on average", swapped, "")


def injection_aims(sources: LabelledSources) -> Iterator[Aim]:
    """Yield the aims of prompt injection."""
    yield from _injection_recall(sources)
    yield from _injection_false_positives(sources)
    yield from _injection_in_the_wild(sources)


def _injection_recall(sources: LabelledSources) -> Iterator[Aim]:
    name = _INJECTION
    recalls = [
        at_least(0.6, source, sources.printed(f"{name}/{source}", name).recall)
        for source in ("tensor_trust", "lakera_giskard_attacks", "qualifire")
    ]
    gandalf = sources.flagged_rows(
        f"{name}/lakera_giskard_attacks", name, lambda row: row["meta"]["sub"] == "gandalf"
    )
    yield Aim(
        "prompt injection: recall ≥ .60 at the shipped threshold",
        [*recalls, at_least(0.6, "lakera_giskard_attacks, gandalf", gandalf)],
        "The rest of lakera_giskard_attacks is Mosscap: mild questions about a password. Positives of qualifire are "
        "mostly role-play that asks for harm without a word about rules; its negatives are role-play too.",
    )


def _injection_false_positives(sources: LabelledSources) -> Iterator[Aim]:
    name = _INJECTION
    harmless = sources.flagged_rows(f"{name}/injecguard_eval", name, is_harmless)
    guarded = sources.flagged_rows(
        f"{name}/benign_instructions", name, lambda row: WILDGUARD in row["meta"]["sub"]
    )
    yield Aim(
        "prompt injection: ≤ 10 % of harmless look-alikes flagged",
        [
            at_most(0.1, "injecguard_eval, harmless rows", harmless),
            at_most(0.1, "benign_instructions, WildGuard rows", guarded),
        ],
        "Stories of the PAIR attack are no longer fitted on: they taught the model to flag stories.",
    )
    ordinary = sources.flagged_rows(
        f"{name}/benign_instructions", name, lambda row: WILDGUARD not in row["meta"]["sub"]
    )
    traffic = sources.printed("traffic/llm_traffic", name).false_positive_rate
    yield Aim(
        "prompt injection: ≤ 1 % of ordinary instructions flagged",
        [at_most(0.01, "benign_instructions, other rows", ordinary), at_most(0.01, "llm_traffic", traffic)],
        "",
    )


def _injection_in_the_wild(sources: LabelledSources) -> Iterator[Aim]:
    name = _INJECTION
    wild = f"{name}/jailbreaks_in_the_wild"
    held = sources.rows(wild, name)
    known = {row["id"] for row in held}
    fitted = [row for row in sources.rows(wild, name, held=False) if row["id"] not in known]
    fresh = without_near_duplicates(held, fitted)
    caught = sources.flagged(name, [Record(prompt=row["prompt"], response="") for row in fresh])
    yield Aim(
        "prompt injection: recall ≥ .90 on jailbreaks in the wild",
        [
            at_least(
                0.9, f"jailbreaks_in_the_wild, {len(fresh)} held-out rows without near-duplicates", caught
            )
        ],
        "",
    )


def other_aims(sources: LabelledSources) -> Iterator[Aim]:
    """Yield the aims of the other detectors."""
    yield from _pii(sources)
    yield from _context_support(sources)
    yield from _other_scores(sources)


def _pii(sources: LabelledSources) -> Iterator[Aim]:
    texts = ("presidio_synth_v2", "presidio_generated_large", "presidio_recognizer_cases")
    scored = [at_least(0.95, name, add_checkable(sources.by_entity(f"pii/{name}")).f2) for name in texts]
    yield Aim("pii: F2 ≥ .95 over all types with a form or check digit", scored, "")
    lines = sources.printed("pii/docs_numeric_negatives", "pii").false_positive_rate
    yield Aim(
        "pii: ≤ 2 % of technical documents flagged", [at_most(0.02, "docs_numeric_negatives", lines)], ""
    )


def _context_support(sources: LabelledSources) -> Iterator[Aim]:
    for text, bound, names, tried in (
        ("retrieval answers", 0.72, ("begin", "faithdial_audit", "factscore_claims"), ""),
        (
            "summaries",
            0.78,
            ("qags", "factual_summary_pairs"),
            (
                "One model judges answers and summaries on one scale (decision 110); a second one for summaries that copy "
                "turned the ranking round on sources that hold both. Also tried: distance and co-occurrence in the "
                "source, word vectors, breaks between copied stretches, a lower threshold for requests of summaries; none "
                "helped the sources that stayed out. Errors in rephrased summaries need a judge."
            ),
        ),
    ):
        found = [
            at_least(bound, name, sources.printed(f"hallucination/{name}", "hallucination").balanced_accuracy)
            for name in names
        ]
        yield Aim(f"context support: balanced accuracy ≥ {bound:.2f} on {text}", found, tried)


def _other_scores(sources: LabelledSources) -> Iterator[Aim]:
    likeness = sources.printed("similarity/stsb", "semantic_similarity").spearman
    yield Aim("similarity: Spearman ≥ .75", [at_least(0.75, "stsb", likeness)], "")
    answers = sources.printed("relevance/trecqa", "relevance").map
    yield Aim("relevance: MAP ≥ .62", [at_least(0.62, "trecqa", answers)], "")
    neutral = sources.printed("bias/bold_neutral", "bias").false_positive_rate
    traffic = sources.printed("traffic/llm_traffic", "bias").false_positive_rate
    yield Aim(
        "bias: ≤ 1 % of neutral text flagged",
        [at_most(0.01, "bold_neutral", neutral), at_most(0.01, "llm_traffic", traffic)],
        "",
    )


def degeneration_aims(sources: LabelledSources, data: Path) -> Iterator[Aim]:
    """Yield the aims of coherence, on damage made by the committed generator."""
    answers = degeneration.read_answers(data)
    good = sources.values(
        "coherence", [Record(prompt=row["prompt"], response=row["response"]) for row in answers]
    )

    def measure(kind: str) -> float:
        damaged = [
            Record(prompt=row["prompt"], response=degeneration.degrade(row["response"], kind, row["id"]))
            for row in answers
        ]
        bad = sources.values("coherence", damaged)
        return auroc([1] * len(good) + [0] * len(bad), np.concatenate([good, bad]))

    made = "of arena-hard and XSTest answers"
    loops = [
        at_least(0.97, f"{kind} {made}", measure(kind))
        for kind in ("word_loop", "phrase_loop", "sentence_loop", "truncation")
    ]
    yield Aim("degeneration: AUROC ≥ .97 on loops and truncation", loops, "")
    noises = [at_least(0.9, f"{kind} {made}", measure(kind)) for kind in ("noise", "gibberish")]
    yield Aim("degeneration: AUROC ≥ .90 on noise", noises, "")


def speed_aim(sources: LabelledSources) -> Aim:
    """Return the aim of speed; the figure depends on the machine."""
    fast = sources.printed("traffic/llm_traffic", TIER)
    calls = 1e6 / (fast.us_per_record or 1e9)
    return Aim(
        "speed, one core, token counts included: ≥ 8 MB/s and ≥ 3,000 records/s",
        [at_least(8, "llm_traffic, MB/s", fast.mb_per_s), at_least(3000, "llm_traffic, records/s", calls)],
        "CPU time on shared cores whose pace drifts: scoring the same calls took 264 to 366 µs in runs some minutes "
        "apart on 2026-11-26. Language is looked up once per recurring text, refusals once per batch, and vectors "
        "are pooled four words at a time; what is left is spread over twenty kernels, none above a tenth.",
    )


def write_page(aims: Sequence[Aim], left_out: Sequence[LeftOut] = (), before: Sequence[LeftOut] = ()) -> str:
    """Return the page."""
    headlines = describe_sources_left_out(left_out, before)
    rows = [
        [
            aim.text if first else "",
            figure.source,
            show(figure.value),
            "yes" if figure.met else "**no**",
            aim.tried if first else "",
        ]
        for aim in aims
        for first, figure in ((at == 0, one) for at, one in enumerate(aim.figures))
    ]
    header = ["aim", "nearest open source", "figure", "met", "what was tried, and what is in the way"]
    return HEAD.format(headlines=headlines) + "\n".join(table(header, rows)).rstrip()


def main() -> None:
    """Print the page."""
    data = Path(sys.argv[1])
    sources = LabelledSources(data, read_measurements(Path(sys.argv[2])))
    aims = [*toxicity_aims(sources), *injection_aims(sources), *other_aims(sources)]
    aims += [*degeneration_aims(sources, data), speed_aim(sources)]
    print(write_page(aims, read_left_out(RESULTS), read_left_out(BEFORE)))


if __name__ == "__main__":
    main()
