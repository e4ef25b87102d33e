"""A Strands agent with a tool; it exports by OpenTelemetry itself."""

from strands import Agent, tool
from strands.models.openai import OpenAIModel
from strands.telemetry import StrandsTelemetry

telemetry = StrandsTelemetry()
telemetry.setup_otlp_exporter()


@tool
def get_weather(city: str) -> str:
    """Say what the weather is like."""
    return f"It is dry in {city}."


agent = Agent(
    model=OpenAIModel(model_id="gpt-4o-mini"),
    system_prompt="Be brief.",
    tools=[get_weather],
    callback_handler=None,
    trace_attributes={"session.id": "session-1", "user.id": "user-1", "tag.tags": ["weather"]},
)
agent("Is it raining in Paris?")
telemetry.tracer_provider.shutdown()
