"""Nobody outside silences a call: real processes, and an anonymous peer who does one thing after another at 8 Mbit/s.

Four anonymous requests a second with packed bodies put 5.8 s of holes into every call of a relay: their bodies were
unpacked on the event loop, though they were answered 401 or 404. Sixty of them took 2.9 GB of the local functions.
"""

import asyncio
import functools
import gzip
import sys
import time
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest

from common.signature import ELEVENLABS_HEADER, RELAY_HEADER, sign
from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.serving import serving
from sim.speech import spoken
from tests.integration.abuse.wire import CONNECTED, TEXT, Wire, frame
from tests.support import calls
from tests.support.busy import real_time
from tests.support.compiled_relay import compiled_relay
from tests.support.http_client import deliver
from tests.support.processes import BARE, free_port, server
from tests.support.relay_world import API_KEY
from tests.support.waits import watched

BYTES_PER_S = 1_000_000  # 8 Mbit/s
WORDS = ("agent_greeting", "agent_hours", "agent_transfer", "agent_greeting", "agent_hours")
SPEAKS = AgentScript(
    replies=(Reply(on="start", say=WORDS),),
    input_format="pcm_8000",
    output_format="pcm_8000",
    metadata_after_s=0.05,
    burst_speed=1000.0,  # the relay has all of the words at once: from then on no hole can be the fake agent's
)
MAX_RSS_MB = 256
LEAD_S = 0.4  # the longest that the relay learns: a wait this long before a hole may be the cause of it


@functools.cache
def bomb():
    """200 MB in 200 kB; made when it is needed and not wherever this module is collected."""
    return gzip.compress(bytes(200 * 1024 * 1024), 9)


class Peer:
    """An anonymous peer, as fast as its line."""

    def __init__(self, url):
        self._url = url
        self._wires = []

    async def connect(self):
        wire = await Wire.open(self._url)
        self._wires.append(wire)
        return wire

    async def send(self, data):
        """On a connection of its own, at the line's speed; the relay may hang up at any time."""
        wire = await self.connect()
        with suppress(ConnectionError):
            for start in range(0, len(data), BYTES_PER_S // 20):
                piece = data[start : start + BYTES_PER_S // 20]
                wire.send(piece)
                await wire.writer.drain()
                await asyncio.sleep(len(piece) / BYTES_PER_S)
        return wire

    async def request(self, method, path, *lines, body=b"", length=None):
        size = len(body) if length is None else length
        head = "\r\n".join((f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {size}", *lines))
        return await self.send(head.encode() + b"\r\n\r\n" + body)

    def leave(self):
        for wire in self._wires:
            wire.writer.transport.abort()
        self._wires.clear()


async def packed(peer):
    for method, path in (("POST", "/media"), ("GET", "/health"), ("POST", "/bg-sound"), ("PUT", "/nowhere")):
        wire = await peer.request(method, path, "Content-Encoding: gzip", body=bomb())
        assert (await wire.answer()).status in {400, 403, 404, 405, 415}


async def huge(peer):
    for path in ("/bg-sound", "/nowhere"):
        await peer.request("POST", path, body=bytes(BYTES_PER_S), length=10**10)


async def slow(peer):
    for _ in range(50):
        wire = await peer.connect()
        wire.send(b"GET /media HTTP/1.1\r\nHost: x\r\nX: ")
    for _ in range(10):
        for wire in peer._wires:
            wire.send(b"y")
        await asyncio.sleep(0.05)


async def half_open(peer):
    for _ in range(300):
        await peer.connect()
    await asyncio.sleep(0.5)


async def pipelined(peer):
    await peer.send(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 20_000)


async def never_upgraded(peer):
    for _ in range(100):
        wire = await peer.connect()
        wire.send(b"GET /media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    await asyncio.sleep(0.5)


async def upgraded_and_never_started(peer):
    for _ in range(40):
        wire = await peer.connect()
        assert (await wire.upgrade()).status == 101
        wire.send(frame(TEXT, CONNECTED))
    await asyncio.sleep(0.5)


ATTACKS = (packed, huge, slow, half_open, pipelined, never_upgraded, upgraded_and_never_started)


def peak_mb(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


@asynccontextmanager
async def a_relay(folder):
    fake = FakeElevenLabs({"agent_0": SPEAKS}, api_key=API_KEY)
    async with serving(fake.app()) as agents:
        port = free_port()
        environ = {
            **BARE,
            **compiled_relay(),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "STORE": f"file:{folder}",
            "ELEVENLABS_AGENT_ID": "agent_0",
            "ELEVENLABS_API_KEY": API_KEY,
            "ELEVENLABS_BASE_URL": agents,
        }
        with server([sys.executable, "-m", "relay"], port, environ) as relay:
            yield relay


@real_time
async def test_three_calls_are_exact_to_the_sample_whatever_a_stranger_does(tmp_path):
    words = np.concatenate([spoken(name, 8000) for name in WORDS])
    script = (Step(when=When.AT, ms=round(words.size / 8 + 1500), hang_up=True),)
    async with a_relay(tmp_path) as relay:
        plan = CallPlan(url=relay.url.replace("http", "ws") + "/media", script=script)
        bomb()  # to pack it later would hold up the fake line
        live = [asyncio.create_task(FakeExotel().call(CallPlan(url=plan.url, script=script))) for _ in range(3)]
        async with watched(relay.process.pid) as waits:
            await asyncio.sleep(0.5)
            peer = Peer(relay.url)
            for attack in ATTACKS:
                await attack(peer)
                peer.leave()
            assert not all(call.done() for call in live), "the calls were over before the peer had done everything"
            results = await asyncio.gather(*live)
        for result in results:
            assert_whole(result, words, waits)
        assert peak_mb(relay.process) < MAX_RSS_MB


def assert_whole(result, words, waits):
    """Every sample of the agent's words, in order and without a hole.

    Two kinds of hole are excused, and taken out before the samples are compared: no longer than this process itself was
    late with a frame (`CallResult.holes` leaves them out), and those for which the relay waited for a core.
    """
    assert not result.violations
    speaks_s = np.flatnonzero(result.heard)[0] / 8000  # before it the line was opened with one quiet frame
    for hole in (hole for hole in result.holes if hole.at_s > speaks_s):
        ran_dry = result.started_at + hole.at_s
        waited_s = waits.between(ran_dry - LEAD_S, ran_dry + hole.length_s)
        assert waited_s >= hole.length_s, f"{hole}: the relay waited {waited_s:.3f} s for a core"
    track = result.heard
    holes = np.zeros(track.size, bool)
    for gap in result.gaps:
        holes[round(gap.at_s * 8000) : round((gap.at_s + gap.length_s) * 8000)] = True
    track = track[~holes]
    begin = np.flatnonzero(track)[0] - np.flatnonzero(words)[0]
    assert np.array_equal(track[begin : begin + words.size], words)


def looks_fresh(header):
    return f"{header}: {sign(b'another body', 'guessed')}"


async def packed_webhooks(peer):
    for path, header in (("/webhook/post-call", ELEVENLABS_HEADER), ("/relay/events", RELAY_HEADER)):
        await peer.request("POST", path, "Content-Encoding: gzip", body=bomb())
        wire = await peer.request("POST", path, "Content-Encoding: gzip", looks_fresh(header), body=bomb())
        assert (await wire.answer()).status in {401, 415}


async def huge_webhooks(peer):
    for _ in range(3):
        await peer.request("POST", "/webhook/post-call", body=bytes(BYTES_PER_S), length=60_000_000)
    await peer.request("POST", "/webhook/post-call", looks_fresh(ELEVENLABS_HEADER), body=bytes(BYTES_PER_S))


async def slow_webhooks(peer):
    for _ in range(50):
        wire = await peer.connect()
        head = "POST /webhook/post-call HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n"
        head += looks_fresh(ELEVENLABS_HEADER)
        wire.send(head.encode() + b"\r\n\r\n{")
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("attack", [packed_webhooks, huge_webhooks, slow_webhooks, half_open, pipelined])
async def test_a_decided_connect_is_answered_while_a_stranger_floods_the_functions(tmp_path, attack):
    """Sixty packed bodies made everybody else wait for 17.6 s, and the caller is in nobody's hands meanwhile."""
    port = free_port()
    environ = {
        **BARE,
        **calls.ENVIRONMENT,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "STORE": f"file:{tmp_path}",
        "SWEEP_EVERY_SECONDS": "0",
    }
    with server([sys.executable, "-m", "functions.local"], port, environ) as functions:
        now = time.time()
        for event in (calls.started(), calls.transfer_requested(), calls.ended("transferred")):
            await asyncio.to_thread(deliver, functions.url, calls.signed_event(event, now=now))
        peer = Peer(functions.url)
        attacking = asyncio.create_task(attack(peer))
        await asyncio.sleep(0.3)
        answers = []
        while not attacking.done() or not answers:
            answer = await asyncio.to_thread(deliver, functions.url, calls.connect())
            answers.append(answer.json()["destination"]["numbers"])
        await attacking
        assert answers == [[calls.SALES]] * len(answers)
        assert peak_mb(functions.process) < MAX_RSS_MB
        peer.leave()
        await asyncio.sleep(0)  # the connections are cut when the loop next runs
