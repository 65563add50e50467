"""The archives for Cloud Functions, unpacked and run by the real functions-framework, on a Cloud Storage emulator."""

import json
import sys
import time
import zipfile
from contextlib import ExitStack

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from functions.common.store.gcs import GcsStore
from tests.support import calls
from tests.support.http_client import deliver, send
from tests.support.processes import BARE, free_port, server


@pytest.fixture(scope="module")
def deployed(gcs, packages, tmp_path_factory):
    """`webhook`, `sweep` and `transfer`, each in a process of its own as on Cloud Run."""
    environment = {
        **BARE,
        **calls.ENVIRONMENT,
        "STORAGE_EMULATOR_HOST": gcs.url,
        "GOOGLE_CLOUD_PROJECT": "test",
        "STORE": "gs://records",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
        client = storage.Client(project="test", credentials=AnonymousCredentials())
        client.create_bucket("records")
    served = {}
    with ExitStack() as stack:
        for name, target in (("webhook", "webhook"), ("webhook", "sweep"), ("transfer", "transfer")):
            folder = tmp_path_factory.mktemp(target)
            with zipfile.ZipFile(packages / f"{name}-gcp.zip") as zipped:
                zipped.extractall(folder)
            port = free_port()
            command = [sys.executable, "-m", "functions_framework", "--target", target, "--port", str(port)]
            command += ["--source", "main.py", "--host", "127.0.0.1"]
            here = {**environment, "PYTHONPATH": str(folder)}
            served[target] = stack.enter_context(server(command, port, here, folder))
        yield served, GcsStore("records", "", client)


def lines(process):
    return [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]


def test_a_call_from_start_to_answered(deployed):
    functions, store = deployed
    now = time.time()
    for event in (calls.started(), calls.transfer_requested("Support")):
        assert deliver(functions["webhook"].url, calls.signed_event(event, now=now)).status == 200
    answer = deliver(functions["transfer"].url, calls.connect())
    assert answer.json()["destination"]["numbers"] == [calls.SUPPORT, calls.SUPPORT_2]
    assert deliver(functions["webhook"].url, calls.signed_event(calls.ended("transferred"), now=now)).status == 200
    webhook = calls.signed_webhook(calls.post_call(calls.conversation()), now=now)
    assert deliver(functions["webhook"].url, webhook).status == 200
    for state in ("Dial", "Ringing", "Answered"):
        dialled = calls.exotel("dial-events", CallSid=calls.CALL, EventType=state, DialWhomNumber=calls.SUPPORT)
        assert deliver(functions["transfer"].url, dialled).status == 200
    record = calls.record_of(store)
    assert record["transfer"]["state"] == "answered"
    assert record["sources"] == ["relay", "webhook"]
    assert {"connect_answered", "transfer_outcome"} <= {line["event"] for line in lines(functions["transfer"])}


def test_a_webhook_in_chunks_without_a_length(deployed):
    """`post_call_audio` comes that way (elevenlabs.md A5.3)."""
    functions, store = deployed
    now = time.time()
    started = calls.started(call_sid="chunked", conversation_id="conv_chunked")
    deliver(functions["webhook"].url, calls.signed_event(started, now=now))
    audio = calls.post_call(
        {"agent_id": "a", "conversation_id": "conv_chunked", "full_audio": "SUQz" * 100_000}, "post_call_audio"
    )
    request = calls.signed_webhook(audio, now=now)
    chunks = (request.body[at : at + 65_536] for at in range(0, len(request.body), 65_536))
    headers = {**request.headers, "Transfer-Encoding": "chunked"}
    assert send(functions["webhook"].url + request.path, "POST", headers, chunks).status == 200
    assert store.read("audio/chunked.mp3").body == b"ID3" * 100_000


def test_six_megabytes_go_through(deployed):
    functions, store = deployed
    data = calls.conversation(call_sid="large", conversation_id="conv_large", filler="x" * 6_000_000)
    assert deliver(functions["webhook"].url, calls.signed_webhook(calls.post_call(data), now=time.time())).status == 200
    assert calls.record_of(store, "large")["sources"] == ["webhook"]


def test_a_bad_signature_and_a_wrong_token(deployed):
    functions, _ = deployed
    forged = calls.signed_webhook(calls.post_call(calls.conversation()), secret="guess", now=time.time())
    assert deliver(functions["webhook"].url, forged).status == 401
    refused = deliver(functions["transfer"].url, calls.exotel("connect", token="guess", CallSid=calls.CALL))
    assert refused.status == 401
    assert b"+91" not in refused.body


def test_the_passthru_is_a_302_without_a_place_to_go(deployed):
    """With a Location an HTTP client might follow it, and Exotel would see a 404 instead of branch B."""
    functions, _ = deployed
    deliver(functions["webhook"].url, calls.signed_event(calls.transfer_requested(call_sid="passing"), now=time.time()))
    got = deliver(functions["transfer"].url, calls.exotel("passthru", CallSid="passing", Stream__Status="completed"))
    assert got.status == 302
    assert "location" not in got.headers


def test_the_sweep_is_a_function_of_its_own(deployed):
    functions, _ = deployed
    got = send(functions["sweep"].url + "/", "POST")
    assert got.status == 200
    assert got.json() == {"repaired": 0, "closed": 0, "forwarded": 0, "failed": 0, "expired": 0}
    assert "sweep_done" in {line["event"] for line in lines(functions["sweep"])}
