"""A Haystack pipeline: a retriever, a prompt, and OpenAI."""

from haystack import Document, Pipeline
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore

store = InMemoryDocumentStore()
store.write_documents([Document(content="It is dry in Paris today.")])
template = [
    ChatMessage.from_system("Be brief."),
    ChatMessage.from_user("{{question}}{% for d in documents %}{% endfor %}"),
]
pipeline = Pipeline()
pipeline.add_component("retriever", InMemoryBM25Retriever(document_store=store))
pipeline.add_component("prompt", ChatPromptBuilder(template=template, required_variables="*"))
pipeline.add_component("model", OpenAIChatGenerator(model="gpt-4o-mini"))
pipeline.connect("retriever", "prompt.documents")
pipeline.connect("prompt.prompt", "model.messages")
question = "Is it raining in Paris?"
pipeline.run({"retriever": {"query": question}, "prompt": {"question": question}})
