"""LangChain with Langfuse's callback, a session and a user."""

from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from langfuse import get_client
from langfuse.langchain import CallbackHandler

prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
about = {"langfuse_session_id": "session-1", "langfuse_user_id": "user-1", "langfuse_tags": ["weather"]}
chain = prompt | ChatOpenAI(model="gpt-4o-mini", stream_usage=True)
config = {"callbacks": [CallbackHandler()], "metadata": about}
chain.invoke({"question": "Is it raining in Paris?"}, config)
for _ in chain.stream({"question": "Is it raining in Paris?"}, config):
    pass
get_client().flush()
