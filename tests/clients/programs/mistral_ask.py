"""Mistral's client."""

import os

from mistralai.client import Mistral

Mistral(api_key="none", server_url=os.environ["MISTRAL_BASE_URL"]).chat.complete(
    model="mistral-small-latest",
    messages=[
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Paris?"},
    ],
)
