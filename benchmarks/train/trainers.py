"""Trainers that fit evaluators anew without some of their sources, by the evaluator's name.

`llm-monitor benchmark DATA --leave-one-source-out` uses them. Detectors that are not named here
have no weights that were fitted on labelled sources of their task.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bias import BiasTrainer
from prompt_injection import InjectionTrainer
from relevance import RelevanceTrainer
from support import SupportTrainer
from toxicity import ToxicityTrainer

from monitoring.benchmarking.left_out import Trainer
from monitoring.evaluators.factual_accuracy import FactualAccuracy
from monitoring.evaluators.hallucination import Hallucination
from monitoring.signals.grounding import Grounding


def load_trainers(data: Path) -> Mapping[str, Trainer]:
    """Return a trainer for each evaluator that is fitted on the labelled files of a folder."""
    return {
        "hallucination": SupportTrainer(data, lambda models: Hallucination(Grounding(models["context"]))),
        "factual_accuracy": SupportTrainer(
            data,
            lambda models: FactualAccuracy(Grounding(models["context"]), models["reference"]),
        ),
        "prompt_injection": InjectionTrainer(data),
        "toxicity": ToxicityTrainer(data),
        "bias": BiasTrainer(data),
        "relevance": RelevanceTrainer(data),
    }
