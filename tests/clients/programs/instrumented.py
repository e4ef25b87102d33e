"""Runs a program under the instrumentors that are named first.

`opentelemetry-instrument` does the same with all installed instrumentors.
"""

import importlib
import runpy
import sys
from contextlib import nullcontext

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

instrumentors, program = sys.argv[1].split(","), sys.argv[2]
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
for name in instrumentors:
    module, _, kind = name.partition(":")
    getattr(importlib.import_module(module), kind)().instrument(tracer_provider=provider)
about = nullcontext()
if any(name.startswith("openinference") for name in instrumentors):
    from openinference.instrumentation import using_attributes

    about = using_attributes(session_id="session-1", user_id="user-1", tags=["weather"])
with about:
    runpy.run_path(program, run_name="__main__")
provider.shutdown()
