"""A model of DSPy."""

import dspy

model = dspy.LM("openai/gpt-4o-mini", cache=False)
model(
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ]
)
