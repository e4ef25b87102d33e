"""Langfuse's second SDK, which sends batches of events.

It sends two chats, one of them streamed, and the scores that were given to them.
"""

from langfuse import Langfuse
from langfuse.openai import OpenAI, openai

langfuse = Langfuse()
assert langfuse.auth_check()
QUESTION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is it raining in Paris?"},
]
trace = langfuse.trace(name="request", session_id="session-1", user_id="user-1", tags=["weather"])
about = {"trace_id": trace.id, "session_id": "session-1", "user_id": "user-1", "tags": ["weather"]}
client = OpenAI()
client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, **about)
stream = client.chat.completions.create(
    model="gpt-4o-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}, **about
)
answer = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
trace.score(name="user-feedback", value=1, data_type="BOOLEAN", comment="Thanks!")
langfuse.score(trace_id=trace.id, name="tone", value="friendly", data_type="CATEGORICAL")
langfuse.score(trace_id=trace.id, name="speed", value=0.9)
openai.flush_langfuse()
langfuse.flush()
