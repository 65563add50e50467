"""Bots of a carrier's protocol as agents, against a bot that does one thing at a time: what a carrier promises them."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from common.credentials import BasicAuth
from relay.agents.telephony.twilio import twilio_id
from relay.agents.telephony.twiml import twilio_signature
from sim.caller import Step, When
from sim.serving import serving
from sim.sound import mulaw_decoded, mulaw_encoded
from sim.speech import spoken
from tests.support.relay_world import relay_world
from tests.support.virtual import virtual

WORDS = spoken("agent_greeting", 8000)
TOKEN = "auth-token-of-the-bots"


class CarriersBot:
    """A bot of either protocol. `act(bot)` runs once `start` has come; `messages`: what came, with its time."""

    def __init__(self, kind, act):
        self.kind = kind
        self.act = act
        self.messages = []
        self.requests = []
        self.start = {}
        self.webhooks = []
        self.answer = ""
        self._socket = None
        self._came = asyncio.Event()

    async def socket(self, request):
        self.requests.append(request)
        self._socket = web.WebSocketResponse()
        await self._socket.prepare(request)
        acting = None
        async for message in self._socket:
            event = json.loads(message.data)
            self.messages.append((asyncio.get_running_loop().time(), event))
            self._came.set()
            if event["event"] == "start":
                self.start = event["start"]
                acting = asyncio.create_task(self.act(self))
        if acting:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)
        return self._socket

    async def webhook(self, request):
        self.webhooks.append((dict(await request.post()), dict(request.headers)))
        return web.Response(text=self.answer, content_type="text/xml")

    async def send(self, event, **body):
        if not self._socket.closed:
            sid = {"stream_sid" if self.kind == "exotel" else "streamSid": self.start.get("stream_sid")}
            await self._socket.send_json({"event": event, **sid, **body})

    async def say(self, pcm, *, piece=1_000):
        data = pcm.astype("<i2").tobytes() if self.kind == "exotel" else mulaw_encoded(pcm)
        for start in range(0, len(data), piece):
            await self.send("media", media={"payload": base64.b64encode(data[start : start + piece]).decode()})

    async def mark(self, name):
        await self.send("mark", mark={"name": name})

    async def close(self, code=1000):
        await self._socket.close(code=code)

    def of(self, event):
        return [(at, message) for at, message in self.messages if message["event"] == event]

    async def until(self, event, count=1):
        async with asyncio.timeout(60):
            while len(self.of(event)) < count:
                self._came.clear()
                await self._came.wait()

    @property
    def heard(self):
        data = b"".join(base64.b64decode(message["media"]["payload"]) for _, message in self.of("media"))
        return np.frombuffer(data, "<i2") if self.kind == "exotel" else mulaw_decoded(data)


@asynccontextmanager
async def bot_world(folder, kind, act, *, options=None, environ=None, webhook="", settings=None, path="/ws", then=None):
    """`then`: what a second bot does, to whom the call goes when the first has failed."""
    bot = CarriersBot(kind, act)
    app = web.Application()
    app.router.add_get("/ws", bot.socket)
    app.router.add_get("/then", CarriersBot(kind, then).socket)
    app.router.add_post("/voice", bot.webhook)
    async with serving(app) as url:
        where = {"webhook": url + "/voice"} if webhook else {"url": url.replace("http", "ws") + path}
        bot.answer = webhook.replace("URL", url.replace("http", "ws") + "/ws")
        given = {**where, **(options or {})}
        toml = "".join(
            f"{name} = {json.dumps(value)}\n" for name, value in given.items() if not isinstance(value, dict)
        )
        tables = ""
        for name, table in given.items():
            if isinstance(table, dict):
                rows = "".join(f"{json.dumps(key)} = {json.dumps(one)}\n" for key, one in table.items())
                tables += f"[agents.bot.options.{name}]\n{rows}"
        agents = f'[agents.bot]\nvendor = "{kind}"\nfallback = "next"\n[agents.bot.options]\n{toml}{tables}'
        sockets = url.replace("http", "ws")
        to_bot = f'vendor = "{kind}"\noptions = {{ url = "{sockets}/then" }}\n'
        agents += "[agents.next]\n" + (to_bot if then else 'id = "agent_0"\n')
        chosen = {"environ": environ or {}, **(settings or {})}
        async with relay_world(folder, agents_toml=agents, settings=chosen) as world:
            yield world, bot


HANG_UP = (Step(when=When.AGENT_FINISHED, ms=3000, hang_up=True),)
KINDS = pytest.mark.parametrize("kind", ["exotel", "twilio"])


@KINDS
@virtual
async def test_what_is_said_is_heard_to_the_sample_both_ways(tmp_path, kind):
    """Sound in pieces of any size, in one burst: the caller hears it at the line's pace, the bot hears the caller."""

    async def act(bot):
        await bot.say(WORDS, piece=777)

    async with bot_world(tmp_path, kind, act) as (world, bot):
        script = (Step(when=When.AT, ms=6000, say="caller_hours"), Step(when=When.AT, ms=9000, hang_up=True))
        result = await world.call(script=script)
        assert not result.violations
        expected = WORDS if kind == "exotel" else mulaw_decoded(mulaw_encoded(WORDS))
        begin = np.flatnonzero(result.heard)[0] - np.flatnonzero(expected)[0]
        assert np.array_equal(result.heard[begin : begin + expected.size], expected)
        said = result.said if kind == "exotel" else mulaw_decoded(mulaw_encoded(result.said))
        assert bot.heard.size > 8000 * 8
        assert np.array_equal(bot.heard, said[: bot.heard.size])
        assert bot.of("stop")
        record = world.record(result.call_sid)
        assert [(turn["speaker"], turn["text"]) for turn in record["turns"]] == [("agent", "…"), ("caller", "…")]
        assert record["turns"][0]["heard_ms"] == WORDS.size // 8
        at = next(turn["offset_ms"] for turn in record["turns"] if turn["speaker"] == "caller")
        assert 5900 <= at <= 6900


@pytest.mark.parametrize("kind", ["exotel", "twilio"])
@virtual
async def test_a_telephony_bot_takes_no_notes(tmp_path, kind):
    async def act(bot):
        await bot.say(WORDS)

    async with bot_world(tmp_path, kind, act) as (world, bot):
        calling = asyncio.create_task(world.call(script=(Step(when=When.AT, ms=4000, hang_up=True),)))
        await asyncio.sleep(2)
        (running,) = world.relay.calls.values()
        assert not await running.parts.outbox.note("a minute is left", reply=True)
        result = await calling
        assert world.record(result.call_sid)["end_reason"] == "caller_hung_up"
        assert {message["event"] for _, message in bot.messages} <= {"connected", "start", "media", "mark", "stop"}


@pytest.mark.parametrize("kind", ["exotel", "twilio"])
@virtual
async def test_what_a_look_up_knew_is_among_the_custom_parameters(tmp_path, kind, caplog):
    """Not in the place of the numbers, which Twilio's dialect has there, too; overrides mean nothing to a carrier."""
    answer = {
        "variables": {"name": "Asha", "orders": 3, "from_number": "+15550100", "exotel_call_sid": "forged"},
        "overrides": {"voice": "asha"},
    }

    async def who(_):
        return web.json_response(answer)

    async def act(bot):
        await bot.say(WORDS)

    crm = web.Application()
    crm.router.add_post("/", who)
    async with serving(crm) as url:
        settings = {"lookup_url": url, "lookup_secret": "s" * 16}
        async with bot_world(tmp_path, kind, act, settings=settings) as (world, bot):
            result = await world.call(script=HANG_UP)
            assert not result.violations
            assert world.record(result.call_sid)["lookup"]["outcome"] == "ok"
    given = bot.start["custom_parameters" if kind == "exotel" else "customParameters"]
    assert (given["name"], given["orders"]) == ("Asha", "3")
    if kind == "twilio":
        assert (given["from_number"], given["exotel_call_sid"]) == ("09876500001", result.call_sid)
    assert sum("override_not_taken" in line.getMessage() for line in caplog.records) == 1


@virtual
async def test_an_exotel_bot_is_begun_as_exotel_does(tmp_path):
    async def act(bot):
        await bot.say(WORDS)

    basic = "me:the-password-of-nobody"
    options = {"basic_auth_env": "BOT_BASIC", "headers_env": {"X-Key": "BOT_KEY"}, "rate_hz": 16000}
    environ = {"BOT_BASIC": basic, "BOT_KEY": "key-of-the-bots"}
    path = "/ws?sample-rate=24000&tenant=acme"
    async with bot_world(tmp_path, "exotel", act, options=options, environ=environ, path=path) as (world, bot):
        result = await world.call(script=(Step(when=When.AT, ms=1500, press="5"), *HANG_UP))
        [request] = bot.requests
        assert request.query_string == ""
        assert BasicAuth.parse(basic).matches(request.headers["Authorization"])
        assert request.headers["X-Key"] == "key-of-the-bots"
        assert [message["event"] for _, message in bot.messages[:3]] == ["connected", "start", "media"]
        assert bot.start["call_sid"] == result.call_sid
        assert (bot.start["from"], bot.start["to"]) == ("09876500001", "08047100002")
        assert bot.start["media_format"] == {"encoding": "base64", "sample_rate": "16000", "bit_rate": "256kbps"}
        assert bot.start["custom_parameters"] == {"tenant": "acme"}
        assert {len(base64.b64decode(one["media"]["payload"])) for _, one in bot.of("media")} == {640}
        assert [one["dtmf"]["digit"] for _, one in bot.of("dtmf")] == ["5"]
        numbers = [int(message["sequence_number"]) for _, message in bot.messages[1:]]
        assert numbers == list(range(1, len(numbers) + 1))


@virtual
async def test_a_twilio_bot_is_begun_as_twilio_does(tmp_path):
    async def act(bot):
        await bot.say(WORDS)

    twiml = '<Response><Connect><Stream url="URL"><Parameter name="tenant" value="acme"/></Stream></Connect></Response>'
    options, environ = {"auth_token_env": "TOKEN"}, {"TOKEN": TOKEN}
    async with bot_world(tmp_path, "twilio", act, options=options, environ=environ, webhook=twiml) as (world, bot):
        result = await world.call(script=HANG_UP)
        [(form, headers)] = bot.webhooks
        call_sid = twilio_id("CA", result.call_sid)
        assert (form["CallSid"], form["From"], form["CallStatus"]) == (call_sid, "09876500001", "in-progress")
        url = f"http://{headers['Host']}/voice"
        assert headers["X-Twilio-Signature"] == twilio_signature(url, form, TOKEN)
        [request] = bot.requests
        assert request.headers["X-Twilio-Signature"] == twilio_signature(f"ws://{headers['Host']}/ws", {}, TOKEN)
        assert bot.messages[0][1] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        assert (bot.start["callSid"], bot.start["tracks"]) == (call_sid, ["inbound"])
        assert bot.start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        parameters = bot.start["customParameters"]
        assert (parameters["tenant"], parameters["from_number"]) == ("acme", "09876500001")
        for name, prefix in (("streamSid", "MZ"), ("callSid", "CA"), ("accountSid", "AC")):
            assert (bot.start[name][:2], len(bot.start[name])) == (prefix, 34)
        assert {len(base64.b64decode(one["media"]["payload"])) for _, one in bot.of("media")} == {160}
        assert world.record(result.call_sid)["end_reason"] == "caller_hung_up"


@KINDS
@virtual
async def test_marks_come_back_when_they_were_heard_and_not_when_they_were_set(tmp_path, kind):
    """The bot sends four seconds in one burst, and needs to know what the caller has heard of it."""
    half = WORDS.size // 2

    async def act(bot):
        await bot.mark("before")
        await bot.say(WORDS[:half])
        await bot.mark("half")
        await bot.mark("again")
        await bot.say(WORDS[half:])
        await bot.mark("end")

    async with bot_world(tmp_path, kind, act) as (world, bot):
        await world.call(script=HANG_UP)
        echoes = [(at, one["mark"]["name"]) for at, one in bot.of("mark")]
        assert [name for _, name in echoes] == ["before", "half", "again", "end"]
        begun = bot.of("start")[0][0]
        times = [at - begun for at, _ in echoes]
        seconds = WORDS.size / 8000
        assert times[0] < 0.1
        assert times[1] == pytest.approx(seconds / 2, abs=0.5)
        assert times[3] == pytest.approx(seconds, abs=0.6)


@KINDS
@virtual
async def test_a_clear_empties_the_line_and_gives_the_marks_back_in_order(tmp_path, kind):
    async def act(bot):
        await bot.say(np.tile(WORDS, 3))
        await bot.mark("one")
        await bot.mark("two")
        await asyncio.sleep(1.5)
        await bot.send("clear")
        await bot.until("mark", 2)
        await bot.say(WORDS[:8000])

    async with bot_world(tmp_path, kind, act) as (world, bot):
        result = await world.call(script=(Step(when=When.AT, ms=5000, hang_up=True),))
        assert [one["mark"]["name"] for _, one in bot.of("mark")] == ["one", "two"]
        assert result.clears
        assert bot.of("mark")[0][0] - bot.of("start")[0][0] < 2
        first, second = world.record(result.call_sid)["turns"]
        assert first["interrupted"]
        assert first["heard_ms"] < 2000
        assert second["heard_ms"] == 1000


@KINDS
@pytest.mark.parametrize(
    ("code", "says", "ends", "agents"),
    [
        (1000, True, "agent_ended", ["bot"]),
        (1001, True, "agent_ended", ["bot"]),
        (1011, True, "caller_hung_up", ["bot", "next"]),
        (4000, True, "caller_hung_up", ["bot", "next"]),
        (1000, False, "caller_hung_up", ["bot", "next", "bot"]),
    ],
)
@virtual
async def test_a_close_is_a_goodbye_after_speech_and_a_failure_before(tmp_path, kind, code, says, ends, agents):
    async def act(bot):
        if says:
            await bot.say(WORDS[:8000])
        await bot.close(code)

    async with bot_world(tmp_path, kind, act) as (world, _):
        result = await world.call(script=(Step(when=When.AT, ms=9000, hang_up=True),))
        record = world.record(result.call_sid)
        assert record["end_reason"] == ends
        assert [agent["alias"] for agent in record["agents"]] == agents[: len(record["agents"])]
        if says:
            assert record["turns"][0]["heard_ms"] == 1000


@KINDS
@virtual
async def test_the_next_bot_does_not_get_the_previous_bots_words(tmp_path, kind):
    """The first dies while its words are still being played: that they were heard is no news for the second."""
    echoes = []

    async def die(bot):
        await bot.say(WORDS)
        await bot.close(1011)

    async def go_on(bot):
        await bot.say(WORDS[:8000])
        await bot.mark("mine")
        await bot.until("mark")
        echoes.extend(one["mark"]["name"] for _, one in bot.of("mark"))

    async with bot_world(tmp_path, kind, die, then=go_on) as (world, _):
        result = await world.call(script=(Step(when=When.AT, ms=9000, hang_up=True),))
        record = world.record(result.call_sid)
        assert [(one["alias"], one["end_reason"]) for one in record["agents"]] == [
            ("bot", "close_1011"),
            ("next", "stopped"),
        ]
        assert [turn["heard_ms"] for turn in record["turns"]] == [WORDS.size // 8, 1000]
        assert echoes == ["mine"]


@virtual
async def test_messages_that_make_no_sense_harm_nothing(tmp_path):
    async def act(bot):
        for body in ({"media": {}}, {"media": {"payload": "!"}}, {"media": None}):
            await bot.send("media", **body)
        await bot.send("mark", mark={})
        await bot.send("dance")
        await bot._socket.send_str("nonsense")
        await bot._socket.send_str("[1]")
        await bot._socket.send_bytes(b"\\x00\\x01")
        await bot.say(WORDS)

    async with bot_world(tmp_path, "exotel", act) as (world, _):
        result = await world.call(script=HANG_UP)
        record = world.record(result.call_sid)
        assert record["end_reason"] == "caller_hung_up"
        assert record["turns"][0]["heard_ms"] == WORDS.size // 8


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("<Response/>", "malformed"), ("x" * 70_000, "unreachable"), ('{"url": "https://x"}', "malformed")],
)
@virtual
async def test_a_webhook_that_leads_nowhere_is_followed_by_the_next_agent(tmp_path, answer, reason):
    async def act(bot):
        raise AssertionError

    async with bot_world(tmp_path, "twilio", act, webhook=answer) as (world, _):
        result = await world.call(script=(Step(when=When.AT, ms=5000, hang_up=True),))
        agents = world.record(result.call_sid)["agents"]
        assert [(one["alias"], one["end_reason"]) for one in agents][:1] == [("bot", reason)]
        assert agents[1]["alias"] == "next"


class Rest:
    """A bot's order to the relay."""

    def __init__(self, world, bot):
        self._world = world
        parameters = bot.start["customParameters"]
        self._auth = parameters["twilio_account_sid"], parameters["twilio_auth_token"]
        self._path = f"/twilio/2010-04-01/Accounts/{self._auth[0]}/Calls/{bot.start['callSid']}.json"

    async def post(self, form, *, auth=None, path=None):
        headers = {"Authorization": aiohttp.encode_basic_auth(*(auth or self._auth))}
        url = self._world.url + (path or self._path)
        async with self._world.http.post(url, data=form, headers=headers) as response:
            return response.status, await response.json()


def dial(who):
    return {"Twiml": f"<Response><Dial>{who}</Dial></Response>"}


@pytest.mark.parametrize("form", [{"Status": "completed"}, {"Twiml": "<Response><Hangup/></Response>"}])
@virtual
async def test_a_bot_hangs_up_by_rest_once_its_words_were_heard(tmp_path, form):
    answers = []

    async def act(bot):
        await bot.say(WORDS)
        answers.append(await Rest(worlds[0], bot).post(form))

    worlds = []
    async with bot_world(tmp_path, "twilio", act) as (world, bot):
        worlds.append(world)
        result = await world.call(script=(), max_s=60)
        record = world.record(result.call_sid)
        assert (record["end_reason"], result.ended_by) == ("agent_ended", "bot")
        assert record["turns"][0]["heard_ms"] == WORDS.size // 8
        [(status, said)] = answers
        assert (status, said["sid"]) == (200, bot.start["callSid"])


@pytest.mark.parametrize("who", ["+91 98765 00009", "billing"])
@virtual
async def test_a_bot_transfers_by_rest_to_a_configured_target(tmp_path, who):
    answers = []

    async def act(bot):
        await bot.say(WORDS)
        answers.append((await Rest(worlds[0], bot).post(dial(who)))[0])

    worlds = []
    options = {"transfer_targets": {"+919876500009": "billing"}}
    async with bot_world(tmp_path, "twilio", act, options=options) as (world, _):
        worlds.append(world)
        result = await world.call(script=(), max_s=60)
        record = world.record(result.call_sid)
        assert (record["end_reason"], record["transfer"]["target"]) == ("transferred", "billing")
        assert answers == [200]


@virtual
async def test_what_is_not_this_calls_own_is_refused(tmp_path):
    """Credentials are good for one call, as long as its bot has it; no number of a stranger's is dialled."""
    answers = {}

    async def act(bot):
        await bot.say(WORDS)
        rest, account = Rest(worlds[0], bot), bot.start["accountSid"]
        answers["a number nobody configured"] = await rest.post(dial("+919876511111"))
        answers["the same, written otherwise"] = await rest.post(dial("0091-98765-11111"))
        answers["another password"] = await rest.post({"Status": "completed"}, auth=(account, "guessed"))
        other = f"/twilio/2010-04-01/Accounts/{account}/Calls/CA{'0' * 32}.json"
        answers["another call"] = await rest.post({"Status": "completed"}, path=other)
        other = f"/twilio/2010-04-01/Accounts/AC{'0' * 32}/Calls/{bot.start['callSid']}.json"
        answers["another account"] = await rest.post({"Status": "completed"}, path=other)
        answers["nothing asked"] = await rest.post({"Status": "busy"})
        answers["no TwiML"] = await rest.post({"Twiml": "<html>"})
        rests.append(rest)

    worlds, rests = [], []
    async with bot_world(tmp_path, "twilio", act) as (world, _):
        worlds.append(world)
        result = await world.call(script=HANG_UP)
        assert world.record(result.call_sid)["end_reason"] == "caller_hung_up"
        answers["after the call"] = await rests[0].post({"Status": "completed"})
        assert {name: (status, said["code"]) for name, (status, said) in answers.items()} == {
            "a number nobody configured": (400, 21218),
            "the same, written otherwise": (400, 21218),
            "another password": (401, 20003),
            "another call": (401, 20003),
            "another account": (401, 20003),
            "nothing asked": (400, 21218),
            "no TwiML": (400, 21218),
            "after the call": (401, 20003),
        }
