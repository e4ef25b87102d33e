"""Labels as rows of a labelled file, which `llm-monitor benchmark` reads."""

from __future__ import annotations

from typing import Any

from app.storage.traces.labelled_texts import LabelledText

__all__ = ["row_of"]

_QUALITY = "quality"
_SOURCE = "human"


def row_of(one: LabelledText) -> dict[str, Any]:
    """Return the row of a label: the texts of its call, the label, and what it is about.

    The task is the finding; a score of the whole call has the task `quality`. A label of one place
    names it in `spans`.
    """
    label = one.label
    return {
        "task": label.finding or _QUALITY,
        "source": _SOURCE,
        "prompt": one.prompt,
        "response": one.response,
        "context": "\n\n".join(one.context) or None,
        "reference": one.reference,
        "label": label.value,
        "spans": None
        if label.evidence is None
        else [[label.evidence.start, label.evidence.end, label.evidence.field]],
        "meta": {
            "trace_id": str(label.trace_id),
            "label_id": str(label.label_id),
            "flag": label.flag,
            "label": label.label,
            "comment": label.comment,
            "actor": label.actor,
            "created_at": label.created_at.isoformat(),
            "model": one.model_name,
            "template": one.template_id,
            "system_prompt": one.system_prompt,
        },
    }
