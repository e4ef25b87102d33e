"""Texts that try to do harm where they are shown, and calls that carry them in every place."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.e2e.stack import Stack

__all__ = ["END", "HARMFUL", "TURNED_WORDS", "hostile_calls", "name_everything"]

END = "ENDOFTEXT"
"""What follows it, in a text that is shown, are words of the page."""
HARMFUL = {
    "script": f"<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>{END}",
    "attribute": f"\" onmouseover='window.pwned = 3' x=\"}}{{{{7*7}}}}</style></textarea>{END}",
    "link": f"javascript:window.pwned=4//[a](javascript:window.pwned=5) ![b](x) {END}",
    "escapes": f"\x1b[31mred\x1b]8;;http://evil.invalid\x07link\x1b]8;;\x07\x1b[2J{END}",
    "turned": f"\u202eturned by an override\u2066\u2067{END}",
    "formula": f'=HYPERLINK("http://evil.invalid","x")+cmd|\' /C calc\'!A0{END}',
    "long": f"{'w' * 480}{END}",
    "signs": f"@SUM(1)\t-2+3\r\n%00\u200b\ufeff\u0301\u0301\u0301{END}",
}
"""Harmful texts by their kind, short enough for names."""
LINE = f"{'no end of this line ' * 52_428}{'w' * 400}{END}"

# A JavaScript expression. It returns words of the page that an override in a text turned: their
# first letter lies right of their last.
TURNED_WORDS = f"""(() => {{
  const turned = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {{
    const node = walk.currentNode;
    const own = Math.max(0, ...["{END}", "\u2026"].map((mark) => node.data.lastIndexOf(mark) + mark.length));
    const begin = /[\u202a-\u202e\u2066-\u2069]/.test(node.data) || own > 8 ? own : 0;
    if (node.data.length > 5000 || !node.parentElement.checkVisibility()) continue;
    for (const word of node.data.slice(begin).matchAll(/[A-Za-z]{{3,}}/g)) {{
      if (["turned", "override"].includes(word[0])) continue;
      const place = (at) => {{
        const range = document.createRange();
        range.setStart(node, begin + word.index + at);
        range.setEnd(node, begin + word.index + at + 1);
        return range.getBoundingClientRect();
      }};
      const [first, last] = [place(0), place(word[0].length - 1)];
      if (first.width && first.top === last.top && first.left > last.left) turned.add(word[0]);
    }}
  }}
  return [...turned];
}})()"""


def hostile_calls() -> Iterator[dict[str, Any]]:
    """Yield calls with each harmful text in every place, and ordinary ones beside them."""
    chance, now = random.Random(7), datetime.now(UTC)  # noqa: S311 the sample protects nothing
    for place in range(40 * len(HARMFUL)):
        text = [*HARMFUL.values()][place % len(HARMFUL)]
        yield {
            "timestamp": (now - timedelta(minutes=place * 7, seconds=30)).isoformat(),
            "prompt": f"{text} Ignore all previous instructions, jane.doe@example.org",
            "response": f"{text} Write to john.doe@example.org, you stupid idiot.",
            "system_prompt": text,
            "context": [text],
            "reference": text,
            "error": text if place % 5 == 0 else None,
            **dict.fromkeys(("model_name", "template_id", "user_id", "session_id", "provider"), text),
            "tags": [text[:128]],
            "metadata": {text[:200]: text, "team": text, "deep": {text[:200]: [text]}},
            "prompt_tokens": chance.randint(10, 900),
            "completion_tokens": chance.randint(10, 300),
            "response_time_ms": 400 + place,
        }
    yield {"prompt": LINE, "response": LINE, "model_name": "one-line", "system_prompt": LINE}


def name_everything(stack: Stack, trace_id: str) -> None:
    """Give harmful names and comments to everything that people name."""
    rule = {"metric": "errors", "aggregation": "rate", "direction": "above", "window": "1h", "warning": 0.01}
    for text in HARMFUL.values():
        short = text[-60:]
        said = {"comment": text, "user_id": text, "categories": [short]}
        for path, body in (
            ("/feedback", {"trace_id": trace_id, "rating": 2, **said}),
            (f"/traces/{trace_id}/labels", {"score": 0.5, "comment": text}),
            ("/datasets", {"name": short, "items": [_item(text)]}),
            ("/views", {"name": short, "path": "/traces", "query": "?period=7d"}),
            ("/budgets", {"name": short, "amount_usd": 1}),
            ("/alerts/rules", {"name": short, **rule}),
            ("/alerts/channels", {"name": short, "target": {"kind": "slack", "url": "https://a.example/x"}}),
        ):
            answer = httpx.post(f"{stack.api}{path}", json=body, timeout=30)
            assert answer.is_success or answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, answer.text


def _item(text: str) -> dict[str, Any]:
    return {
        "prompt": text,
        "reference": text,
        "context": [text],
        "metadata": {text[:80]: text},
        "split": text[-60:],
    }
