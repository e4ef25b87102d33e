"""Google's client for Gemini: a plain answer, a streamed one, and one with a tool."""

import os

from google.genai import Client, types

client = Client(api_key="none", http_options=types.HttpOptions(base_url=os.environ["GEMINI_BASE_URL"]))
asked = {"model": "gemini-2.5-flash", "contents": "Is it raining in Paris?"}
brief = types.GenerateContentConfig(system_instruction="Be brief.")
TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}),
        )
    ]
)
client.models.generate_content(**asked, config=brief)
for _ in client.models.generate_content_stream(**asked, config=brief):
    pass
client.models.generate_content(**asked, config=types.GenerateContentConfig(tools=[TOOL]))
