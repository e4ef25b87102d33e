"""A Pydantic AI agent with a tool, watched by Logfire."""

import logfire
from pydantic_ai import Agent

logfire.configure(send_to_logfire=False, service_name="shop")
logfire.instrument_pydantic_ai()
agent = Agent("openai-chat:gpt-4o-mini", system_prompt="Be brief.")


@agent.tool_plain
def get_weather(city: str) -> str:
    return f"It is dry in {city}."


agent.run_sync("Is it raining in Paris?")
logfire.shutdown()
