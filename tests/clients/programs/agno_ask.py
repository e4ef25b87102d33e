"""An Agno agent with a tool, a session and a user."""

from agno.agent import Agent
from agno.models.openai import OpenAIChat


def get_weather(city: str) -> str:
    """Say what the weather is like."""
    return f"It is dry in {city}."


agent = Agent(
    model=OpenAIChat(id="gpt-4o-mini"), instructions="Be brief.", tools=[get_weather], telemetry=False
)
agent.run("Is it raining in Paris?", session_id="session-1", user_id="user-1")
