"""From an empty account to a call in the records: set up, looked at, called, by the commands a user types."""

import asyncio
import json
import os
import re
import sys

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.processes import ROOT, child, free_port
from sim.serving import serving
from tests.support.compiled_relay import compiled_relay

API_KEY = "sk_of_nobody_at_all"
EVENTS_SECRET = "events-secret-of-nobody"


async def console(environ, *arguments):
    """Exit status and what is printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "console", *arguments),
        cwd=ROOT,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_from_nothing_to_a_call_in_the_records(tmp_path):
    fake = FakeElevenLabs({}, api_key=API_KEY)
    secret_file, port = tmp_path / "secret.env", free_port()
    webhook_url = f"http://127.0.0.1:{port}/webhook/post-call"
    async with serving(fake.app()) as elevenlabs_url:
        environ = {
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": elevenlabs_url,
            "STORE": f"file:{tmp_path / 'store'}",
            "EVENTS_SECRET": EVENTS_SECRET,
            "EXOTEL_TOKEN": "exotel-token-of-nobody",
            "TRANSFER_TARGETS": '{"support": "+919876500010"}',
        }
        status, output = await console(
            environ,
            *("setup", "elevenlabs", "--create", "Reception", "--webhook-url", webhook_url),
            *("--secret-file", str(secret_file), "--yes", "--env-file", str(tmp_path / "none")),
        )
        assert status == 0, output
        environ["ELEVENLABS_AGENT_ID"] = re.search(r"ELEVENLABS_AGENT_ID=(agent_\w+)", output)[1]
        environ["ELEVENLABS_WEBHOOK_SECRET"] = secret_file.read_text().strip().partition("=")[2]
        functions = child("functions.local", environ, port=port, path="/", log=tmp_path / "functions.log")
        async with functions as functions_url:
            status, output = await console(
                environ,
                *("doctor", "--only", "elevenlabs,webhook", "--webhook", webhook_url, "--json"),
                *("--env-file", str(tmp_path / "none")),
            )
            findings = {one["check"]: one["verdict"] for one in json.loads(output)["findings"]}
            assert status == 0, output
            # the published list of webhooks does not tell whether retries are on
            assert {check for check, verdict in findings.items() if verdict != "pass"} == {"webhook.retries"}
            (webhook,) = fake.workspace.webhooks.values()
            assert webhook["retry_enabled"] is True
            record = await call(environ, functions_url, fake, tmp_path)
    assert record["sources"] == ["relay", "webhook"]
    assert [turn["speaker"] for turn in record["turns"]] == ["agent"]
    assert record["agent"]["id"] == environ["ELEVENLABS_AGENT_ID"]


async def call(environ, functions_url, fake, folder):
    """The record of a call in which the agent's greeting is heard to its end."""
    relay_environ = {name: value for name, value in environ.items() if name != "STORE"}
    relay_environ["EVENTS_URL"] = f"{functions_url}/relay/events"
    relay = child(
        "relay", {**relay_environ, **compiled_relay()}, port=free_port(), path="/ready", log=folder / "relay.log"
    )
    async with relay as relay_url:
        plan = CallPlan(
            url=f"{relay_url.replace('http', 'ws')}/media",
            script=(Step(when=When.AGENT_FINISHED, ms=300, hang_up=True),),
        )
        await FakeExotel().call(plan)
        await fake.settled(30)
    return json.loads((folder / "store" / "logs" / f"{plan.call_sid}.json").read_text())
