"""All that the doctor examines, on the loopback interface under public names: relay behind balancer, functions, vendor.

A `Day` says what is wrong with it; `examined_on` runs the doctor over it.
"""

import asyncio
import contextlib
import datetime
import functools
import json
import socket
import ssl
import time
import warnings
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import trustme
from aiohttp import web

from console.checks.finding import Finding
from console.checks.network import Network
from console.checks.subject import Subject
from console.doctor.examination import PARTS, examined
from functions.local import application as functions_application
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.app import RELAY, Relay, create_app
from relay.server import runner
from relay.settings import Settings
from sim.processes import free_port
from sim.serving import serving
from tests.support.balancers import GOOD, Balancer, balanced
from tests.support.relay_world import GREETING

RELAY_HOST, FUNCTIONS_HOST = "relay.example.com", "functions.example.com"
PUBLIC_ADDRESS = "93.184.215.14"
MEDIA_TOKEN, EXOTEL_TOKEN = "media-token-of-nobody", "exotel-token-of-nobody"
EVENTS_SECRET, CONTROL_TOKEN = "events-secret-of-nobody", "control-token-of-nobody"
API_KEY, WEBHOOK_SECRET = "sk_of_nobody_at_all", "wsec_of_nobody_at_all"
EVERY_SECRET = (MEDIA_TOKEN, EXOTEL_TOKEN, EVENTS_SECRET, CONTROL_TOKEN, API_KEY, WEBHOOK_SECRET)
OUR_PARTS = ("settings", "relay", "functions", "store", "calls", "clock")

Tamper = Callable[[web.Request, Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[web.StreamResponse]]
"""An aiohttp middleware: what stands between the world and the application."""


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(
    *names: str,
    ca: trustme.CA | None = None,
    days: float = 90,
    chain: bool = True,
    newest: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """A server's context. `chain` False leaves the intermediate out that the certificate is signed by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signer = (ca or authority()) if chain else (ca or authority()).create_child_ca()
    now = datetime.datetime.now(datetime.UTC)
    first = now - datetime.timedelta(days=200)
    issued = signer.issue_cert(*names, not_before=first, not_after=now + datetime.timedelta(days=days, hours=1))
    sent = issued.cert_chain_pems if chain else issued.cert_chain_pems[:1]
    with trustme.Blob(issued.private_key_pem.bytes() + b"".join(pem.bytes() for pem in sent)).tempfile() as both:
        context.load_cert_chain(both)
    if newest:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that is what is planted
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    return context


@dataclass(frozen=True, kw_only=True)
class Day:
    """What is different from a healthy day. Settings by part: of the relay and the functions that run, and those that
    the doctor is given; None takes a setting away. `long_call_s`, `place_call`, `now`: see Subject."""

    relay: Mapping[str, str | None] = field(default_factory=dict)
    functions: Mapping[str, str | None] = field(default_factory=dict)
    given: Mapping[str, str | None] = field(default_factory=dict)
    balancer: Balancer = GOOD
    certificate: Callable[[], ssl.SSLContext] = lambda: certificate(RELAY_HOST)
    addresses: Sequence[str] = (PUBLIC_ADDRESS,)
    relay_url: Callable[[str], str] = str
    connect_url: Callable[[str], str] = str
    passthru_url: Callable[[str], str] = str
    webhook_url: Callable[[str], str] = str
    relay_tamper: Tamper | None = None
    functions_tamper: Tamper | None = None
    relay_state: Callable[[Relay], None] = lambda relay: None
    agent: Any = GREETING
    now: Callable[[], float] = time.time
    place_call: bool = True
    long_call_s: float = 0.0


HEALTHY = Day()


class _Everywhere(aiohttp.abc.AbstractResolver):
    """Every name is here."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[Any]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def subject_on(day: Day, folder: Path) -> AsyncIterator[Subject]:
    """Everything up, and the doctor's view of it. `folder` holds the store and the ambience."""
    relay_port, plain_port, functions_port, functions_plain = (free_port() for _ in range(4))
    functions_url = f"https://{FUNCTIONS_HOST}:{functions_port}"
    environ = _environment(folder, relay_port, functions_url)
    fake = FakeElevenLabs({"agent_0": day.agent}, api_key=API_KEY)
    async with contextlib.AsyncExitStack() as stack:
        environ["ELEVENLABS_BASE_URL"] = await stack.enter_async_context(serving(fake.app()))
        functions = functions_application(_changed(environ, day.functions))
        _behind(functions, day.functions_tamper)
        sites = ((functions_port, certificate(FUNCTIONS_HOST)), (functions_plain, None))
        await stack.enter_async_context(
            _listening(web.AppRunner(functions, access_log=None, shutdown_timeout=0.1), *sites)
        )
        # the relay reaches the functions by a way of its own: their public name is here only for the doctor
        internal = {"EVENTS_URL": f"http://127.0.0.1:{functions_plain}/relay/events", "STORE": None}
        relay = create_app(Settings.from_env(_changed(environ, {**internal, **day.relay})))
        _behind(relay, day.relay_tamper)
        day.relay_state(relay[RELAY])
        await stack.enter_async_context(_listening(runner(relay), (plain_port, None)))
        await stack.enter_async_context(balanced(day.balancer, relay_port, plain_port, day.certificate()))
        connector = aiohttp.TCPConnector(resolver=_Everywhere(), ssl=_trust(), force_close=True)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        yield Subject(
            _changed(environ, day.given),
            session,
            relay_url=day.relay_url(
                f"wss://{RELAY_HOST}:{relay_port}/media/{MEDIA_TOKEN}?sample-rate=8000&tenant=acme"
            ),
            connect_url=day.connect_url(f"{functions_url}/exotel/connect?token={EXOTEL_TOKEN}"),
            passthru_url=day.passthru_url(f"{functions_url}/exotel/passthru?token={EXOTEL_TOKEN}"),
            webhook_url=day.webhook_url(f"{functions_url}/webhook/post-call"),
            now=day.now,
            network=Network(_addresses(day), _connect, _trust),
            place_call=day.place_call,
            long_call_s=day.long_call_s,
        )


async def examined_on(day: Day, folder: Path, parts: Sequence[str] = OUR_PARTS) -> list[Finding]:
    """What the doctor finds."""
    async with subject_on(day, folder) as subject:
        return [finding async for finding in examined(subject, {name: PARTS[name] for name in parts})]


def _environment(folder: Path, relay_port: int, functions_url: str) -> dict[str, str]:
    """The settings of a healthy day, of all parts together."""
    ambience = folder / "hum.wav"
    with wave.open(str(ambience), "wb") as file:  # a second of it: the built-in one takes a while to be converted
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.sin(np.arange(8000) / 20) * 400).astype("<i2").tobytes())
    return {
        "ELEVENLABS_AGENT_ID": "agent_0",
        "ELEVENLABS_API_KEY": API_KEY,
        "ELEVENLABS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "BACKGROUND_SOUND_FILE": str(ambience),
        "MEDIA_TOKEN": MEDIA_TOKEN,
        "CONTROL_TOKEN": CONTROL_TOKEN,
        "EVENTS_URL": f"{functions_url}/relay/events",
        "EVENTS_SECRET": EVENTS_SECRET,
        "EXOTEL_TOKEN": EXOTEL_TOKEN,
        "TRANSFER_TARGETS": json.dumps({"support": "+919876500010"}),
        "TRANSFER_REQUEST_SECONDS": "0.05",  # waited for in a thread, where time is real
        "SWEEP_EVERY_SECONDS": "0",
        "PUBLIC_URL": f"wss://{RELAY_HOST}:{relay_port}",
        "STORE": f"file:{folder / 'store'}",
    }


def _changed(environ: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**environ, **changes}.items() if value is not None}


def _behind(app: web.Application, tamper: Tamper | None) -> None:
    if tamper:
        app.middlewares.append(web.middleware(tamper))


@asynccontextmanager
async def _listening(served: web.AppRunner, *sites: tuple[int, ssl.SSLContext | None]) -> AsyncIterator[None]:
    await served.setup()
    try:
        for port, tls in sites:
            await web.TCPSite(served, "127.0.0.1", port, ssl_context=tls).start()
        yield
    finally:
        await served.cleanup()


def _trust() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def _addresses(day: Day) -> Callable[[str], Awaitable[Sequence[str]]]:
    async def addresses(host: str) -> Sequence[str]:
        if not day.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return day.addresses

    return addresses


async def _connect(host: str, port: int, tls: ssl.SSLContext | None) -> Any:
    return await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=host if tls else None)
