"""Langfuse's SDK as it sends scores.

A user gives one in the traced function, and others give some later.
"""

from langfuse import get_client, observe
from langfuse.openai import OpenAI

langfuse = get_client()
assert langfuse.auth_check()
question = langfuse.get_prompt("weather", fallback="Is it raining in {{city}}?").compile(city="Paris")


@observe()
def answer(question):
    client = OpenAI()
    found = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    langfuse.score_current_trace(name="user-feedback", value=1, data_type="BOOLEAN", comment="Thanks!")
    return found.choices[0].message.content


with langfuse.start_as_current_observation(name="request", as_type="span") as span:
    answer(question)
    trace_id = span.trace_id
langfuse.flush()
langfuse.create_score(trace_id=trace_id, name="tone", value="friendly", data_type="CATEGORICAL")
langfuse.create_score(trace_id=trace_id, observation_id=span.id, name="speed", value=0.9)
langfuse.flush()
