"""OpenAI's Responses API: a plain answer, a streamed one, and one with a tool."""

from openai import OpenAI

client = OpenAI()
asked = {"model": "gpt-4o-mini", "instructions": "Be brief.", "input": "Is it raining in Paris?"}
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
client.responses.create(**asked)
for _ in client.responses.create(**asked, stream=True):
    pass
client.responses.create(**asked, tools=[TOOL])
