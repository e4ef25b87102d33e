"""An AutoGen agent with a tool."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient


async def get_weather(city: str) -> str:
    """Say what the weather is like."""
    return f"It is dry in {city}."


agent = AssistantAgent(
    "weather",
    OpenAIChatCompletionClient(model="gpt-4o-mini"),
    tools=[get_weather],
    system_message="Be brief.",
    reflect_on_tool_use=True,
)
asyncio.run(agent.run(task="Is it raining in Paris?"))
