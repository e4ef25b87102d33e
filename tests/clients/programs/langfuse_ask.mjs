// Langfuse's JavaScript SDK around OpenAI's client: a plain chat and a streamed one.
import { observeOpenAI } from "@langfuse/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { propagateAttributes } from "@langfuse/tracing";
import { NodeSDK } from "@opentelemetry/sdk-node";
import OpenAI from "openai";

const sdk = new NodeSDK({ spanProcessors: [new LangfuseSpanProcessor()] });
sdk.start();
const client = observeOpenAI(new OpenAI());
const asked = {
  model: "gpt-4o-mini",
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Is it raining in Paris?" },
  ],
};
await propagateAttributes({ sessionId: "session-1", userId: "user-1", tags: ["weather"] }, async () => {
  await client.chat.completions.create(asked);
  const stream = await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
  for await (const _ of stream);
});
await sdk.shutdown();
