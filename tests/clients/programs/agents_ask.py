"""OpenAI's agents: one with a tool."""

from agents import Agent, Runner, function_tool, set_tracing_export_api_key

set_tracing_export_api_key("none")


@function_tool
def get_weather(city: str) -> str:
    """Say what the weather is like."""
    return f"It is dry in {city}."


agent = Agent(name="weather", instructions="Be brief.", model="gpt-4o-mini", tools=[get_weather])
Runner.run_sync(agent, "Is it raining in Paris?")
