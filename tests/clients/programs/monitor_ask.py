"""The helper of this repository: a wrapped client and a traced function."""

from openai import OpenAI

from monitoring.client import Monitor

monitor = Monitor()
client = monitor.wrap(OpenAI())


@monitor.trace(model_name="rules")
def greet(question):
    return f"You asked: {question}"


with monitor.about(session_id="session-1", user_id="user-1"):
    client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Is it raining in Paris?"}],
    )
    greet("Is it raining in Paris?")
