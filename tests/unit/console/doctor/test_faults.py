"""Every single fault, planted one at a time in an otherwise healthy world: it is named, and nothing else is blamed."""

import asyncio
import re
import ssl
import time
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any

import pytest
import trustme
from aiohttp import web
from yarl import URL

import console.doctor.store
from console.checks.finding import Verdict
from functions.common.store import Stored, StoreError, open_store
from sim import virtual_time
from sim.agent_script import AgentScript, FaultKind
from sim.agent_script import Fault as AgentFault
from sim.processes import ROOT
from tests.support import balancers
from tests.support.balancers import Balancer
from tests.support.doctor_world import (
    EVERY_SECRET,
    EXOTEL_TOKEN,
    HEALTHY,
    MEDIA_TOKEN,
    RELAY_HOST,
    Day,
    certificate,
    examined_on,
)

HEALTHY_DAY = {
    **dict.fromkeys(
        (
            *(f"settings.{name}" for name in ("relay", "functions", "agents", "sounds", "targets")),
            *("settings.media_auth", "settings.addresses"),
            *(f"relay.{name}" for name in ("address", "dns", "tls", "certificate", "http1", "health", "ready")),
            *(f"relay.{name}" for name in ("upgrade", "token", "dynamic_url", "call", "paced")),
            *(f"functions.{name}" for name in ("connect", "connect_token", "passthru", "passthru_token")),
            *("functions.webhook", "functions.events", "functions.events_secret"),
            *(f"store.{name}" for name in ("reachable", "create", "swap", "speed", "layout")),
            *("calls.echo", "calls.level"),
            *("clock.relay", "clock.functions", "clock.vendor"),
        ),
        "pass",
    ),
    "relay.idle": "skipped",  # takes a minute: only when asked for
}


def skipped(*checks: str) -> dict[str, str]:
    return dict.fromkeys(checks, "skipped")


NO_CALL = skipped("relay.call", "relay.paced", "relay.idle")
NO_UPGRADE = {**skipped("relay.token"), **NO_CALL}
UNREACHED = {**skipped("relay.health", "relay.ready", "relay.upgrade", "relay.dynamic_url"), **NO_UPGRADE}
NO_TLS = {**skipped("relay.certificate", "relay.http1", "clock.relay"), **UNREACHED}
NO_NAME = {**skipped("relay.tls", "relay.certificate", "relay.http1"), **UNREACHED}


@dataclass(frozen=True)
class Fault:
    """`check` must come out as `verdict`, and its sentence or advice have `says`; `also`: what follows from it.
    `patch`: of the module that looks at the store."""

    day: Day
    check: str
    says: str
    verdict: str = "fail"
    also: dict[str, str] = field(default_factory=dict)
    patch: dict[str, Any] = field(default_factory=dict)


def answering(path: str, status: int, text: str = "", after_s: float = 0.0, **headers: str):
    """A middleware that answers one path by itself."""

    async def tamper(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path != path:
            return await handler(request)
        await asyncio.sleep(after_s)
        return web.Response(status=status, text=text, headers=headers)

    return tamper


def by_token(path: str, text: str):
    """A middleware that answers one path by itself where the token is right."""

    async def tamper(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == path and request.query.get("token") == EXOTEL_TOKEN:
            return web.Response(text=text)
        return await handler(request)

    return tamper


def late(path: str, by_s: float):
    async def tamper(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == path:
            await asyncio.sleep(by_s)
        return await handler(request)

    return tamper


def refusing_from(number: int):
    """The relay takes so many sockets less one, and no more."""
    opened = 0

    async def tamper(request: web.Request, handler: Any) -> web.StreamResponse:
        nonlocal opened
        if "Upgrade" in request.headers and MEDIA_TOKEN in request.path:
            opened += 1
            if opened >= number:
                return web.Response(status=503)
        return await handler(request)

    return tamper


async def dumb_to_strangers(request: web.Request, handler: Any) -> web.StreamResponse:
    response = await handler(request)
    if response.status == 401:
        await asyncio.sleep(20)
    return response


async def stumbling_over_events(request: web.Request, handler: Any) -> web.StreamResponse:
    response = await handler(request)
    return web.Response(status=500) if response.status == 400 else response


async def without_a_clock(request: web.Request, handler: Any) -> web.StreamResponse:
    response = await handler(request)
    if not isinstance(response, web.WebSocketResponse):
        response.headers["Date"] = "yesterday"
    return response


def dated(seconds_ago: float):
    """A server whose clock is slow."""

    async def tamper(request: web.Request, handler: Any) -> web.StreamResponse:
        response = await handler(request)
        if not isinstance(response, web.WebSocketResponse):
            response.headers["Date"] = formatdate(time.time() - seconds_ago, usegmt=True)
        return response

    return tamper


async def wrong_token_is_no_page(request: web.Request, handler: Any) -> web.StreamResponse:
    response = await handler(request)
    return web.Response(status=404) if response.status == 401 else response


def drain(relay: Any) -> None:
    relay.draining = True


def fill(relay: Any) -> None:
    relay.streams = relay.settings.max_calls + 1  # one place more is for the retry of a handshake


def query(**more: str):
    return lambda url: str(URL(url).update_query({key.replace("_", "-"): value for key, value in more.items()}))


class Store:
    """A folder that behaves, for a subclass to misbehave."""

    def __init__(self, url: str) -> None:
        self._store = open_store(url)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class ForgetsToLook(Store):
    """Writes whatever is there, as an emulator does that ignores preconditions."""

    def create(self, key: str, body: bytes) -> bool:
        if not self._store.create(key, body):
            self._store.swap(key, body, self._store.read(key).version)
        return True


class ForgetsVersions(Store):
    def swap(self, key: str, body: bytes, version: str) -> bool:
        return True


class LosesWrites(Store):
    def read(self, key: str) -> Stored | None:
        return None


class Refuses(Store):
    def create(self, key: str, body: bytes) -> bool:
        raise StoreError("STORE=s3://records: access denied; needs s3:PutObject on this bucket")


class SomebodyElses(Store):
    def keys(self, prefix: str):
        return iter(["photos/cat.jpg"] if not prefix else [])


class OfAnotherVersion(Store):
    def keys(self, prefix: str):
        return iter(["logs/c1.json"])

    def read(self, key: str) -> Stored | None:
        return Stored(b'{"schema": 2}', "1") if key.startswith("logs/") else self._store.read(key)


def in_front(balancer: Balancer) -> Day:
    return Day(balancer=balancer)


def behind(make: Any) -> Day:
    return Day(certificate=make)


AFTERWARDS = skipped("store.create", "store.swap", "store.speed", "store.layout")
CONNECT, PASSTHRU = "/exotel/connect", "/exotel/passthru"
NO_CONNECT, NO_PASSTHRU = skipped("functions.connect_token"), skipped("functions.passthru_token")
NOBODY = '{"destination": {"numbers": []}}'


def functions(tamper: Any) -> Day:
    return Day(functions_tamper=tamper)


FAULTS = {
    # settings
    "a relay's setting": Fault(Day(given={"CHUNK_SIZE": "100"}), "settings.relay", "CHUNK_SIZE='100'"),
    "no agent": Fault(Day(given={"ELEVENLABS_AGENT_ID": None}), "settings.relay", "ELEVENLABS_AGENT_ID is not set"),
    "a token that can be guessed": Fault(Day(given={"CONTROL_TOKEN": "guessme"}), "settings.relay", "CONTROL_TOKEN"),
    "a functions' setting": Fault(
        Day(given={"TRANSFER_REQUEST_SECONDS": "soon"}), "settings.functions", "TRANSFER_REQUEST_SECONDS='soon'"
    ),
    "no AGENTS_FILE": Fault(Day(given={"AGENTS_FILE": "/nowhere/agents.toml"}), "settings.agents", "readable TOML"),
    "no ambience": Fault(Day(given={"BACKGROUND_SOUND_FILE": "/nowhere/hum.wav"}), "settings.sounds", "hum.wav"),
    "an ambience that is none": Fault(
        Day(given={"BACKGROUND_SOUND_FILE": __file__}), "settings.sounds", "a WAV or FLAC file"
    ),
    "a number that is none": Fault(
        Day(given={"TRANSFER_TARGETS": '{"desk": "18001234567"}'}), "settings.targets", "E.164"
    ),
    "a webhook secret that can be guessed": Fault(
        Day(given={"ELEVENLABS_WEBHOOK_SECRET": "wsec_1"}), "settings.functions", "ELEVENLABS_WEBHOOK_SECRET"
    ),
    "a relay for everybody": Fault(
        Day(
            given={"MEDIA_TOKEN": None},
            relay={"MEDIA_TOKEN": None, "MEDIA_OPEN": "1"},
            relay_url=lambda url: url.replace(f"/{MEDIA_TOKEN}", ""),
        ),
        "settings.media_auth",
        "MEDIA_TOKEN",
        also={"relay.token": "fail"},
    ),
    "another token in the address than in the settings": Fault(
        Day(given={"EXOTEL_TOKEN": "quite-another-exotel-token"}), "settings.addresses", "EXOTEL_TOKEN"
    ),
    # the relay's address and name
    "a long query": Fault(
        Day(relay_url=query(note="n" * 250)), "relay.address", "256", also=NO_NAME | skipped("relay.dns")
    ),
    "many parameters": Fault(
        Day(relay_url=query(a="1", b="2", c="3")), "relay.address", "4 custom", also=NO_NAME | skipped("relay.dns")
    ),
    "an underscore": Fault(
        Day(relay_url=lambda url: url.replace("sample-rate", "sample_rate")),
        "relay.address",
        "with a hyphen",
        also=NO_NAME | skipped("relay.dns"),
    ),
    "a rate nobody speaks": Fault(
        Day(relay_url=query(sample_rate="44100")), "relay.address", "24000", also=NO_NAME | skipped("relay.dns")
    ),
    "the token in the query": Fault(
        Day(relay_url=query(token="whatever")), "relay.address", "into the path", also=NO_NAME | skipped("relay.dns")
    ),
    "a name nobody knows": Fault(Day(addresses=()), "relay.dns", "does not resolve", also=NO_NAME),
    "a private address": Fault(Day(addresses=("10.0.1.7",)), "relay.dns", "10.0.1.7", also=NO_NAME),
    "IPv6 only": Fault(Day(addresses=("2606:4700::6810:84e5",)), "relay.dns", "A record", "warn"),
    "a certificate for another name": Fault(
        behind(lambda: certificate("www.example.com")), "relay.tls", "another name", also=NO_TLS
    ),
    "a certificate that expired": Fault(
        behind(lambda: certificate(RELAY_HOST, days=-1)), "relay.tls", "Renew it", also=NO_TLS
    ),
    "a certificate of one's own": Fault(
        behind(lambda: certificate(RELAY_HOST, ca=trustme.CA())), "relay.tls", "not a public one", also=NO_TLS
    ),
    "no intermediate": Fault(
        behind(lambda: certificate(RELAY_HOST, chain=False)), "relay.tls", "whole chain", also=NO_TLS
    ),
    "old TLS": Fault(
        behind(lambda: certificate(RELAY_HOST, newest=ssl.TLSVersion.TLSv1_1)),
        "relay.tls",
        "TLS 1.2 and 1.3",
        also=NO_TLS,
    ),
    "a certificate about to expire": Fault(
        behind(lambda: certificate(RELAY_HOST, days=5)), "relay.certificate", "5 more days", "warn"
    ),
    "HTTP/2 only": Fault(
        in_front(balancers.HTTP2_ONLY), "relay.http1", "HTTP/2 only", also={**UNREACHED, **skipped("clock.relay")}
    ),
    "no HTTP at all": Fault(
        in_front(balancers.NO_HTTP), "relay.http1", "does not answer", also={**UNREACHED, **skipped("clock.relay")}
    ),
    # the door
    "not healthy": Fault(Day(relay_tamper=answering("/health", 404)), "relay.health", "404"),
    "draining": Fault(Day(relay_state=drain), "relay.ready", "draining", also={"relay.upgrade": "fail", **NO_UPGRADE}),
    "full": Fault(Day(relay_state=fill), "relay.ready", "MAX_CALLS", also={"relay.upgrade": "fail", **NO_UPGRADE}),
    "App Runner": Fault(in_front(balancers.APP_RUNNER), "relay.upgrade", "App Runner", also=NO_UPGRADE),
    "a redirect": Fault(in_front(balancers.REDIRECTS), "relay.upgrade", "https://www.example.com", also=NO_UPGRADE),
    "a firewall": Fault(in_front(balancers.FORBIDS), "relay.upgrade", "403 by awselb", also=NO_UPGRADE),
    "a path nobody knows": Fault(in_front(balancers.KNOWS_NO_PATH), "relay.upgrade", "/media/TOKEN", also=NO_UPGRADE),
    "no relay behind the balancer": Fault(
        in_front(balancers.HAS_NO_RELAY), "relay.upgrade", "finds no healthy relay", also=NO_UPGRADE
    ),
    "a proxy that answers by itself": Fault(
        in_front(balancers.ADMITS_BY_ITSELF), "relay.upgrade", "Sec-WebSocket-Accept", also=NO_UPGRADE
    ),
    "a proxy that drops the upgrade": Fault(
        in_front(balancers.DROPS_UPGRADES), "relay.upgrade", "drops Upgrade", also=NO_UPGRADE
    ),
    "a relay that is slow to open": Fault(in_front(balancers.SLOW), "relay.upgrade", "after 4.0 s", "warn"),
    "a relay that never opens": Fault(
        in_front(balancers.STUCK),
        "relay.upgrade",
        "no answer within 10 s",
        also=NO_UPGRADE,
    ),
    "a balancer that has had enough": Fault(
        in_front(balancers.HAS_HAD_ENOUGH), "relay.upgrade", "Only 101 opens", also=NO_UPGRADE
    ),
    "another token at the relay": Fault(
        Day(relay={"MEDIA_TOKEN": "quite-another-media-token"}),
        "relay.upgrade",
        "compare the address with MEDIA_TOKEN",
        also={**NO_UPGRADE, "relay.dynamic_url": "warn"},
    ),
    "an alias nobody knows": Fault(
        Day(relay_url=lambda url: url.replace("?", "/nightshift?")),
        "relay.upgrade",
        "AGENTS_FILE",
        also={**NO_UPGRADE, "relay.dynamic_url": "warn"},
    ),
    "any token will do": Fault(
        in_front(Balancer(rewrite=lambda head: re.sub(rb"/media\S*", f"/media/{MEDIA_TOKEN}".encode(), head))),
        "relay.token",
        "opens with no token",
    ),
    "a wrong token is not answered": Fault(Day(relay_tamper=dumb_to_strangers), "relay.token", "no answer within 10 s"),
    "a wrong token is answered as a wrong page": Fault(
        Day(relay_tamper=wrong_token_is_no_page), "relay.token", "Expected 401"
    ),
    "a relay that thinks it is spoken to without TLS": Fault(
        Day(relay={"PUBLIC_URL": None}), "relay.dynamic_url", "PUBLIC_URL", "warn"
    ),
    "the same, behind an https applet": Fault(
        Day(relay={"PUBLIC_URL": None}, relay_url=lambda url: url.replace("wss://", "https://")),
        "relay.dynamic_url",
        "expected wss://",
    ),
    # the call
    "no agent is to be had": Fault(
        Day(relay={"ELEVENLABS_API_KEY": "sk_of_somebody_else"}),
        "relay.call",
        "but the call was ended",
        also=skipped("relay.idle"),
    ),
    "the agent is lost": Fault(
        Day(agent=AgentScript(fault=AgentFault(FaultKind.VANISH, after_s=1.5))),
        "relay.call",
        "but the call was ended",
        also=skipped("relay.idle"),
    ),
    "nobody speaks": Fault(
        Day(relay={"BACKGROUND_SOUND_FILE": None}, agent=AgentScript()),
        "relay.call",
        "a first message",
        also=skipped("relay.paced", "relay.idle"),
    ),
    "a relay for one call": Fault(
        Day(relay_tamper=refusing_from(2)), "relay.call", "was refused (503)", also=skipped("relay.paced", "relay.idle")
    ),
    "a relay for two calls": Fault(
        Day(relay_tamper=refusing_from(3), long_call_s=10.0), "relay.idle", "was refused (503)"
    ),
    "a relay that ends calls itself": Fault(
        Day(relay={"MAX_CALL_SECONDS": "20"}, long_call_s=65.0),
        "relay.idle",
        "itself after 2",
        "warn",  # 20 or 21 s: the relay looks once a second
    ),
    "a proxy that buffers": Fault(in_front(balancers.BUFFERS), "relay.paced", "buffers"),
    "an idle limit of a minute": Fault(
        Day(balancer=balancers.IDLE_LIMIT, relay={"BACKGROUND_SOUND_FILE": None}, long_call_s=75.0),
        "relay.idle",
        "3,600 s",
    ),
    "calls of a minute": Fault(
        Day(balancer=balancers.LIFE_LIMIT, long_call_s=65.0), "relay.idle", "cut after 60.0 s without a word"
    ),
    # functions
    "a connect that is too slow": Fault(
        functions(late(CONNECT, 6)), "functions.connect", "within 5 s", also=NO_CONNECT
    ),
    "a connect that is nearly too slow": Fault(functions(late(CONNECT, 4.7)), "functions.connect", "4.7 s", "warn"),
    "another token at the function": Fault(
        Day(functions={"EXOTEL_TOKEN": "quite-another-exotel-token"}),
        "functions.connect",
        "EXOTEL_TOKEN",
        also={"functions.passthru": "skipped", **NO_CONNECT, **NO_PASSTHRU},
    ),
    "a connect that is a page": Fault(
        functions(answering(CONNECT, 200, "<html>")), "functions.connect", "dial nobody", also=NO_CONNECT
    ),
    "a connect elsewhere": Fault(
        functions(answering(CONNECT, 301, Location="https://www.example.com/")),
        "functions.connect",
        "https://www.example.com",
        also=NO_CONNECT,
    ),
    "a connect that is not there": Fault(
        functions(answering(CONNECT, 404)), "functions.connect", "what the deploy printed", also=NO_CONNECT
    ),
    "a connect without a store": Fault(
        functions(answering(CONNECT, 503)), "functions.connect", "the store can't be used", also=NO_CONNECT
    ),
    "a connect that is not public": Fault(
        functions(answering(CONNECT, 403)), "functions.connect", "allow public access", also=NO_CONNECT
    ),
    "a connect that is somebody else's": Fault(
        functions(by_token(CONNECT, '{"destination": {"numbers": ["+919876500010"]}}')),
        "functions.connect",
        "names 1 number",
        "warn",
    ),
    "a connect for everybody": Fault(
        functions(answering(CONNECT, 200, NOBODY)), "functions.connect_token", "learns whom you call"
    ),
    "a passthru to a human": Fault(
        functions(answering(PASSTHRU, 302)), "functions.passthru", "the one to a human", also=NO_PASSTHRU
    ),
    "a passthru that fails": Fault(functions(answering(PASSTHRU, 500)), "functions.passthru", "500", also=NO_PASSTHRU),
    "a passthru that is odd": Fault(
        functions(answering(PASSTHRU, 204)), "functions.passthru", "expected 200", also=NO_PASSTHRU
    ),
    "a passthru that is slow": Fault(functions(late(PASSTHRU, 2)), "functions.passthru", "in silence", "warn"),
    "a passthru that never answers": Fault(
        functions(late(PASSTHRU, 9)), "functions.passthru", "within 5 s", also=NO_PASSTHRU
    ),
    "a passthru for everybody": Fault(functions(answering(PASSTHRU, 200)), "functions.passthru_token", "expected 401"),
    "functions that do not answer strangers": Fault(
        functions(dumb_to_strangers),
        "functions.connect_token",
        "asked with no token, the Connect URL gave no answer",
        also={
            "functions.passthru_token": "fail",
            "functions.webhook": "fail",
            "functions.events": "fail",
            **skipped("functions.events_secret"),
            "clock.functions": "pass",
        },
    ),
    "a webhook for everybody": Fault(
        functions(answering("/webhook/post-call", 200)), "functions.webhook", "could write records"
    ),
    "a webhook that is not public": Fault(
        functions(answering("/webhook/post-call", 403)), "functions.webhook", "allow public access"
    ),
    "a webhook that is not there": Fault(
        functions(answering("/webhook/post-call", 404)), "functions.webhook", "answered 404"
    ),
    "events of everybody": Fault(
        functions(answering("/relay/events", 200)),
        "functions.events",
        "could write records",
        also=skipped("functions.events_secret"),
    ),
    "events that can't be kept": Fault(functions(stumbling_over_events), "functions.events_secret", "expected 400"),
    "an events' secret that is not here": Fault(
        Day(given={"EVENTS_SECRET": None, "EVENTS_URL": None}),
        "functions.events_secret",
        "nothing can be signed",
        "skipped",
    ),
    "two secrets for one thing": Fault(
        Day(given={"EVENTS_SECRET": "quite-another-events-secret"}), "functions.events_secret", "same EVENTS_SECRET"
    ),
    "nobody at the function's address": Fault(
        Day(connect_url=lambda url: str(URL(url).with_port(9))),
        "functions.connect",
        "can't be connected to",
        also={**NO_CONNECT, **skipped("clock.functions")},
    ),
    # store
    "a store that is none": Fault(
        Day(given={"STORE": "ftp://records"}),
        "store.reachable",
        "s3://",
        also={**AFTERWARDS, **skipped("calls.echo", "calls.level")},
    ),
    "a store that may not be written": Fault(
        HEALTHY,
        "store.create",
        "s3:PutObject",
        also=skipped("store.swap", "store.speed", "store.layout"),
        patch={"open_store": Refuses},
    ),
    "a store that creates twice": Fault(
        HEALTHY,
        "store.create",
        "If-None-Match",
        also=skipped("store.swap", "store.speed", "store.layout"),
        patch={"open_store": ForgetsToLook},
    ),
    "a store that swaps blindly": Fault(
        HEALTHY,
        "store.swap",
        "If-Match",
        also=skipped("store.speed", "store.layout"),
        patch={"open_store": ForgetsVersions},
    ),
    "a store that forgets": Fault(
        HEALTHY,
        "store.swap",
        "a moment later",
        also=skipped("store.speed", "store.layout"),
        patch={"open_store": LosesWrites},
    ),
    "a store far away": Fault(HEALTHY, "store.speed", "one region", "warn", patch={"SLOW_S": 0.0}),
    "somebody else's store": Fault(
        HEALTHY, "store.layout", "prefix in STORE", "warn", patch={"open_store": SomebodyElses}
    ),
    "records of another version": Fault(
        HEALTHY, "store.layout", "schema 2", "warn", patch={"open_store": OfAnotherVersion}
    ),
    # clock
    "a clock that is fast": Fault(
        Day(now=lambda: time.time() + 30),
        "clock.vendor",
        "30 s ahead of",
        "warn",
        also={"clock.relay": "warn", "clock.functions": "warn"},
    ),
    "a relay's clock that is slow": Fault(Day(relay_tamper=dated(120)), "clock.relay", "120 s ahead of"),
    "a relay without a clock": Fault(Day(relay_tamper=without_a_clock), "clock.relay", "no Date", "skipped"),
    "a functions' clock that is slow": Fault(Day(functions_tamper=dated(20)), "clock.functions", "NTP", "warn"),
}


def verdicts(findings):
    """check → its worst verdict."""
    order = [Verdict.SKIPPED, Verdict.PASS, Verdict.WARN, Verdict.FAIL]
    worst = {}
    for finding in findings:
        worst[finding.check] = max(finding.verdict, worst.get(finding.check, Verdict.SKIPPED), key=order.index)
    return {check: verdict.value for check, verdict in worst.items()}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_nothing_else_is_blamed(name, tmp_path, monkeypatch):
    fault = FAULTS[name]
    for what, replacement in fault.patch.items():
        monkeypatch.setattr(console.doctor.store, what, replacement)
    findings = virtual_time.run(examined_on(fault.day, tmp_path))
    long = {"relay.idle": "pass"} if fault.day.long_call_s else {}
    assert verdicts(findings) == HEALTHY_DAY | long | fault.also | {fault.check: fault.verdict}
    said = " ".join(f"{one.found} {one.advice}" for one in findings if one.check == fault.check)
    assert fault.says in said, said
    told = " ".join(f"{one.found} {one.advice}" for one in findings)
    assert not [secret for secret in EVERY_SECRET if secret in told]
    assert "18001234567" not in told


def test_a_healthy_day(tmp_path):
    assert verdicts(virtual_time.run(examined_on(HEALTHY, tmp_path))) == HEALTHY_DAY


@pytest.mark.parametrize("token", [None, MEDIA_TOKEN])
def test_a_healthy_day_with_a_password(tmp_path, token):
    """With a token as well: who left the password out was let in by the token that the doctor had left in the path."""
    day = Day(
        relay={"MEDIA_TOKEN": token, "MEDIA_BASIC_AUTH": "exotel:password-of-nobody"},
        given={"MEDIA_TOKEN": token, "MEDIA_BASIC_AUTH": "exotel:password-of-nobody"},
        relay_url=lambda url: url.replace("wss://", "wss://exotel:password-of-nobody@").replace(
            f"/{MEDIA_TOKEN}", f"/{token}" if token else ""
        ),
    )
    findings = virtual_time.run(examined_on(day, tmp_path))
    assert verdicts(findings) == HEALTHY_DAY
    assert "password-of-nobody" not in " ".join(f"{one.found} {one.advice}" for one in findings)


def test_a_healthy_day_with_a_long_call(tmp_path):
    found = verdicts(virtual_time.run(examined_on(replace(HEALTHY, long_call_s=65.0), tmp_path)))
    assert found == HEALTHY_DAY | {"relay.idle": "pass"}


def test_no_call_is_placed_when_none_is_wanted(tmp_path):
    found = verdicts(virtual_time.run(examined_on(replace(HEALTHY, place_call=False, long_call_s=65.0), tmp_path)))
    assert found == HEALTHY_DAY | NO_CALL


def test_nothing_is_left_in_the_store_without_a_call(tmp_path):
    virtual_time.run(examined_on(replace(HEALTHY, place_call=False), tmp_path))
    left = open_store(f"file:{tmp_path / 'store'}").keys("")
    assert [key for key in left if not key.startswith("pending/relays/")] == [], "but for what the relay itself reports"


def test_every_check_is_in_the_documentation():
    text = (ROOT / "docs" / "console.md").read_text()
    assert not [check for check in HEALTHY_DAY if f"`{check}`" not in text]


def test_every_check_has_its_fault():
    faulty = {fault.check for fault in FAULTS.values()} | {check for fault in FAULTS.values() for check in fault.also}
    assert faulty >= HEALTHY_DAY.keys()
