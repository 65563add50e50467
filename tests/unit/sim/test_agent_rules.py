import base64
import json

import pytest

from relay.agents.elevenlabs.fake_rules import (
    CallerAudio,
    ClientRule,
    Initiation,
    Message,
    Pong,
    ToolResult,
    read_event,
)
from sim.vendors.record import BrokenRuleError

INITIATION = "conversation_initiation_client_data"


def read(message):
    return read_event(message if isinstance(message, str) else json.dumps(message))


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"user_audio_chunk": base64.b64encode(b"\1\2").decode()}, CallerAudio(b"\1\2")),
        ({"type": "pong", "event_id": 7}, Pong(7)),
        (
            {"type": "client_tool_result", "tool_call_id": "t1", "result": "{}", "is_error": False},
            ToolResult("t1", "{}", False),
        ),
        ({"type": "user_message", "text": "4"}, Message("user_message", "4")),
        ({"type": "contextual_update", "text": "x", "context_id": "c"}, Message("contextual_update", "x")),
        ({"type": "user_activity"}, Message("user_activity", "")),
        ({"type": "feedback", "event_id": 3, "score": "like"}, Message("feedback", "")),
        ({"type": INITIATION}, Initiation({"type": INITIATION})),
    ],
)
def test_what_a_client_may_say(message, event):
    assert read(message) == event


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ("{", ClientRule.NOT_JSON),
        ("[]", ClientRule.WRONG_SHAPE),
        ({}, ClientRule.UNKNOWN_TYPE),
        ({"type": "interrupt"}, ClientRule.UNKNOWN_TYPE),
        ({"type": "user_audio", "user_audio_chunk": "AAA="}, ClientRule.UNKNOWN_TYPE),
        ({"user_audio_chunk": "A A="}, ClientRule.BAD_BASE64),
        ({"user_audio_chunk": 5}, ClientRule.BAD_BASE64),
        ({"type": "pong"}, ClientRule.WRONG_SHAPE),
        ({"type": "pong", "event_id": "7"}, ClientRule.WRONG_SHAPE),
        ({"type": "client_tool_result", "tool_call_id": "t", "result": {}, "is_error": False}, ClientRule.WRONG_SHAPE),
        ({"type": "client_tool_result", "tool_call_id": "t", "result": "x"}, ClientRule.WRONG_SHAPE),
        ({"type": "user_message"}, ClientRule.WRONG_SHAPE),
        ({"type": INITIATION, "dynamic_variables": []}, ClientRule.WRONG_SHAPE),
        ({"type": INITIATION, "dynamic_variables": {"a": None}}, ClientRule.WRONG_SHAPE),
        ({"type": INITIATION, "dynamic_variables": {"a": {}}}, ClientRule.WRONG_SHAPE),
        ({"type": INITIATION, "dynamic_variables": {"system__time": "1"}}, ClientRule.RESERVED_VARIABLE),
        ({"type": INITIATION, "conversation_config_override": 1}, ClientRule.WRONG_SHAPE),
    ],
)
def test_what_a_client_may_not_say(message, rule):
    with pytest.raises(BrokenRuleError) as broken:
        read(message)
    assert (broken.value.rule, broken.value.fatal) == (rule, True)


def test_overrides_are_listed_by_their_path():
    initiation = read(
        {"type": INITIATION, "conversation_config_override": {"agent": {"prompt": {"llm": "x"}, "language": "hi"}}}
    )
    assert initiation.overrides() == ["agent.prompt.llm", "agent.language"]
