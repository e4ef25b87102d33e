"""LangChain: a question with a retriever and a template, a stream, and a call with a tool."""

from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


class Weather(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):  # noqa: ARG002 LangChain names them
        return [Document("It is dry in Paris today.")]


@tool
def get_weather(city: str) -> str:
    """Say what the weather is like."""
    return f"It is dry in {city}."


QUESTION = "Is it raining in Paris?"
prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
model = ChatOpenAI(model="gpt-4o-mini", stream_usage=True)
about = {"metadata": {"session_id": "session-1", "user_id": "user-1"}, "tags": ["weather"]}


@RunnableLambda
def answer(question):
    Weather().invoke(question)
    return (prompt | model).invoke({"question": question})


answer.invoke(QUESTION, about)
for _ in (prompt | model).stream({"question": QUESTION}, about):
    pass
(prompt | model.bind_tools([get_weather])).invoke({"question": QUESTION}, about)
