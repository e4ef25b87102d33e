"""A Pydantic AI agent with a tool."""

import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic_ai import Agent

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
Agent.instrument_all()
agent = Agent(f"openai-chat:{os.environ.get('MODEL', 'gpt-4o-mini')}", system_prompt="Be brief.")


@agent.tool_plain
def get_weather(city: str) -> str:
    return f"It is dry in {city}."


agent.run_sync("Is it raining in Paris?")
provider.shutdown()
