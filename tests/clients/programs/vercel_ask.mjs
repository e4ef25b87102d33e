// The Vercel AI SDK with its telemetry switched on, exported as JSON.
import { createOpenAI } from "@ai-sdk/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { generateText } from "ai";

const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter() });
sdk.start();
const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
await generateText({
  model: openai.chat("gpt-4o-mini"),
  system: "Be brief.",
  prompt: "Is it raining in Paris?",
  experimental_telemetry: { isEnabled: true, functionId: "weather", metadata: { sessionId: "session-1", userId: "user-1" } },
});
await sdk.shutdown();
