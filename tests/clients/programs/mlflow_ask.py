"""MLflow, which watches OpenAI's client and exports by OpenTelemetry."""

import mlflow
from openai import OpenAI

mlflow.openai.autolog()
QUESTION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is it raining in Paris?"},
]


@mlflow.trace
def answer():
    client = OpenAI()
    client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    return [chunk.id for chunk in stream]


answer()
mlflow.flush_trace_async_logging(terminate=True)
