"""An application without any monitoring: a plain call, a streamed one, and one with a tool."""

from openai import OpenAI

client = OpenAI()
QUESTION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is it raining in Paris?"},
]
client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}

stream = client.chat.completions.create(
    model="gpt-4o-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
)
answer = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, tools=[TOOL])
