"""Anthropic's client: a plain message, a streamed one, and one with a tool."""

from anthropic import Anthropic

client = Anthropic()
asked = {
    "model": "claude-haiku-4-5-20251001",
    "max_tokens": 200,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Is it raining in Paris?"}],
}
TOOL = {
    "name": "get_weather",
    "description": "Says what the weather is like.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
client.messages.create(**asked)
for _ in client.messages.create(**asked, stream=True):
    pass
with client.messages.stream(**asked) as stream:
    stream.get_final_message()
client.messages.create(**asked, tools=[TOOL])
