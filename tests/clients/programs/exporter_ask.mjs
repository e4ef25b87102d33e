// A span written by hand and exported as JSON by OpenTelemetry's JavaScript SDK.
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
const span = provider.getTracer("by-hand").startSpan("chat gpt-4o-mini");
const text = (role, content) => JSON.stringify([{ role, parts: [{ type: "text", content }] }]);
span.setAttributes({
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai",
  "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
  "gen_ai.conversation.id": "session-1",
  "gen_ai.usage.input_tokens": 1200,
  "gen_ai.usage.output_tokens": 45,
  "gen_ai.usage.cache_read.input_tokens": 1024,
  "gen_ai.input.messages": text("user", "Is it raining in Paris?"),
  "gen_ai.output.messages": text("assistant", "It is not raining in Paris today."),
});
span.end();
await provider.shutdown();
