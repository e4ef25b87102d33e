"""LiteLLM with its callback `langfuse_otel`."""

import litellm

litellm.callbacks = ["langfuse_otel"]
litellm.completion(
    model="openai/gpt-4o-mini",
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ],
    user="user-1",
    metadata={"session_id": "session-1", "trace_user_id": "user-1", "tags": ["weather"]},
)
