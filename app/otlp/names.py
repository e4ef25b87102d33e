"""The attributes under which each convention says what: the first that has a usable value wins."""

from __future__ import annotations

__all__ = [
    "ANSWERED_BY",
    "ASKED_FOR",
    "FIRST_EVENTS",
    "FIRST_MOMENT",
    "FIRST_TIMES",
    "JOINED_TAGS",
    "PROVIDER",
    "RESPONSE_ID",
    "SAID",
    "SESSION",
    "SESSION_KEYS",
    "TAGS",
    "TAG_KEYS",
    "TEMPLATE",
    "USER",
    "USER_KEYS",
]

ANSWERED_BY = (
    "gen_ai.response.model",
    "llm.response.model_name",
    "llm.response.model",
    "ai.response.model",
)
ASKED_FOR = (
    "gen_ai.request.model",
    "llm.request.model_name",
    "llm.model_name",
    "embedding.model_name",
    "reranker.model_name",
    "ai.model.id",
    "langfuse.observation.model.name",
    "mlflow.llm.model",
    "litellm.provider.model",
)
RESPONSE_ID = ("gen_ai.response.id", "ai.response.id")
PROVIDER = (
    "gen_ai.provider.name",
    "gen_ai.system",
    "llm.provider",
    "llm.system",
    "ai.model.provider",
    "mlflow.llm.provider",
)
SESSION = (
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.chat_id",
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.session_id",
    "ai.telemetry.metadata.conversationId",
    "ai.telemetry.metadata.conversation_id",
    "ai.telemetry.metadata.threadId",
    "ai.telemetry.metadata.thread_id",
    "ai.telemetry.metadata.chatId",
    "traceloop.association.properties.conversation_id",
    "traceloop.association.properties.thread_id",
    "langfuse.trace.metadata.langfuse_session_id",
    "langfuse.trace.metadata.session_id",
    "metadata.session_id",
    "metadata.sessionId",
    "metadata.thread_id",
    "metadata.conversation_id",
    "langsmith.metadata.session_id",
    "langsmith.metadata.thread_id",
    "langsmith.metadata.conversation_id",
    "mlflow.trace.session",
    "thread.id",
)
USER = (
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "ai.telemetry.metadata.user_id",
    "langsmith.metadata.user_id",
    "langsmith.metadata.userId",
    "langfuse.trace.metadata.langfuse_user_id",
    "langfuse.trace.metadata.user_id",
    "mlflow.trace.user",
    "gen_ai.user.id",
    "gen_ai.request.user",
    "llm.user",
    "metadata.user_id",
    "metadata.userId",
    "metadata.user_api_key_end_user_id",
)
TEMPLATE = (
    "gen_ai.prompt.name",
    "prompt.id",
    "langfuse.observation.prompt.name",
    "traceloop.prompt.key",
    "ai.telemetry.functionId",
)
JOINED_TAGS = ("langsmith.span.tags",)
TAGS = (
    "tag.tags",
    "langfuse.trace.tags",
    "gen_ai.tags",
    *JOINED_TAGS,
    "ai.telemetry.metadata.tags",
    "langsmith.metadata.tags",
    "traceloop.association.properties.tags",
    "metadata.tags",
)
# Members of the object that OpenInference's `metadata` is; LangChain's configuration names those of Langfuse.
USER_KEYS = ("user_id", "userId", "user.id", "langfuse_user_id", "user_api_key_end_user_id")
SESSION_KEYS = (
    *("session_id", "sessionId", "session.id", "thread_id", "threadId"),
    *("conversation_id", "conversationId", "langfuse_session_id"),
)
TAG_KEYS = ("tags", "langfuse_tags")

# How long the first token took, in units of so many milliseconds. Strands writes milliseconds where the convention has
# seconds, so that what is longer than the call itself is read in a smaller unit.
FIRST_TIMES = (
    (("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"), 1000.0),
    (("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"), 1.0),
)
FIRST_MOMENT = ("langfuse.observation.completion_start_time",)
FIRST_EVENTS = frozenset(
    {
        "First Token Stream Event",
        "llm.content.completion.chunk",
        "gen_ai.content.completion.chunk",
        "ai.stream.firstChunk",
    }
)
# Attributes that hold what was said: kept as messages, prompt and response, not as metadata too.
SAID = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.retrieval.documents",
    "gen_ai.tool.call.",
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.prompts",
    "llm.choices",
    "input.",
    "output.",
    "retrieval.documents.",
    "reranker.output_documents.",
    "reranker.input_documents.",
    "embedding.embeddings.",
    "ai.prompt",
    "ai.response.text",
    "ai.response.object",
    "ai.response.toolCalls",
    "ai.toolCall.",
    "ai.value",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "mlflow.span",
    "events",
    "all_messages_events",
    "final_result",
    "request_data",
    "response_data",
    "gcp.vertex.agent.llm_request",
    "gcp.vertex.agent.llm_response",
    "traceloop.entity.input",
    "traceloop.entity.output",
)
