"""The two Lambdas as AWS calls them: each reads its own secrets by ARN, and answers requests and the schedule."""

import json
import time

import pytest
from aws_lambda_powertools.utilities import parameters

from functions.transfer import aws as transfer
from functions.webhook import aws as webhook
from tests.support import calls
from tests.support.lambda_runtime import Context, api_event

SECRETS = {
    "arn:token": calls.TOKEN,
    "arn:password": "exotel:a-password-of-nobody",
    "arn:events": calls.EVENTS_SECRET,
    "arn:webhook": calls.WEBHOOK_SECRET,
    "arn:key": "sk_of_nobody",
}

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.fixture(autouse=True)
def _deployed(monkeypatch, tmp_path):
    monkeypatch.setattr(parameters, "get_secret", lambda arn, max_age: SECRETS[arn])
    monkeypatch.setenv("STORE", f"file:{tmp_path}")
    for handler in (transfer, webhook):
        monkeypatch.setattr(handler._function, "_built", None)


def test_the_transfer_lambda_asks_for_token_and_password(monkeypatch):
    monkeypatch.setenv("EXOTEL_TOKEN_ARN", "arn:token")
    monkeypatch.setenv("EXOTEL_BASIC_AUTH_ARN", "arn:password")
    path = f"/exotel/passthru?token={calls.TOKEN}&CallSid={calls.CALL}"
    assert transfer.handler(api_event("GET", path, {}, b""), Context())["statusCode"] == 401
    user = {"Authorization": "Basic ZXhvdGVsOmEtcGFzc3dvcmQtb2Ytbm9ib2R5"}
    assert transfer.handler(api_event("GET", path, user, b""), Context())["statusCode"] == 200
    assert transfer.handler(api_event("GET", "/exotel/passthru?token=x", user, b""), Context())["statusCode"] == 401


def test_the_webhook_lambda_takes_what_its_secrets_have_signed(monkeypatch):
    monkeypatch.setenv("EVENTS_SECRET_ARN", "arn:events")
    monkeypatch.setenv("ELEVENLABS_WEBHOOK_SECRET_ARN", "arn:webhook")
    monkeypatch.setenv("ELEVENLABS_API_KEY_ARN", "arn:key")
    said, told, now = calls.started(), calls.post_call(calls.conversation()), time.time()
    for signed in (calls.signed_event(said, now=now), calls.signed_webhook(told, now=now)):
        event = api_event("POST", signed.path, dict(signed.headers), signed.body)
        assert webhook.handler(event, Context())["statusCode"] == 200
    assert webhook._function._app()._settings.api_key == "sk_of_nobody"


def test_the_schedule_sweeps(monkeypatch):
    monkeypatch.setenv("EVENTS_SECRET_ARN", "arn:events")
    done = webhook.handler({"sweep": True}, Context())
    assert json.loads(json.dumps(done))["repaired"] == 0
