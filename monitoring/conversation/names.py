"""The keys under which providers and frameworks put messages, texts and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = [
    "ANSWERED",
    "ASKED",
    "BESIDE",
    "CALL_KEYS",
    "INSTRUCTIONS",
    "LISTS",
    "MESSAGE_EVENTS",
    "MESSAGE_KEYS",
    "VECTORS",
    "WRAPPERS",
]

MESSAGE_EVENTS: Final[Mapping[str, str]] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
INSTRUCTIONS: Final = (
    "system",
    "instructions",
    "system_instruction",
    "systemInstruction",
    "system_instructions",
    "system_prompt",
    "preamble",
)
# Lists of messages, and of what is around one.
LISTS: Final = (
    "messages",
    "contents",
    "choices",
    "candidates",
    "generations",
    "events",
    "chat_history",
    "replies",
)
# Single texts and lists under the names of requests and answers, in the order in which they are believed.
ASKED: Final = (
    "input",
    "prompt",
    "prompts",
    "message",
    "inputs",
    "inputText",
    "query",
    "question",
    "texts",
    "text",
)
ANSWERED: Final = (
    "message",
    "output",
    "output_text",
    "outputs",
    "response",
    "text",
    "completion",
    "generation",
    "results",
    "outputText",
    "generated_text",
    "result",
    "answer",
)
# What stands beside a text in requests and answers. Where anything else does, the object is an answer itself.
BESIDE: Final = frozenset(
    """
    model modelId model_id id object created created_at usage done done_reason total_duration load_duration
    prompt_eval_count prompt_eval_duration eval_count eval_duration context finish_reason finishReason stop_reason
    stopReason stop generation_id response_id meta citations documents is_search_required is_finished event_type
    tool_calls tools tool_choice tool_results temperature top_p top_k p k max_tokens maxTokens max_tokens_to_sample
    max_gen_len max_completion_tokens max_output_tokens stream n seed metadata tags kwargs config options format
    template raw keep_alive images suffix logprobs service_tier status error store previous_response_id reasoning
    text truncation parallel_tool_calls prompt_token_count generation_token_count inputTextTokenCount tokenCount
    completionReason textGenerationConfig run_id session_id conversation_id user user_id index type role name
    additional_kwargs response_metadata usage_metadata generation_info llm_output source_documents chat_history
    anthropic_version best_of echo frequency_penalty presence_penalty logit_bias response_format incomplete_details
    instructions output_text amazon-bedrock-invocationMetrics metrics additionalModelResponseFields log_id thinking
    parameters details input_token_count generated_token_count model_version
    """.split()  # noqa: SIM905 a hundred lines of one word each would be read by nobody
).union(INSTRUCTIONS, ASKED, ANSWERED)
VECTORS: Final = frozenset({"embedding", "embeddings", "vector", "vectors"})
# Around what was said by frameworks that record a call of a function.
WRAPPERS: Final = ("kwargs", "args", "body", "request", "data", "inputs", "outputs", "update", "value")
MESSAGE_KEYS: Final = frozenset(
    {"content", "parts", "tool_calls", "contents", "role", "items", "blocks", "function_call"}
)
CALL_KEYS: Final = frozenset({"tool_calls", "function_call", "additional_kwargs"})
