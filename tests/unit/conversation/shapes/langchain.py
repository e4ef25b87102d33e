"""The talk as LangChain records it."""

from __future__ import annotations

from tests.unit.conversation.shapes.talk import (
    ANSWERED,
    ASKED,
    CALL,
    CALLED,
    NO_SYSTEM,
    SYS,
    SYSTEM,
    TOOL_ANSWER,
    USER,
    Shape,
    lc,
)

LANGCHAIN: dict[str, Shape] = {
    "types": Shape(
        {
            "messages": [
                [
                    {"type": "system", "content": SYSTEM},
                    {"type": "human", "content": "Hi"},
                    {"type": "ai", "content": "Which one?"},
                    {"type": "human", "content": ASKED},
                ]
            ]
        },
        {"generations": [[{"text": ANSWERED, "message": {"type": "ai", "content": ANSWERED}}]]},
    ),
    "constructors": Shape(
        {
            "messages": [
                [
                    lc("SystemMessage", content=SYSTEM, type="system"),
                    lc("HumanMessage", content=ASKED, type="human"),
                ]
            ]
        },
        {
            "generations": [
                [
                    {
                        "text": ANSWERED,
                        "type": "ChatGeneration",
                        "message": lc("AIMessage", content=ANSWERED, type="ai"),
                    }
                ]
            ],
            "llm_output": {},
            "run": None,
        },
    ),
    "constructors without a type": Shape(
        [lc("SystemMessage", content=SYSTEM), lc("HumanMessage", content=ASKED)],
        lc("AIMessageChunk", content=ANSWERED),
    ),
    "prompt value": Shape(
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "prompts", "ChatPromptValue"],
            "kwargs": {"messages": [lc("SystemMessage", content=SYSTEM), lc("HumanMessage", content=ASKED)]},
        },
        ANSWERED,
    ),
    "messages_to_dict": Shape(
        [
            {"type": "system", "data": {"content": SYSTEM, "type": "system"}},
            {"type": "human", "data": {"content": ASKED, "type": "human"}},
        ],
        {"type": "ai", "data": {"content": ANSWERED, "type": "ai"}},
    ),
    "prompts": Shape({"prompts": [ASKED]}, {"generations": [[{"text": ANSWERED}]]}, NO_SYSTEM),
    "chain": Shape({"input": ASKED}, {"output": ANSWERED}, NO_SYSTEM),
    "retrieval chain": Shape({"query": ASKED}, {"result": ANSWERED, "source_documents": []}, NO_SYSTEM),
    "conversational chain": Shape({"question": ASKED, "chat_history": []}, {"answer": ANSWERED}, NO_SYSTEM),
    "tool calls": Shape(
        [{"type": "system", "content": SYSTEM}, {"type": "human", "content": ASKED}],
        {
            "type": "ai",
            "content": "",
            "tool_calls": [{"name": "track", "args": {"id": 7}, "id": "c1", "type": "tool_call"}],
        },
        CALLED,
    ),
    "tool calls of old": Shape(
        [{"type": "system", "content": SYSTEM}, {"type": "human", "content": ASKED}],
        {"type": "ai", "content": "", "additional_kwargs": {"tool_calls": [CALL]}},
        CALLED,
    ),
    "tool message": Shape(
        [
            {"type": "system", "content": SYSTEM},
            {"type": "human", "content": ASKED},
            {"type": "tool", "content": TOOL_ANSWER, "tool_call_id": "c1"},
        ],
        {"type": "ai", "content": ANSWERED},
        {"results": (TOOL_ANSWER,)},
    ),
    "content of blocks": Shape(
        [
            {"type": "system", "content": SYSTEM},
            {"type": "human", "content": [{"type": "text", "text": ASKED}]},
        ],
        {"type": "ai", "content": [{"type": "text", "text": ANSWERED}]},
    ),
    "content of strings": Shape(
        [{"type": "system", "content": SYSTEM}, {"type": "human", "content": [ASKED]}],
        {"type": "ai", "content": ANSWERED},
    ),
    "Traceloop entity": Shape(
        {
            "inputs": {"messages": [lc("SystemMessage", content=SYSTEM), lc("HumanMessage", content=ASKED)]},
            "tags": [],
            "metadata": {},
            "kwargs": {"name": "x"},
        },
        {"outputs": lc("AIMessage", content=ANSWERED), "kwargs": {}},
    ),
    "LangGraph state": Shape(
        {"messages": [{"type": "system", "content": SYSTEM}, {"type": "human", "content": ASKED}]},
        {
            "messages": [
                {"type": "human", "content": ASKED},
                {
                    "type": "ai",
                    "content": "",
                    "tool_calls": [{"name": "track", "args": {"id": 7}, "id": "c1"}],
                },
                {"type": "tool", "content": TOOL_ANSWER},
                {"type": "ai", "content": ANSWERED},
            ]
        },
        {"calls": ["track"]},
    ),
    "LangSmith": Shape({"messages": [SYS, USER], "model": "gpt"}, {"role": "assistant", "content": ANSWERED}),
    "chat message": Shape(
        [lc("SystemMessage", content=SYSTEM), lc("ChatMessage", content=ASKED, role="user")], ANSWERED
    ),
}
