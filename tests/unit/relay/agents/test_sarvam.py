"""Sarvam's session, message by message, and the address that it asks for."""

from dataclasses import replace

import pytest
from aiohttp import web

from common.env import SettingError
from relay.agents import VENDORS
from relay.agents.overrides import Overrides
from relay.agents.own_tools import OwnTool
from relay.agents.roster import AgentSpec
from relay.agents.sarvam.codec import interaction_start
from relay.agents.sarvam.options import SarvamOptions
from relay.agents.sarvam.session import SarvamSession
from relay.agents.seam import (
    AgentError,
    AgentText,
    Audio,
    CallerHeard,
    CallerText,
    Ended,
    Interruption,
    Said,
    TurnDone,
    TurnFailed,
    UtteranceDone,
)
from relay.outgoing import outgoing
from relay.settings import Settings
from sim.serving import serving
from tests.unit.relay.agents.peer import CALL, events

NEEDED = {"org_id": "org", "workspace_id": "work space", "app_id": "app/1"}
CUT_IN = {"type": "server.event.user_interrupt"}
DONE = {"type": "server.media.audio_chunk", "status": "completed"}
PCM = b"\1\0\2\0"


@pytest.fixture
async def session():
    return SarvamSession(None, SarvamOptions(**NEEDED), "key")


def sound(data="AQACAA==", status="pending", **more):
    return {"type": "server.media.audio_chunk", "audio_base64": data, "status": status, **more}


def said(role, content):
    return {"type": "server.event.transcription", "role": role, "content": content}


async def test_a_reply_is_over_when_its_sound_is(session):
    found, _ = await events(session, said("bot", "Namaste."), sound(), sound(status="completed"), sound(), DONE)
    first = [AgentText("Namaste.", "1"), Audio(PCM, "1"), Audio(PCM, "1"), UtteranceDone("1"), TurnDone()]
    assert found == [*first, Audio(PCM, "2"), UtteranceDone("2"), TurnDone()]


async def test_words_that_come_after_their_sound_are_those_of_that_reply(session):
    found, _ = await events(session, sound(), DONE, said("bot", "Namaste."), said("bot", "How can I help?"), sound())
    assert [event for event in found if isinstance(event, AgentText | Audio)] == [
        Audio(PCM, "1"),
        AgentText("Namaste.", "1"),
        AgentText("How can I help?", "2"),
        Audio(PCM, "2"),
    ]


@pytest.mark.parametrize("opens", [DONE, {"type": "server.event.user_speech_end"}, said("user", "Stop.")])
async def test_sound_of_a_reply_that_was_spoken_over_is_dropped_until_it_or_the_caller_has_finished(session, opens):
    found, _ = await events(session, sound(), CUT_IN, sound(), opens, sound())
    heard = [event for event in found if not isinstance(event, CallerHeard | CallerText)]
    assert heard == [Audio(PCM, "1"), Interruption(), Audio(PCM, "2")]
    assert session.late_audio_ms == pytest.approx(0.125)  # two samples at 16 kHz


async def test_sound_that_breaks_off_is_a_failed_turn(session):
    found, _ = await events(session, sound(), sound("", "failed"))
    assert found[1:] == [UtteranceDone("1"), TurnFailed("audio_failed", "the agent's audio stopped in the middle")]


async def test_sound_at_a_rate_that_was_not_agreed_on_ends_it(session):
    """It would be heard at a third of its speed."""
    found, _ = await events(session, sound(sample_rate=48000), sound())
    assert found == [Ended(by_agent=False, reason="unsupported_format", detail="sound at 48000 Hz")]


async def test_the_agent_hangs_up(session):
    found, _ = await events(session, {"type": "server.action.interaction_end"}, sound())
    assert found == [Ended(by_agent=True, reason="ended", detail="interaction_end")]


async def test_pings_are_answered(session):
    _, peer = await events(session, {"type": "server.system.ping", "event_id": 7})
    (pong,) = peer.of("client.system.pong")
    assert (pong["event_id"], pong["origin"]) == (7, "client")


async def test_a_note_is_told_only_where_it_may_be_answered(session):
    _, peer = await events(session)
    assert not await session.note("A minute is left.")
    assert peer.told == []
    assert await session.note("Ask whether they are there.", reply=True)
    assert peer.told[0]["text"] == "[Not said by the caller: Ask whether they are there.]"


@pytest.mark.parametrize(
    ("options", "said_so_far", "begins"),
    [
        ({}, (), {}),
        ({"language": "Tamil", "greeting": "Vanakkam"}, (), {"language_name": "Tamil", "bot_message": "Vanakkam"}),
        ({"language": "kok"}, (), {"language_name": "Konkani"}),
        ({"language": "hi-IN"}, (), {"language_name": "Hindi"}),
        ({"greeting": "Hello {{caller_number}}"}, (), {"bot_message": "Hello 09876500001"}),
        ({"greeting": "Hello"}, (Said("agent", "Hi"),), {"bot_message": "Hello"}),
        ({"greeting": "Hello", "takeover": "Sorry."}, (Said("agent", "Hi"),), {"bot_message": "Sorry."}),
    ],
)
def test_how_it_begins(options, said_so_far, begins):
    start = interaction_start(SarvamOptions(**NEEDED, **options), replace(CALL, said_so_far=said_so_far))
    assert {name[8:]: value for name, value in start.items() if name.startswith("initial_")} == begins
    assert start["agent_variables"]["caller_number"] == "09876500001"
    assert start["agent_variables"]["recent_history"] == "\n".join(map(str, said_so_far))


SPOKEN = {
    **{"as": "Assamese", "bn": "Bengali", "en": "English", "gu": "Gujarati", "hi": "Hindi", "kn": "Kannada"},
    **{"kok": "Konkani", "ml": "Malayalam", "mr": "Marathi", "or": "Odia", "pa": "Punjabi", "ta": "Tamil"},
    "te": "Telugu",
}


@pytest.mark.parametrize("code", SPOKEN)
def test_each_language_is_known_by_its_name_and_its_codes(code):
    for language in (code, f"{code}-IN", f"{code.upper()}_IN", SPOKEN[code]):
        assert SarvamOptions(**NEEDED, language=language).language_name == SPOKEN[code]


def test_a_language_that_sarvam_does_not_speak():
    expected = f"^expected language to be one of {', '.join(SPOKEN.values())}, or its code$"
    with pytest.raises(ValueError, match=expected):
        SarvamOptions(**NEEDED, language="Klingon")


async def test_a_look_up_changes_the_first_words_and_the_language():
    wanted = Overrides(first_message="Welcome back!", language="ta-IN", voice="anushka")
    options, (untaken,) = SarvamOptions(**NEEDED).for_call(replace(CALL, overrides=wanted))
    assert (options.greeting, options.language_name) == ("Welcome back!", "Tamil")
    assert "voice" in untaken.text
    options, (untaken,) = SarvamOptions(**NEEDED).for_call(replace(CALL, overrides=Overrides(language="fr")))
    assert options.language == ""
    assert untaken.text.startswith("language: expected language to be one of")


class Addresses:
    """Where addresses are asked for; gives `body`."""

    def __init__(self, status, body):
        self.asked = []
        self.body = body
        self._status = status

    async def give(self, request):
        self.asked.append((request.raw_path, request.headers["X-API-Key"]))
        return web.Response(status=self._status, body=self.body)

    def app(self):
        app = web.Application()
        app.router.add_get("/{path:.*}", self.give)
        return app


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (403, b"no", "http_403"),
        (200, b"{", "malformed"),
        (200, b'{"reference_id":"r"}', "malformed"),
        (200, b'{"url":"https://evil.example/"}', "malformed"),
        (200, b" " * 70_000, "unreachable"),
        (200, b'{"url":"ws://127.0.0.1:9/ws"}', "unreachable"),
    ],
)
async def test_an_address_that_can_not_be_had_is_an_error_with_a_reason(status, body, reason):
    addresses = Addresses(status, body)
    async with serving(addresses.app()) as url, outgoing() as http:
        session = SarvamSession(http, SarvamOptions(**NEEDED, version=3, base_url=f"{url}/"), "key")
        with pytest.raises(AgentError) as error:
            await session.connect(CALL)
    assert error.value.reason == reason
    path = "/api/app-runtime/orgs/org/workspaces/work%20space/apps/app%2F1/url?interaction_type=call&version=3"
    assert addresses.asked == [(path, "key")]
    assert "127.0.0.1:9" not in str(error.value)


@pytest.mark.parametrize(
    ("number", "who"),
    [
        ("09876500001", {"user_identifier": "09876500001", "user_identifier_type": "phone_number"}),
        ("", {"user_identifier": "unknown", "user_identifier_type": "unknown"}),
    ],
)
async def test_the_address_is_told_who_calls_and_keeps_its_signature(number, who):
    opened = []

    async def open_socket(request):
        opened.append(dict(request.query))
        return web.Response(status=404)

    addresses = Addresses(200, b"")
    sockets = web.Application()
    sockets.router.add_get("/ws", open_socket)
    async with serving(sockets) as there, serving(addresses.app()) as url, outgoing() as http:
        addresses.body = b'{"url":"%b/ws?signature=a%%2Bb"}' % there.replace("http", "ws", 1).encode()
        session = SarvamSession(http, SarvamOptions(**NEEDED, base_url=url), "key")
        with pytest.raises(AgentError, match="404"):
            await session.connect(replace(CALL, from_number=number))
    assert opened == [{"signature": "a+b", **who, "sample_rate": "16000", "interaction_type": "call"}]


def test_http_tools_of_a_sarvam_agent_stop_the_start():
    """A Sarvam agent would never call them."""
    tools = {"order": OwnTool(description="Look it up.", url="https://shop.example/")}
    settings = Settings(agents_file="agents.toml", environ={"SARVAM_API_KEY": "key"})
    with pytest.raises(SettingError, match=r"no agents.front.tools: a Sarvam agent calls only"):
        VENDORS["sarvam"].configure(AgentSpec("front", "sarvam", "", options=NEEDED, tools=tools), settings)
