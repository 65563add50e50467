"""The bench for bots: a good one, and one for each thing that may be wrong with it."""

import asyncio
import base64
import json
from types import SimpleNamespace

import numpy as np
import pytest
from aiohttp import web

from console.__main__ import main
from console.check_bot.command import _subject
from console.check_bot.examination import examined
from relay.outgoing import outgoing
from sim.serving import serving
from sim.sound import mulaw_encoded
from sim.speech import spoken
from tests.support.virtual import virtual

WORDS = spoken("agent_hours", 8000)
LOUD = 300


class Bench:
    """A bot with faults to choose from; without any it does all that it should."""

    def __init__(self, kind="exotel", **faults):
        self.kind = kind
        self.faults = faults
        self.calls = 0
        self.starts = []

    def app(self):
        app = web.Application()
        app.router.add_get("/ws", self.call)
        return app

    async def call(self, request):
        self.calls += 1
        if self.faults.get("refuses") == self.calls:
            return web.Response(status=403)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        loud = quiet = 0
        async for message in ws:
            event = json.loads(message.data)
            if event["event"] == "start":
                self.starts.append(event["start"])
                if self.faults.get("leaves"):
                    await ws.close(code=self.faults["leaves"])
                if not self.faults.get("waits"):
                    await self.say(ws)
            elif event["event"] == "media":
                data = base64.b64decode(event["media"]["payload"])
                if self.kind == "exotel":
                    is_loud = np.abs(np.frombuffer(data, "<i2").astype(int)).mean() > LOUD
                else:
                    is_loud = len(set(data)) > 40
                loud, quiet = (loud + 1, 0) if is_loud else (loud, quiet + 1)
                if is_loud and loud == 10 and not self.faults.get("deaf_to_interruptions"):
                    await ws.send_json({"event": "clear"})
                if loud >= 10 and quiet == 20:
                    loud = 0
                    if not self.faults.get("silent"):
                        await self.say(ws)
            elif event["event"] == "stop":
                if self.faults.get("stays"):
                    continue
                break
        await ws.close()
        return ws

    async def say(self, ws):
        data = WORDS.astype("<i2").tobytes() if self.kind == "exotel" else mulaw_encoded(WORDS)
        if self.faults.get("wav"):
            data = b"RIFF" + bytes(40) + data
        size = self.faults.get("size", 1600)
        for start in range(0, len(data), size):
            payload = base64.b64encode(data[start : start + size]).decode()
            await ws.send_json({"event": "media", "media": {"payload": payload}})
        await ws.send_json({"event": self.faults.get("event", "mark"), "mark": {"name": "end"}})


async def verdicts(bench):
    async with serving(bench.app()) as url, outgoing() as http:
        address = url.replace("http", "ws") + "/ws?tenant=acme"
        subject = _subject(SimpleNamespace(url=address, protocol=bench.kind, rate=8000, header=[]))
        return {finding.check: finding async for finding in examined(http, subject)}


@pytest.mark.parametrize("kind", ["exotel", "twilio"])
@virtual
async def test_a_good_bot_has_nothing_to_fix(kind):
    bench = Bench(kind)
    found = await verdicts(bench)
    assert {check: finding.verdict for check, finding in found.items() if finding.verdict != "pass"} == {
        "bot.pace": "warn"  # it sends all it says in one burst
    }
    assert set(found) == {
        *("bot.handshake", "bot.greeting", "bot.answer", "bot.stop", "bot.sound", "bot.pace", "bot.marks"),
        *("bot.messages", "bot.barge_in"),
    }
    assert "sends `clear` when the caller cuts in" in found["bot.barge_in"].found
    assert bench.calls == 2
    if kind == "exotel":
        assert bench.starts[0]["custom_parameters"] == {"tenant": "acme"}


@pytest.mark.parametrize(
    ("faults", "check", "verdict", "says"),
    [
        ({"refuses": 1}, "bot.handshake", "fail", "HTTP 403"),
        ({"refuses": 2}, "bot.again", "fail", "HTTP 403"),
        ({"silent": True}, "bot.answer", "fail", "8 s after the caller spoke it said nothing"),
        ({"stays": True}, "bot.stop", "warn", "still open"),
        ({"leaves": 1011}, "bot.stop", "fail", "it closed with 1011"),
        ({"wav": True}, "bot.sound", "fail", "WAV header"),
        ({"size": 1601}, "bot.sound", "fail", "an odd number of bytes"),
        ({"event": "pling"}, "bot.messages", "warn", "'pling'"),
        ({"deaf_to_interruptions": True}, "bot.barge_in", "warn", "what it had sent is still heard"),
    ],
    ids=lambda value: str(value),
)
@virtual
async def test_what_is_wrong_is_found(faults, check, verdict, says):
    finding = (await verdicts(Bench(**faults)))[check]
    assert finding.verdict == verdict
    assert says in finding.found
    assert finding.advice


@virtual
async def test_a_bot_that_waits_for_the_caller_is_a_good_one():
    found = await verdicts(Bench(waits=True))
    assert "it waits for the caller" in found["bot.greeting"].found
    assert {found[check].verdict for check in ("bot.greeting", "bot.answer", "bot.barge_in")} == {"pass"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["https://bot"], "expected the bot's address, such as wss://bot.example.in/media"),
        (["wss://bot", "--header", "nonsense"], "--header 'nonsense': expected NAME: VALUE"),
    ],
)
def test_an_address_that_can_not_be_used_is_status_2(capsys, arguments, says):
    assert main(["check-bot", *arguments]) == 2
    assert capsys.readouterr().err == f"check-bot: {says}\n"


def test_nobody_there_is_status_1(capsys):
    assert main(["check-bot", "ws://127.0.0.1:1/ws", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [finding["check"] for finding in document["findings"]] == ["bot.handshake"]


@virtual
async def test_calls_authenticate_as_configured():
    bench = Bench()
    seen = []

    async def note(request):
        seen.append(dict(request.headers))
        return await Bench.call(bench, request)

    bench.call = note
    async with serving(bench.app()) as url, outgoing() as http:
        address = url.replace("http://", "ws://me:secret@") + "/ws"
        subject = _subject(SimpleNamespace(url=address, protocol="exotel", rate=8000, header=["X-Key: abc"]))
        await asyncio.wait_for(anext(examined(http, subject)), 60)
    assert seen[0]["X-Key"] == "abc"
    assert seen[0]["Authorization"] == "Basic bWU6c2VjcmV0"
