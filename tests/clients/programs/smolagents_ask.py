"""A model of smolagents, asked plainly and with a tool."""

import os

from smolagents import ChatMessage, OpenAIModel, Tool


class Weather(Tool):
    name = "get_weather"
    description = "Says what the weather is like."
    inputs = {"city": {"type": "string", "description": "A city."}}  # noqa: RUF012 as smolagents wants it
    output_type = "string"

    def forward(self, city: str) -> str:
        return f"It is dry in {city}."


model = OpenAIModel("gpt-4o-mini", api_base=os.environ["OPENAI_BASE_URL"], api_key="none")
talk = [
    ChatMessage(role="system", content="Be brief."),
    ChatMessage(role="user", content="Is it raining in Paris?"),
]
model.generate(talk)
model.generate(talk, tools_to_call_from=[Weather()])
