"""What only the Lambda entry does: secrets by ARN, events to requests. The rest is run as a zip, in test_lambda."""

import base64
import json
import logging
import time

import pytest
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from functions.common import aws
from functions.common.aws import LambdaFunction, to_request, to_result
from functions.common.http import answer
from tests.support.lambda_runtime import Context, api_event


@pytest.fixture
def secrets(monkeypatch):
    """Secrets Manager, as far as the entry sees it."""
    kept = {"arn:one": "first"}

    def get_secret(arn, max_age):
        if arn not in kept:
            raise GetParameterError("throttled")
        return kept[arn]

    monkeypatch.setattr(parameters, "get_secret", get_secret)
    monkeypatch.setenv("ONE_ARN", "arn:one")
    monkeypatch.setenv("TWO", "plain")
    return kept


pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


def test_a_secret_has_its_own_name_and_a_rotated_one_is_picked_up(secrets):
    builds = []

    def build(environ):
        builds.append((environ["ONE"], environ["TWO"]))
        return environ["ONE"]

    handler = LambdaFunction("test", ("ONE", "TWO"), build).entry(lambda app, event: {"app": app})
    assert handler({}, Context())["app"] == "first"
    assert handler({}, Context())["app"] == "first"
    assert builds == [("first", "plain")]
    secrets["arn:one"] = "second"
    assert handler({}, Context())["app"] == "second"


def test_a_secret_that_can_not_be_refreshed_stays_good(secrets):
    """Secrets Manager throttles; the webhook in hand must not be lost for it."""
    handler = LambdaFunction("test", ("ONE",), lambda environ: environ["ONE"]).entry(lambda app, event: {"app": app})
    handler({}, Context())
    del secrets["arn:one"]
    assert handler({}, Context())["app"] == "first"


def test_without_its_secret_a_function_does_not_begin(secrets):
    del secrets["arn:one"]
    handler = LambdaFunction("test", ("ONE",), lambda environ: environ["ONE"]).entry(lambda app, event: {})
    with pytest.raises(GetParameterError):
        handler({}, Context())


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
def test_a_body_arrives_to_the_byte(kind):
    body = '{"text": "नमस्ते"}'.encode()
    event = api_event("POST", "/webhook/post-call?a=1&b=%2B", {"Content-Type": kind}, body)
    made = to_request(event)
    assert (made.method, made.path, made.query, made.body) == ("POST", "/webhook/post-call", {"a": "1", "b": "+"}, body)
    assert event["isBase64Encoded"] == (kind != "application/json")
    assert base64.b64decode(event["body"]) == body if event["isBase64Encoded"] else True


def test_an_answer_goes_back_as_text():
    result = to_result(answer(503, {"status": "error"}))
    assert result["statusCode"] == 503
    assert result["body"] == '{"status":"error"}'
    assert result["isBase64Encoded"] is False


def test_a_line_of_a_lambda_has_the_contract_s_names_and_its_time_is_utc(monkeypatch):
    """Amazon's Powertools has names of its own, and the time zone of the process."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        try:
            raise KeyError("+919876500001")
        except KeyError as error:
            told = {"event": "store_failed", "fields": {"path": "/a", "to": "+919876500002"}}
            told["function_request_id"] = "request-1"
            raised = (type(error), error, error.__traceback__)
            record = logging.makeLogRecord(
                {"levelname": "ERROR", "msg": "%s", "args": ("no bucket",), "created": 1_795_428_000.0, **told}
                | {"exc_info": raised, "name": "functions"}
            )
        line = json.loads(aws._Lines().format(record))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert line.pop("exception").endswith("KeyError: '***0001'")
    said = {"severity": "ERROR", "event": "store_failed", "message": "no bucket", "path": "/a", "to": "***0002"}
    said["function_request_id"] = "request-1"
    assert line.pop("time").startswith("2026-11-23T10:00:00")
    assert line == said


class Counted:
    """Takes the place of Powertools' metrics."""

    def __init__(self):
        self.added = []

    def add_metric(self, name, unit, value):
        self.added.append((name, unit.value, value))


@pytest.mark.parametrize(
    ("event", "fields", "more"),
    [
        *[
            (event, {}, [])
            for event in (
                *("webhook_received", "webhook_refused", "conversation_unverified", "relay_event_received"),
                *("exotel_refused", "transfer_outcome", "transfer_missed", "store_failed", "internal_error"),
            )
        ],
        ("connect_answered", {"waited_s": 2.5}, [("connect_waited", "Seconds", 2.5)]),
        ("sweep_done", {"failed": 3}, [("sweep_failed", "Count", 3)]),
    ],
)
def test_the_lines_that_alarms_watch_are_counted(event, fields, more):
    metrics = Counted()
    aws._Counter(metrics).emit(logging.makeLogRecord({"event": event, "fields": fields}))
    assert metrics.added == [(event, "Count", 1), *more]


@pytest.mark.parametrize("told", [{}, {"event": "retention_done", "fields": {"keys": 3}}, {"event": "urllib3"}])
def test_no_other_line_is_a_metric(told):
    metrics = Counted()
    aws._Counter(metrics).emit(logging.makeLogRecord(told))
    assert metrics.added == []
