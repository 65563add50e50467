"""Terraform's errors become lines for somebody who has never read Terraform."""

import json

import pytest

from console.deployment.terraform import planned_problems


def said(summary: str, detail: str) -> str:
    return json.dumps({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": summary, "detail": detail}})


@pytest.mark.parametrize(
    ("summary", "detail", "line"),
    [
        (
            "Invalid value for variable",
            "relay_environment: MAX_CALLS is set by\nthe variable relay_max_calls.\n\nThis was checked by …",
            "relay_environment: MAX_CALLS is set by the variable relay_max_calls.",
        ),
        (
            "Resource precondition failed",
            "The settings of the webhook function have 5000 bytes.",
            "The settings of the webhook function have 5000 bytes.",
        ),
        (
            "No value for required variable",
            'The root module input variable "alarm_email" is not set, and has no default value.',
            "ALARM_EMAIL is not set, neither in the environment nor in .env",
        ),
        (
            "No value for required variable",
            'The root module input variable "elevenlabs_agent_id" is not set.',
            "ELEVENLABS_AGENT_ID is not set, neither in the environment nor in .env",
        ),
        ("Reference to undeclared resource", "There is none.", "Reference to undeclared resource: There is none."),
        ("No valid credential sources found", "", "No valid credential sources found"),
    ],
)
def test_an_error_is_one_line(summary: str, detail: str, line: str):
    warning = json.dumps({"diagnostic": {"severity": "warning", "summary": "Old", "detail": "Old."}})
    output = "\n".join(['{"type": "version"}', warning, said(summary, detail), "no JSON", said(summary, detail)])
    assert planned_problems(output) == [line]


def test_several_errors_come_in_their_order():
    output = "\n".join([said("two", ""), said("one", "first"), said("two", "")])
    assert planned_problems(output) == ["two", "one: first"]
