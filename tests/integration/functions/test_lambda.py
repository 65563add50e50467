"""The zips themselves, as deployed: run by AWS's runtime client, over HTTP, on a moto S3 and Secrets Manager."""

import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import boto3
import pytest

from functions.common.store.s3 import S3Store
from tests.support import calls
from tests.support.http_client import deliver, send
from tests.support.lambda_runtime import served
from tests.support.processes import aws_environment

SECRETS = {
    "EVENTS_SECRET": calls.EVENTS_SECRET,
    "ELEVENLABS_WEBHOOK_SECRET": calls.WEBHOOK_SECRET,
    "EXOTEL_TOKEN": calls.TOKEN,
}


@pytest.fixture(scope="module")
def deployed(moto, packages, tmp_path_factory):
    """Both functions with their secrets in Secrets Manager, over one bucket."""
    work = tmp_path_factory.mktemp("lambda")
    environment = aws_environment(moto.url)
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "ap-south-1"}
    client = boto3.client("s3", endpoint_url=moto.url, **credentials)
    client.create_bucket(Bucket="records", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    keeper = boto3.client("secretsmanager", endpoint_url=moto.url, **credentials)
    for name, value in SECRETS.items():
        environment[f"{name}_ARN"] = keeper.create_secret(Name=name, SecretString=value)["ARN"]
    environment |= {"STORE": "s3://records", "TRANSFER_TARGETS": calls.ENVIRONMENT["TRANSFER_TARGETS"]}
    with ExitStack() as stack:
        functions = {
            name: stack.enter_context(
                served(packages / f"{name}-aws-x86_64.zip", f"functions.{name}.aws.handler", environment, work)
            )
            for name in ("webhook", "transfer")
        }
        yield functions["webhook"], functions["transfer"], S3Store("records", client=client), work


def lines(work, function):
    text = (work / f"functions.{function}.aws.handler.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_call_from_start_to_answered(deployed):
    webhook, transfer, store, work = deployed
    now = time.time()
    for event in (calls.started(), calls.transfer_requested()):
        assert deliver(webhook.url, calls.signed_event(event, now=now)).status == 200
    answer = deliver(transfer.url, calls.connect())
    assert answer.json()["destination"]["numbers"] == [calls.SALES]
    assert answer.headers["content-type"] == "application/json"
    assert deliver(webhook.url, calls.signed_event(calls.ended("transferred"), now=now)).status == 200
    assert deliver(webhook.url, calls.signed_webhook(calls.post_call(calls.conversation()), now=now)).status == 200
    dialled = calls.exotel("dial-events", CallSid=calls.CALL, EventType="Answered", DialWhomNumber=calls.SALES)
    assert deliver(transfer.url, dialled).status == 200
    record = calls.record_of(store)
    assert record["transfer"]["state"] == "answered"
    assert record["sources"] == ["relay", "webhook"]
    outcome = next(line for line in lines(work, "transfer") if line.get("event") == "transfer_outcome")
    assert outcome["severity"] == "INFO"
    assert outcome["call_sid"] == calls.CALL
    assert outcome["time"].endswith("Z")
    assert outcome["function_request_id"]


def test_lines_become_metrics(deployed):
    webhook, _, _, work = deployed
    deliver(webhook.url, calls.signed_event(calls.started(call_sid="counted"), now=time.time()))
    embedded = [line for line in lines(work, "webhook") if "relay_event_received" in line and "_aws" in line]
    assert embedded[-1]["relay_event_received"] == [1.0]
    assert embedded[-1]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "ExotelAgentBridge"


def test_a_wrong_token_gets_no_number(deployed):
    _, transfer, _, _ = deployed
    refused = deliver(transfer.url, calls.exotel("connect", token="wrong", CallSid=calls.CALL))
    assert refused.status == 401
    assert b"+91" not in refused.body


def test_a_passthru_of_both_kinds(deployed):
    webhook, transfer, _, _ = deployed
    now = time.time()
    deliver(webhook.url, calls.signed_event(calls.transfer_requested(call_sid="passing"), now=now))
    wanted = calls.exotel("passthru", CallSid="passing", Stream__Status="completed", Stream__DisconnectedBy="bot")
    assert deliver(transfer.url, wanted).status == 302
    assert deliver(transfer.url, calls.exotel("passthru", CallSid="nobody")).status == 200


def test_a_body_that_came_as_base64_verifies(deployed):
    """HTTP API sends what it does not take for text as base64; the signature is over the bytes before that."""
    webhook, _, store, _ = deployed
    body = b"\xff\xfe not utf-8 \x00"
    got = deliver(
        webhook.url, calls.signed_webhook(body, now=time.time(), **{"Content-Type": "application/octet-stream"})
    )
    assert got.status == 200
    assert any(store.read(key).body == body for key in store.keys("inbox/"))


def test_six_megabytes_go_through(deployed):
    webhook, _, store, _ = deployed
    filler = "x" * 5_900_000
    data = calls.conversation(call_sid="large", conversation_id="conv_large", filler=filler)
    request = calls.signed_webhook(calls.post_call(data), now=time.time())
    assert deliver(webhook.url, request).status == 200
    assert calls.record_of(store, "large")["sources"] == ["webhook"]


def test_the_schedule_invokes_the_sweep(deployed):
    webhook, _, _, work = deployed
    assert webhook.invoke({"sweep": True})["failed"] == 0
    assert any(line.get("event") == "sweep_done" for line in lines(work, "webhook"))


def test_forty_at_once(deployed):
    webhook, _, store, _ = deployed
    now = time.time()

    def one(number: int) -> int:
        data = calls.conversation(call_sid=f"burst-{number}", conversation_id=f"conv_burst_{number}")
        return deliver(webhook.url, calls.signed_webhook(calls.post_call(data), now=now)).status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(40))) == {200}
    assert len(list(store.keys("logs/burst-"))) == 40


def test_an_unknown_route_and_method(deployed):
    webhook, _, _, _ = deployed
    assert send(webhook.url + "/nothing").status == 404
    refused = send(webhook.url + "/webhook/post-call")
    assert (refused.status, refused.headers["allow"]) == (405, "POST")


def test_a_missing_bucket_is_answered_with_503_and_named_in_the_log(moto, packages, tmp_path):
    environment = {
        **aws_environment(moto.url),
        "STORE": "s3://not-there",
        "ELEVENLABS_WEBHOOK_SECRET": calls.WEBHOOK_SECRET,
    }
    with served(packages / "webhook-aws-x86_64.zip", "functions.webhook.aws.handler", environment, tmp_path) as webhook:
        got = deliver(webhook.url, calls.signed_webhook(calls.post_call(calls.conversation()), now=time.time()))
        assert got.status == 503
    assert "s3://not-there: there is no such bucket" in (tmp_path / "functions.webhook.aws.handler.log").read_text()


def test_a_zip_holds_only_what_its_function_needs(packages):
    names = zipfile.ZipFile(packages / "transfer-aws-x86_64.zip").namelist()
    assert "functions/transfer/aws.py" in names
    assert not [name for name in names if name.startswith(("functions/webhook", "google", "flask", "aiohttp", "bin/"))]
    assert {name.split("/")[2] for name in names if name.startswith("botocore/data/") and name.count("/") > 2} == {
        "s3",
        "secretsmanager",
        "sts",
    }
