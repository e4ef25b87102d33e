"""How providers and frameworks write one small talk."""

from __future__ import annotations

from tests.unit.conversation.shapes.anthropic import ANTHROPIC
from tests.unit.conversation.shapes.encodings import ENCODINGS
from tests.unit.conversation.shapes.frameworks import FRAMEWORKS
from tests.unit.conversation.shapes.gemini import GEMINI
from tests.unit.conversation.shapes.hosts import BEDROCK, OTHERS
from tests.unit.conversation.shapes.langchain import LANGCHAIN
from tests.unit.conversation.shapes.openai_chat import OPENAI_CHAT
from tests.unit.conversation.shapes.openai_responses import OPENAI_RESPONSES
from tests.unit.conversation.shapes.streams import STREAMS
from tests.unit.conversation.shapes.talk import ANSWERED, ASKED, PNG, SYSTEM, Shape

__all__ = ["ANSWERED", "ASKED", "PNG", "SHAPES", "SYSTEM", "Shape"]

_GROUPS: dict[str, dict[str, Shape]] = {
    "OpenAI chat": OPENAI_CHAT,
    "OpenAI Responses": OPENAI_RESPONSES,
    "Anthropic": ANTHROPIC,
    "Gemini": GEMINI,
    "Bedrock": BEDROCK,
    "others": OTHERS,
    "LangChain": LANGCHAIN,
    "frameworks": FRAMEWORKS,
    "encodings": ENCODINGS,
    "streams": STREAMS,
}
SHAPES: dict[str, Shape] = {
    f"{group}: {name}": shape for group, shapes in _GROUPS.items() for name, shape in shapes.items()
}
