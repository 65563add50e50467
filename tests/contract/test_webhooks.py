"""ElevenLabs' post-call webhook, held to ElevenLabs' SDK: its signature, and bodies of every shape it knows."""

import json
import subprocess
import time

from common.signature import ELEVENLABS_HEADER, sign
from functions.common.http import Request
from functions.webhook.app import WebhookApp
from functions.webhook.settings import Settings
from tests.support.memory_store import MemoryStore
from tests.support.sdk_models import SCRIPTS, sdk_python

SECRET = "wsec_0123456789abcdef"
BODIES = 60


def run(*arguments, said=""):
    done = subprocess.run(
        [sdk_python(), SCRIPTS / "webhooks.py", *arguments], input=said, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_sdk_takes_our_signature_and_refuses_another():
    """The fake signs with it, and so would a stolen secret: what the SDK takes is what the function takes."""
    body = '{"type":"post_call_transcription","data":{"text":"नमस्ते"}}'
    good = {"body": body, "header": sign(body.encode(), SECRET), "secret": SECRET}
    wrong = {**good, "secret": SECRET + "x"}
    old = {**good, "header": sign(body.encode(), SECRET, time.time() - 3600)}
    found = run("verify", said="\n".join(map(json.dumps, (good, wrong, old))))
    assert found[0] == {"type": "post_call_transcription"}
    assert "does not match" in found[1]["problem"]
    assert "tolerance" in found[2]["problem"]


def test_bodies_of_every_shape_are_taken_in():
    """Made at random from the models of the SDK: none may be refused, lost or end in a 500."""
    app = WebhookApp(Settings.from_env({"ELEVENLABS_WEBHOOK_SECRET": SECRET}), store := MemoryStore())
    for number, body in enumerate(bodies := run("bodies", str(BODIES))):
        raw = json.dumps(body).encode()
        headers = {ELEVENLABS_HEADER.lower(): sign(raw, SECRET), "content-type": "application/json"}
        answer = app.handle(Request("POST", "/webhook/post-call", headers=headers, body=raw))
        assert answer.status == 200, (answer, body)
        assert raw in store.objects.values()
        (piece,) = [value for key, value in store.objects.items() if key.startswith(f"conversations/conv_{number}/")]
        said = [words for turn in body["data"]["transcript"] if (words := _said(turn))]
        assert [turn["text"] for turn in json.loads(piece)["turns"]] == said
    assert len(bodies) == BODIES


def _said(turn):
    parts = (turn.get("multivoice_message") or {}).get("parts", ())
    return (turn.get("message") or " ".join(part["text"] for part in parts if part["text"].strip())).strip()
