"""The talk as Bedrock and other hosts of models write it."""

from __future__ import annotations

from tests.unit.conversation.shapes.talk import (
    AI,
    ANSWERED,
    ASKED,
    CALLED,
    CONVERSE,
    CONVERSE_ANSWER,
    GEMINI_ANSWER,
    GEMINI_ASKED,
    IMAGE,
    NO_SYSTEM,
    PNG,
    SYS,
    SYSTEM,
    TOOL_ANSWER,
    USER,
    Shape,
    choice,
)

BEDROCK: dict[str, Shape] = {
    "Converse": Shape(
        {"modelId": "m", **CONVERSE}, {**CONVERSE_ANSWER, "stopReason": "end_turn", "metrics": {}}
    ),
    "tool use": Shape(
        CONVERSE,
        {
            "output": {
                "message": {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "c1", "name": "track", "input": {"id": 7}}}],
                }
            }
        },
        CALLED,
    ),
    "tool result of JSON": Shape(
        {
            **CONVERSE,
            "messages": [
                *CONVERSE["messages"],
                {
                    "role": "user",
                    "content": [
                        {"toolResult": {"toolUseId": "c1", "content": [{"json": {"depot": "Lyon"}}]}}
                    ],
                },
            ],
        },
        CONVERSE_ANSWER,
        {"results": (TOOL_ANSWER,)},
    ),
    "tool result of text": Shape(
        {
            **CONVERSE,
            "messages": [
                *CONVERSE["messages"],
                {
                    "role": "user",
                    "content": [
                        {
                            "toolResult": {
                                "toolUseId": "c1",
                                "content": [{"text": TOOL_ANSWER}],
                                "status": "success",
                            }
                        }
                    ],
                },
            ],
        },
        CONVERSE_ANSWER,
        {"results": (TOOL_ANSWER,)},
    ),
    "reasoning": Shape(
        CONVERSE,
        {
            "output": {
                "message": {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "Think.", "signature": "s"}}},
                        {"text": ANSWERED},
                    ],
                }
            }
        },
        {"reasoning": "Think."},
    ),
    "image": Shape(
        {
            **CONVERSE,
            "messages": [
                {
                    "role": "user",
                    "content": [{"image": {"format": "png", "source": {"bytes": PNG}}}, {"text": ASKED}],
                }
            ],
        },
        CONVERSE_ANSWER,
        {"prompt": f"{IMAGE}\n{ASKED}"},
    ),
    "document": Shape(
        {
            **CONVERSE,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"document": {"format": "pdf", "name": "d", "source": {"bytes": "JVBERi0x"}}},
                        {"text": ASKED},
                    ],
                }
            ],
        },
        CONVERSE_ANSWER,
        {"prompt": f"[document document/pdf 6 bytes]\n{ASKED}"},
    ),
    "guarded content": Shape(
        {
            **CONVERSE,
            "messages": [{"role": "user", "content": [{"guardContent": {"text": {"text": ASKED}}}]}],
        },
        CONVERSE_ANSWER,
    ),
    "Titan": Shape(
        {"inputText": ASKED, "textGenerationConfig": {}},
        {
            "inputTextTokenCount": 3,
            "results": [{"outputText": ANSWERED, "tokenCount": 4, "completionReason": "FINISH"}],
        },
        NO_SYSTEM,
    ),
    "Llama": Shape(
        {"prompt": ASKED, "max_gen_len": 9},
        {"generation": ANSWERED, "prompt_token_count": 3, "generation_token_count": 4, "stop_reason": "stop"},
        NO_SYSTEM,
    ),
    "Mistral": Shape(
        {"prompt": ASKED, "max_tokens": 9},
        {"outputs": [{"text": ANSWERED, "stop_reason": "stop"}]},
        NO_SYSTEM,
    ),
    "Strands blocks": Shape(
        [{"text": ASKED}],
        [{"reasoningContent": {"reasoningText": {"text": "Think."}}}, {"text": ANSWERED}],
        {**NO_SYSTEM, "reasoning": "Think."},
    ),
    "Strands tool use": Shape(
        [{"text": ASKED}],
        [{"text": "Let me look."}, {"toolUse": {"toolUseId": "c1", "name": "track", "input": {"id": 7}}}],
        {**NO_SYSTEM, "response": "Let me look.", "calls": ["track"]},
    ),
    "Strands tool result": Shape(
        [
            {"role": "user", "content": [{"text": ASKED}]},
            {
                "role": "user",
                "content": [
                    {
                        "toolResult": {
                            "toolUseId": "c1",
                            "status": "success",
                            "content": [{"text": TOOL_ANSWER}],
                        }
                    }
                ],
            },
        ],
        [{"text": ANSWERED}],
        {**NO_SYSTEM, "results": (TOOL_ANSWER,)},
    ),
}

OTHERS: dict[str, Shape] = {
    "Ollama generate": Shape(
        {"model": "l", "prompt": ASKED, "system": SYSTEM, "stream": False},
        {"model": "l", "response": ANSWERED, "done": True, "context": [1, 2, 3]},
    ),
    "Ollama chat": Shape(
        {"model": "l", "messages": [SYS, USER]}, {"model": "l", "message": AI, "done": True}
    ),
    "Ollama stream": Shape(
        {"model": "l", "messages": [SYS, USER]},
        [
            {"message": {"role": "assistant", "content": "It is "}, "done": False},
            {"message": {"role": "assistant", "content": "in Lyon."}, "done": True},
        ],
    ),
    "Ollama generate stream": Shape(
        {"model": "l", "prompt": ASKED, "system": SYSTEM},
        [{"response": "It is ", "done": False}, {"response": "in Lyon.", "done": True}],
    ),
    "Ollama tool call": Shape(
        {"messages": [SYS, USER]},
        {
            "message": {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "track", "arguments": {"id": 7}}}],
            },
            "done": True,
        },
        CALLED,
    ),
    "Cohere v1": Shape(
        {"message": ASKED, "preamble": SYSTEM, "model": "c"},
        {"text": ANSWERED, "generation_id": "g", "finish_reason": "COMPLETE"},
    ),
    "Cohere v1 with history": Shape(
        {
            "message": ASKED,
            "preamble": SYSTEM,
            "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}],
        },
        {"text": ANSWERED},
    ),
    "Cohere v2": Shape(
        {"model": "c", "messages": [SYS, USER]},
        {
            "id": "x",
            "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]},
        },
    ),
    "Cohere generate": Shape(
        {"prompt": ASKED}, {"id": "x", "generations": [{"id": "g", "text": ANSWERED}]}, NO_SYSTEM
    ),
    "Mistral chat": Shape({"model": "m", "messages": [SYS, USER]}, choice({**AI, "tool_calls": None})),
    "Mistral thinking": Shape(
        [SYS, USER],
        choice(
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Think."}]},
                    {"type": "text", "text": ANSWERED},
                ],
            }
        ),
        {"reasoning": "Think."},
    ),
    "DeepSeek": Shape([SYS, USER], choice({**AI, "reasoning_content": "Think."}), {"reasoning": "Think."}),
    "OpenRouter": Shape([SYS, USER], choice({**AI, "reasoning": "Think."}), {"reasoning": "Think."}),
    "Text Generation Inference": Shape(
        {"inputs": ASKED, "parameters": {"max_new_tokens": 5}}, [{"generated_text": ANSWERED}], NO_SYSTEM
    ),
    "watsonx": Shape(
        {"input": ASKED, "model_id": "m", "parameters": {}},
        {
            "model_id": "m",
            "results": [{"generated_text": ANSWERED, "generated_token_count": 5, "input_token_count": 7}],
        },
        NO_SYSTEM,
    ),
    "Llama stack": Shape([SYS, USER], {"completion_message": None, "content": ANSWERED}),
    "IPython role": Shape(
        [SYS, USER, {"role": "ipython", "content": TOOL_ANSWER}], AI, {"results": (TOOL_ANSWER,)}
    ),
    "Vertex prediction": Shape({"contents": GEMINI_ASKED | {"role": "user"}}, GEMINI_ANSWER, NO_SYSTEM),
    "texts": Shape(ASKED, ANSWERED, NO_SYSTEM),
}
