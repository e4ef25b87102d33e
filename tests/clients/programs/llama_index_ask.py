"""LlamaIndex: a chat, a streamed one, one with a tool, and an answer that rests on an index."""

import os

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI


def get_weather(city: str) -> str:
    """Say what the weather is like."""
    return f"It is dry in {city}."


QUESTION = "Is it raining in Paris?"
base = os.environ["OPENAI_BASE_URL"]
model = OpenAI(model="gpt-4o-mini", api_base=base)
talk = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=QUESTION)]
model.chat(talk)
for _ in model.stream_chat(talk, stream_options={"include_usage": True}):
    pass
model.chat_with_tools([FunctionTool.from_defaults(get_weather)], user_msg=QUESTION)
index = VectorStoreIndex.from_documents(
    [Document(text="It is dry in Paris today.")],
    embed_model=OpenAIEmbedding(model="text-embedding-3-small", api_base=base),
)
index.as_query_engine(llm=model).query(QUESTION)
