"""Reading what was said in a call, in whatever shape a provider or framework recorded it."""

from monitoring.conversation.messages import Conversation, Message, Texts, messages_of, results_of, texts_of
from monitoring.conversation.reading import Reading, read_messages

__all__ = [
    "Conversation",
    "Message",
    "Reading",
    "Texts",
    "messages_of",
    "read_messages",
    "results_of",
    "texts_of",
]
