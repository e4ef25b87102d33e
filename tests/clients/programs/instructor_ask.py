"""Instructor, which asks for an answer in a shape."""

import instructor
from pydantic import BaseModel


class Weather(BaseModel):
    city: str


client = instructor.from_provider("openai/gpt-4o-mini")
client.create(
    response_model=Weather,
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ],
)
