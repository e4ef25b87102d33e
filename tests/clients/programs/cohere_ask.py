"""Cohere's client."""

import os

import cohere

cohere.ClientV2("none", base_url=os.environ["COHERE_BASE_URL"]).chat(
    model="command-r-plus",
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ],
)
