"""LiteLLM with its OpenTelemetry callback."""

import litellm

litellm.callbacks = ["otel"]
litellm.completion(
    model="openai/gpt-4o-mini",
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ],
)
