"""Ollama's client."""

import ollama

ollama.chat(
    model="llama3.2",
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ],
)
