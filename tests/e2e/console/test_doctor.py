"""The doctor, all its parts, against everything there is: as processes and fakes, all of them well."""

import argparse
import asyncio
import io
import json
import os
import sys
from contextlib import asynccontextmanager

import pytest

from console.setup import command as setup
from console.setup.elevenlabs import Terminal, set_up
from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.exotel_rest import FakeExotelRest
from sim.processes import INHERITED, ROOT, child, free_port
from sim.serving import serving
from tests.support.compiled_relay import compiled_relay
from tests.support.relay_world import GREETING

API_KEY, MEDIA_TOKEN, EXOTEL_TOKEN = "sk_of_nobody_at_all", "media-token-of-nobody", "exotel-token-of-nobody"
FLOW = "http://my.exotel.com/acmehealth1/exoml/start_voice/412233"
NUMBER = {
    "sid": "x",
    "phone_number": "+918047100002",
    "capabilities": {"voice": True, "sms": False},
    "voice_url": FLOW,
}
NOT_HERE = {  # why each of these can't be told on this machine
    "relay.tls": "no TLS between processes of one machine",
    "relay.certificate": "the same",
    "relay.http1": "the same",
    "relay.idle": "only with --slow",
    "lookup.answer": "no look-up is set",
    "agents.settings": "no agent of another vendor's is set",
    "exotel.applet": "Exotel's API does not tell",
    "exotel.enabled": "Exotel's API does not tell",
}


async def doctor(environ, *arguments):
    """Exit status, the JSON object, and everything that was printed."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "console", "doctor", "--env-file", os.devnull, "--json", *arguments),
        cwd=ROOT,
        env={**inherited, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        printed, complaints = await process.communicate()
    assert not complaints, complaints.decode()
    return process.returncode, json.loads(printed), printed.decode()


@asynccontextmanager
async def well(folder):
    """Relay and functions as processes, an agent set up by `console setup`; yields what the doctor is given."""
    functions_port, relay_port = free_port(), free_port()
    functions_url = f"http://127.0.0.1:{functions_port}"
    fake = FakeElevenLabs({"agent_0": GREETING}, api_key=API_KEY)
    exotel = FakeExotelRest(numbers=[NUMBER])
    async with serving(fake.app()) as elevenlabs_url, serving(exotel.app()) as exotel_url:
        environ = {
            "ELEVENLABS_AGENT_ID": "agent_0",
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": elevenlabs_url,
            "BACKGROUND_SOUND_FILE": "office",
            "MEDIA_TOKEN": MEDIA_TOKEN,
            "EVENTS_URL": f"{functions_url}/relay/events",
            "EVENTS_SECRET": "events-secret-of-nobody",
            "EXOTEL_TOKEN": EXOTEL_TOKEN,
            "TRANSFER_TARGETS": '{"support": "+919876500010"}',
            "TRANSFER_REQUEST_SECONDS": "1",
            "STORE": f"file:{folder / 'store'}",
            "MAX_CALLS": "100",
            "EXOTEL_BASE_URL": exotel_url,
            "EXOTEL_SID": "acmehealth1",
            "EXOTEL_API_KEY": "key-1",
            "EXOTEL_API_TOKEN": "token-1",
            "EXOTEL_CALLER_ID": "08047100002",
            "VOICEBOT_URL": f"ws://127.0.0.1:{relay_port}/media/{MEDIA_TOKEN}",
            "FUNCTIONS_PUBLIC_URL": functions_url,
        }
        fake.workspace.tells_retries = True
        fake.workspace.agents["agent_0"]["conversation_config"]["agent"]["first_message"] = "Hello!"
        await _set_up(environ, f"{functions_url}/webhook/post-call")
        (environ["ELEVENLABS_WEBHOOK_SECRET"],) = fake.workspace.secrets.values()
        functions = child("functions.local", environ, port=functions_port, path="/", log=folder / "functions.log")
        relay = child(
            "relay", {**environ, **compiled_relay()}, port=relay_port, path="/ready", log=folder / "relay.log"
        )
        async with functions, relay:
            yield environ
            await fake.settled()  # the test call's webhook finds the functions still there


async def _set_up(environ, webhook_url):
    parser = argparse.ArgumentParser()
    setup.add_arguments(parser)
    options = parser.parse_args(["elevenlabs", "--webhook-url", webhook_url, "--private"])
    out = io.StringIO()
    assert await set_up(options, environ, Terminal(out, lambda question: "y", True)) == 0, out.getvalue()


@pytest.mark.timeout(180)
async def test_a_healthy_installation_has_no_findings(tmp_path):
    async with well(tmp_path) as environ:
        status, document, printed = await doctor(environ)
        left = {one["check"]: one["found"] for one in document["findings"] if one["verdict"] in {"warn", "fail"}}
        # ws:// is the one thing that Exotel would not like here
        assert left.keys() == {"relay.address"}, left
        skipped = {one["check"] for one in document["findings"] if one["verdict"] == "skipped"}
        assert skipped == NOT_HERE.keys()
        assert status == 0
        assert not [
            secret
            for name, secret in environ.items()
            if name.endswith(("TOKEN", "SECRET", "KEY")) and secret in printed
        ]
        call = next(one for one in document["findings"] if one["check"] == "relay.call")
        (record,) = (tmp_path / "store" / "logs").iterdir()
        assert record.stem in call["found"], "the test call is told of under the name that its record has"
        assert record.stem.startswith("doctor-")

        # and on the same installation, what is planted is found
        (tmp_path / "elsewhere").touch()
        status, document, _ = await doctor({**environ, "STORE": f"file:{tmp_path / 'elsewhere'}"}, "--only", "store")
        assert (status, document["counts"]["fail"]) == (1, 1)
        status, document, _ = await doctor({**environ, "EVENTS_SECRET": "another-secret-of-nobody"}, "--no-call")
        assert status == 1
        assert [one["check"] for one in document["findings"] if one["verdict"] == "fail"] == ["functions.events_secret"]
