"""Langfuse's drop-in client, with a session and a user."""

from langfuse import get_client, propagate_attributes
from langfuse.openai import OpenAI

client = OpenAI()
with propagate_attributes(session_id="session-1", user_id="user-1"):
    client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Is it raining in Paris?"},
        ],
    )
get_client().flush()
