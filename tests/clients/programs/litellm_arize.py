"""LiteLLM with its callback `arize`."""

import litellm

litellm.callbacks = ["arize"]
litellm.completion(
    model="openai/gpt-4o-mini",
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ],
    user="user-1",
    metadata={"session_id": "session-1", "trace_user_id": "user-1", "tags": ["weather"]},
)
