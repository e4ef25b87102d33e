// The Vercel AI SDK under Vercel's own registration: a plain answer and a streamed one.
import { createOpenAI } from "@ai-sdk/openai";
import { OTLPHttpJsonTraceExporter, registerOTel } from "@vercel/otel";
import { trace } from "@opentelemetry/api";
import { generateText, streamText } from "ai";

registerOTel({
  serviceName: "shop",
  traceExporter: new OTLPHttpJsonTraceExporter({ url: `${process.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces` }),
});
const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
const asked = {
  model: openai.chat("gpt-4o-mini"),
  system: "Be brief.",
  prompt: "Is it raining in Paris?",
  experimental_telemetry: {
    isEnabled: true,
    functionId: "weather",
    metadata: { sessionId: "session-1", userId: "user-1", tags: ["weather"] },
  },
};
await generateText(asked);
await streamText(asked).consumeStream();
await trace.getTracerProvider().getDelegate().forceFlush();
