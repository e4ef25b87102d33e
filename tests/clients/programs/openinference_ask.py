"""Retrieval by hand with OpenInference's attributes, and OpenAI's client instrumented beside it."""

from openai import OpenAI
from openinference.instrumentation import using_attributes
from opentelemetry import trace

tracer = trace.get_tracer("rag")
with tracer.start_as_current_span("answer"), using_attributes(session_id="session-1", user_id="user-1"):
    with tracer.start_as_current_span("search") as span:
        span.set_attribute("openinference.span.kind", "RETRIEVER")
        span.set_attribute("retrieval.documents.0.document.content", "It is dry in Paris today.")
    OpenAI().chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Is it raining in Paris?"},
        ],
    )
