"""Traceloop's SDK, with a session and a user."""

from openai import OpenAI
from traceloop.sdk import Traceloop

Traceloop.init(app_name="shop", disable_batch=True)
Traceloop.set_association_properties({"session_id": "session-1", "user_id": "user-1"})
OpenAI().chat.completions.create(
    model="gpt-4o-mini",
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ],
)
