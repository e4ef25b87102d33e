"""Twenty spans through the SDK's own batching, exporter and retry.

It prints whether all were delivered.
"""

import sys

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=60)))
tracer = provider.get_tracer("sdk")
for number in range(20):
    with tracer.start_as_current_span("chat gpt-4o-mini") as span:
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.input.messages": f'[{{"role":"user","parts":[{{"type":"text","content":"{number}?"}}]}}]',
                "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"Yes."}]}]',
            }
        )
sys.exit(0 if provider.force_flush(60_000) else 1)
