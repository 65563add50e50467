"""What CloudWatch makes of the parts' log lines: real lines go through each filter, and the alarms' thresholds judge
them.

CloudWatch's filter patterns for JSON are read here by a small reader of their grammar: comparisons with numbers and
with strings, `*` at an end, && and ||, parentheses.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.terraform import log_lines
from tests.terraform.hcl import text
from tests.terraform.log_lines import value_at

FILTERS = {
    name: json.loads(f'"{pattern}"')
    for name, pattern in re.findall(r'^    (\w+)\s+= \{ group = .*?, pattern = "((?:[^"\\]|\\.)*)"', text("aws"), re.M)
}
VALUES = dict(re.findall(r'^    (\w+)\s+= \{ group = .*?, value = "([^"]*)"', text("aws"), re.M))
ALARMS = {
    metric: float(threshold)
    for metric, threshold in re.findall(r'metric = "(\w+)".*?threshold = ([\d.]+)', text("aws"))
}
AVERAGED = set(re.findall(r'metric = "(\w+)"[^\n]*?statistic = "Average"', text("aws")))
_TOKEN = re.compile(r'\s*(\(|\)|&&|\|\||\$\.[\w.]+|!=|>=|<=|=|>|<|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?)')


def matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """Whether a line passes a filter."""
    inside = pattern.strip()
    assert inside.startswith("{")
    assert inside.endswith("}")
    tokens = _TOKEN.findall(inside[1:-1])
    assert "".join(tokens) == re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", inside[1:-1]), pattern
    result, rest = _any(tokens, line)
    assert rest == []
    return result


def _any(tokens: list[str], line: Mapping[str, Any]) -> tuple[bool, list[str]]:
    result, tokens = _all(tokens, line)
    while tokens[:1] == ["||"]:
        other, tokens = _all(tokens[1:], line)
        result = result or other
    return result, tokens


def _all(tokens: list[str], line: Mapping[str, Any]) -> tuple[bool, list[str]]:
    result, tokens = _one(tokens, line)
    while tokens[:1] == ["&&"]:
        other, tokens = _one(tokens[1:], line)
        result = result and other
    return result, tokens


def _one(tokens: list[str], line: Mapping[str, Any]) -> tuple[bool, list[str]]:
    if tokens[0] == "(":
        result, tokens = _any(tokens[1:], line)
        assert tokens[0] == ")"
        return result, tokens[1:]
    field, operator, wanted, *rest = tokens
    value = value_at(line, field.removeprefix("$."))
    if value is None:
        return False, rest
    if wanted.startswith('"'):
        shape = re.escape(json.loads(wanted)).replace(r"\*", ".*")
        same = isinstance(value, str) and re.fullmatch(shape, value) is not None
        return same if operator == "=" else not same, rest
    number = float(wanted)
    compared = {"=": value == number, "!=": value != number, ">=": value >= number, ">": value > number}
    return isinstance(value, int | float) and compared[operator], rest


def measured(metric: str, lines: list[dict[str, Any]]) -> float:
    """The sum of a metric over lines, or its average if an alarm asks for that."""
    value = VALUES[metric]
    found = [line for line in lines if matches(FILTERS[metric], line)]
    path = value.removeprefix("$.")
    values = [float(value_at(line, path) if value.startswith("$.") else value) for line in found]
    return sum(values) / (max(1, len(values)) if metric in AVERAGED else 1)


# The API's own lines, beside those of the parts.
GOOD_DAY: list[dict[str, Any]] = [
    *log_lines.GOOD_DAY,
    {"status": "200", "path": "/exotel/connect", "error": "-"},
    {"status": "503", "path": "/exotel/connect", "error": "-"},
    {"status": "401", "path": "/webhook/post-call", "error": "-"},
]

OF_ALARM = dict(re.findall(r'^\s+([a-z0-9-]+)\s+= \{ says = .*?metric = "(\w+)"', text("aws"), re.M))
BAD: dict[str, list[dict[str, Any]]] = {
    **{OF_ALARM[alarm]: lines for alarm, lines in log_lines.BAD.items() if alarm != "sweep-failures"},
    "SweepFailures": [{"event": "sweep_done", "failed": 2}],
    # 503 is no answer of ours where the API names an error: a function that is throttled or does not answer
    "ApiFailed": [
        {"status": "500", "path": "/relay/events", "error": "-"},
        {"status": "503", "path": "/webhook/post-call", "error": "-"},
        {"status": "503", "path": "/exotel/connect", "error": "Endpoint request timed out"},
    ],
}


@pytest.mark.parametrize("metric", BAD)
def test_it_rings_when_it_should_and_is_silent_on_a_good_day(metric: str):
    """An undecided Connect's 503 once hid the 5xx of others: one was taken from the other, whoever they came from."""
    assert measured(metric, GOOD_DAY) == (900 if metric == "AnswerMs" else 0)
    assert measured(metric, GOOD_DAY + BAD[metric]) >= ALARMS[metric]
    assert measured(metric, BAD[metric][:-1]) < ALARMS[metric]


def test_every_alarm_on_a_log_line_has_been_rung():
    assert set(ALARMS) & set(FILTERS) == set(BAD)


def test_a_sweep_that_ran_is_seen_by_its_line_and_not_by_what_failed_two_weeks_ago():
    """The alarm once looked at the queue of failed sweeps: a message stays there for 14 days, and so did the red."""
    assert measured("SweepsDone", GOOD_DAY) == 1
    assert measured("SweepsDone", [line for line in GOOD_DAY if line.get("event") != "sweep_done"]) == 0
    (alarm,) = re.findall(r'"aws_cloudwatch_metric_alarm" "sweep_not_run" \{(.*?)\n\}', text("aws"), re.S)
    said = dict(re.findall(r"^  (\w+)\s+= (.+)$", alarm, re.M))
    assert (said["metric_name"], said["comparison_operator"]) == ('"SweepsDone"', '"LessThanThreshold"')
    assert (said["threshold"], said["treat_missing_data"]) == ("1", '"breaching"')
    assert (said["period"], said["evaluation_periods"]) == ("var.sweep_minutes * 60", "3")


@pytest.mark.parametrize(("metric", "sum_"), [("CallsEnded", 2), ("WebhooksReceived", 1), ("Gaps", 0), ("Calls", 4)])
def test_what_the_dashboard_counts(metric: str, sum_: float):
    """A call that had no gaps to count, because it never played anything, is no measurement of gaps."""
    assert measured(metric, GOOD_DAY) == sum_
