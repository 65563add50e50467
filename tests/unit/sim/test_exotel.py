import asyncio
import base64
import json

import numpy as np
import pytest
from aiohttp import web

from sim.caller import Step, When
from sim.exotel import CallPlan, FakeExotel
from sim.exotel_rules import Rule
from sim.exotel_spelling import Spelling
from sim.exotel_stream import LineFaults, LineRules
from sim.serving import serving
from sim.speech import spoken
from tests.support.virtual import virtual
from tests.unit.sim.peers import Bot, call, mark, media, tone

HANG_UP_AFTER_1S = (Step(When.AT, 1000, hang_up=True),)


def rules(result):
    return [violation.rule for violation in result.violations]


@virtual
async def test_the_order_and_shape_of_what_the_line_sends():
    bot = Bot()
    result = await call(bot, script=HANG_UP_AFTER_1S, call_sid="c1", from_="09876500009", to="08047100003")

    kinds = [event["event"] for _, event in bot.messages]
    assert kinds == ["connected", "start", *["media"] * (len(kinds) - 3), "stop"]
    start = bot.of("start")[0]
    assert start["stream_sid"] == start["start"]["stream_sid"] == result.stream_sid
    assert start["start"]["call_sid"] == "c1"
    assert (start["start"]["from"], start["start"]["to"]) == ("09876500009", "08047100003")
    assert start["start"]["media_format"] == {"encoding": "base64", "sample_rate": "8000", "bit_rate": "128kbps"}
    assert "custom_parameters" not in start["start"]
    first = bot.of("media")[0]
    assert first["media"]["chunk"] == "1"
    assert first["media"]["timestamp"] == "0"
    assert len(base64.b64decode(first["media"]["payload"])) == 320
    numbers = [int(event["sequence_number"]) for _, event in bot.messages[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert bot.of("stop")[0]["stop"]["call_sid"] == "c1"


@virtual
async def test_frames_are_paced_by_the_clock_not_by_each_other():
    """A bot that is slow to read must not make the line drift: frame n goes out n frames after the start."""
    bot = Bot()
    await call(bot, script=(Step(When.AT, 60_000, hang_up=True),))
    times = [at for at, event in bot.messages if event["event"] == "media"]
    assert len(times) == 3001
    assert times == pytest.approx([0.02 * (index + 1) for index in range(3001)], abs=1e-6)


@virtual
async def test_after_stop_the_connection_drops_without_a_close_frame():
    bot = Bot()
    result = await call(bot, script=HANG_UP_AFTER_1S)
    assert result.ended_by == "caller"
    assert result.close_code is None
    assert bot.closed_with == 1006


@virtual
async def test_the_query_is_taken_from_the_url_and_passed_as_parameters():
    bot = Bot()
    result = await call(bot, script=HANG_UP_AFTER_1S, path="?agent_id=a1&tenant=acme&sample-rate=16000")
    assert bot.requests[0].query_string == ""
    assert bot.of("start")[0]["start"]["custom_parameters"] == {"agent_id": "a1", "tenant": "acme"}
    assert result.rate_hz == 16000
    assert {len(base64.b64decode(event["media"]["payload"])) for event in bot.of("media")} == {640}


@pytest.mark.parametrize(
    "query", ["a=1&b=2&c=3&d=4", "sample-rate=44100", "a=" + "x" * 256], ids=["four", "rate", "long"]
)
@virtual
async def test_a_query_exotel_would_not_take(query):
    with pytest.raises(ValueError, match="Exotel takes"):
        await FakeExotel().call(CallPlan(url=f"ws://127.0.0.1:1/media?{query}"))


@virtual
async def test_credentials_in_the_url_become_basic_authentication():
    bot = Bot()
    async with bot.listening() as url:
        plan = CallPlan(url=url.replace("ws://", "ws://acme:s3cret@"), script=HANG_UP_AFTER_1S)
        await FakeExotel().call(plan)
    scheme, _, credentials = bot.requests[0].headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"acme:s3cret")


@virtual
async def test_a_failed_handshake_is_tried_once_more():
    bot = Bot(refusals=[503])
    result = await call(bot, script=HANG_UP_AFTER_1S)
    assert (result.handshakes, result.ended_by, result.error) == (2, "caller", "")


@virtual
async def test_after_two_failed_handshakes_the_stream_has_failed():
    bot = Bot(refusals=[403, 403, 403])
    result = await call(bot)
    assert (result.handshakes, result.ended_by, len(bot.requests)) == (2, "nobody", 2)
    assert result.error == "3009 failed to establish ws conn: status 403"
    assert result.heard.size == 0


@virtual
async def test_a_dynamic_url_is_asked_first():
    bot = Bot()
    asked = []

    async def tell(request):
        asked.append(dict(request.query))
        return web.json_response({"url": url + "/k3y?tenant=acme", "status": "ok"})

    app = web.Application()
    app.router.add_get("/applet", tell)
    async with bot.listening() as url, serving(app) as applet:
        result = await FakeExotel().call(CallPlan(url=f"{applet}/applet", script=HANG_UP_AFTER_1S, call_sid="c7"))
    assert asked[0]["CallSid"] == "c7"
    assert bot.requests[0].path == "/media/k3y"
    assert bot.of("start")[0]["start"]["custom_parameters"] == {"tenant": "acme"}
    assert result.ended_by == "caller"


@pytest.mark.parametrize(
    "answer", [web.Response(status=500), web.Response(text="no"), web.Response(text='{"u": 1}')], ids=str
)
@virtual
async def test_a_dynamic_url_that_gives_no_address_fails_the_stream(answer):
    async def tell(request):
        return web.Response(status=answer.status, text=answer.text)

    app = web.Application()
    app.router.add_get("/applet", tell)
    async with serving(app) as applet:
        result = await FakeExotel().call(CallPlan(url=f"{applet}/applet"))
    assert result.ended_by == "nobody"
    assert result.error.startswith("dynamic URL")


@pytest.mark.parametrize("numbers", [True, False])
@virtual
async def test_camel_case_and_numbers(numbers):
    bot = Bot()
    spelling = Spelling(numbers=numbers, camel_case=True)
    script = (Step(When.AT, 100, press="5"), Step(When.AT, 300, hang_up=True))
    result = await call(bot, script=script, spelling=spelling, path="?my_key=1")
    start = bot.of("start")[0]
    assert start["streamSid"] == start["start"]["streamSid"] == result.stream_sid
    assert start["start"]["mediaFormat"]["sampleRate"] == (8000 if numbers else "8000")
    assert start["start"]["customParameters"] == {"my_key": "1"}
    assert bot.of("media")[0]["media"]["chunk"] == (1 if numbers else "1")
    assert bot.of("dtmf")[0]["dtmf"] == {"digit": "5", "duration": 200 if numbers else "200"}
    assert bot.of("stop")[0]["stop"]["callSid"] == result.call_sid


@virtual
async def test_a_digit_at_the_top_level():
    bot = Bot()
    script = (Step(When.AT, 100, press="#"), Step(When.AT, 300, hang_up=True))
    await call(bot, script=script, spelling=Spelling(flat_dtmf=True))
    assert bot.of("dtmf")[0]["digit"] == "#"


@virtual
async def test_what_the_caller_says_arrives_to_the_sample_and_is_known():
    bot = Bot()
    script = (Step(When.AT, 500, say="caller_hours"), Step(When.THEN, 200, hang_up=True))
    result = await call(bot, script=script)
    sent = np.frombuffer(b"".join(base64.b64decode(event["media"]["payload"]) for event in bot.of("media")), "<i2")
    assert (sent == result.said).all()
    line = spoken("caller_hours")
    assert (sent[4000 : 4000 + line.size] == line).all()
    assert not sent[:4000].any()
    assert result.said_lines == ((0.5, "caller_hours"),)


@virtual
async def test_what_the_caller_heard_is_known_to_the_sample():
    pcm = tone(1600)

    async def act(bot, ws, sid):
        await asyncio.sleep(0.25)
        await ws.send_json(media(sid, pcm.tobytes()))

    result = await call(Bot(act), script=HANG_UP_AFTER_1S)
    assert (result.heard[2000:3600] == pcm).all()
    assert not result.heard[:2000].any()
    assert not result.heard[3600:].any()
    assert (result.media_messages, result.first_sound_s, result.violations) == (1, 0.25, ())


@virtual
async def test_marks_are_echoed_within_a_frame_of_being_played():
    async def act(bot, ws, sid):
        await ws.send_json(media(sid, bytes(1600)))
        await ws.send_json(mark(sid, "u1"))

    bot = Bot(act)
    result = await call(bot, script=HANG_UP_AFTER_1S)
    (at,) = (at for at, event in bot.messages if event["event"] == "mark")
    assert bot.of("mark")[0]["mark"] == {"name": "u1"}
    assert 0.1 <= at <= 0.12
    assert [(echo.name, echo.cleared) for echo in result.marks] == [("u1", False)]


@virtual
async def test_when_the_bot_closes_what_was_not_played_is_lost():
    async def act(bot, ws, sid):
        await ws.send_json(media(sid, tone(2400).tobytes()))
        await asyncio.sleep(0.1)
        await ws.close(code=1000)

    result = await call(Bot(act))
    assert (result.ended_by, result.close_code) == ("bot", 1000)
    assert result.duration_s == pytest.approx(0.1)
    assert result.heard.size == 800


@virtual
async def test_a_burst_is_noticed():
    async def act(bot, ws, sid):
        for _ in range(4):
            await ws.send_json(media(sid, bytes(3200)))

    result = await call(Bot(act), script=HANG_UP_AFTER_1S)
    assert rules(result) == [Rule.BURST, Rule.BURST]
    assert result.ahead_max_s == pytest.approx(0.8)
    result = await call(Bot(act), script=HANG_UP_AFTER_1S, rules=LineRules(max_ahead_s=1.0))
    assert rules(result) == []


@virtual
async def test_what_came_while_this_machine_stood_still_is_no_burst():
    """It is read before the next frame is sent, so the line does not know yet how late it is."""

    async def act(bot, ws, sid):
        await asyncio.sleep(0.11)
        asyncio.get_running_loop()._jumping.now += 0.8
        for _ in range(4):
            await ws.send_json(media(sid, bytes(3200)))

    result = await call(Bot(act), script=HANG_UP_AFTER_1S)
    assert result.late_max_s == pytest.approx(0.79)
    assert rules(result) == []


@virtual
async def test_talking_on_after_stop_is_noticed_but_not_what_was_on_its_way():
    async def act(bot, ws, sid):
        while not bot.of("stop"):
            await ws.send_json(media(sid))
            await asyncio.sleep(0.02)
        await ws.send_json(media(sid))
        if late:
            await asyncio.sleep(0.08)
            await ws.send_json(media(sid))

    for late in (False, True):
        result = await call(Bot(act), script=HANG_UP_AFTER_1S)
        assert rules(result) == ([Rule.AFTER_STOP] if late else [])


@virtual
async def test_binary_frames_and_broken_messages_are_noticed_and_the_call_goes_on():
    async def act(bot, ws, sid):
        await ws.send_bytes(b"\0\1")
        await ws.send_str("{")
        await ws.send_json(media("not mine"))
        await ws.send_json(media(sid))

    result = await call(Bot(act), script=HANG_UP_AFTER_1S)
    assert rules(result) == [Rule.BINARY_FRAME, Rule.NOT_JSON, Rule.WRONG_STREAM_SID]
    assert (result.ended_by, result.media_messages) == ("caller", 2)


@virtual
async def test_stop_before_start():
    bot = Bot()
    result = await call(bot, faults=LineFaults(stop_before_start_s=2.0))
    assert [event["event"] for _, event in bot.messages] == ["connected", "stop"]
    assert result.ended_by == "caller"


@virtual
async def test_a_start_that_never_comes():
    async def close_after_a_while(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        assert json.loads((await ws.receive()).data) == {"event": "connected"}
        with pytest.raises(TimeoutError):
            await ws.receive(timeout=10)
        await ws.close()
        return ws

    app = web.Application()
    app.router.add_get("/media", close_after_a_while)
    async with serving(app) as url:
        result = await FakeExotel().call(CallPlan(url=url.replace("http", "ws") + "/media", faults=LineFaults(True)))
    assert result.ended_by == "bot"
    assert result.said.size == 0


@virtual
async def test_a_line_that_vanishes_or_falls_silent():
    bot = Bot()
    result = await call(bot, faults=LineFaults(vanish_s=0.5))
    assert (result.ended_by, bot.of("stop"), bot.closed_with) == ("fault", [], 1006)

    bot = Bot()
    await call(bot, faults=LineFaults(stop_sending_s=0.5), script=HANG_UP_AFTER_1S)
    assert len(bot.of("media")) == 24


@virtual
async def test_raw_frames_are_sent_as_they_are():
    bot = Bot()
    raw = ((0.2, b"\0\1"), (0.1, '{"event": "silence"}'))
    await call(bot, faults=LineFaults(raw=raw), script=HANG_UP_AFTER_1S)
    odd = [event["event"] for _, event in bot.messages if event["event"] in {"binary", "silence"}]
    assert odd == ["silence", "binary"]


@virtual
async def test_a_line_that_stops_reading_leaves_the_bot_with_its_words():
    async def act(bot, ws, sid):
        while True:
            await ws.send_json(media(sid, bytes(99_840)))
            bot.sent += 1

    bot = Bot(act)
    bot.sent = 0
    result = await call(bot, faults=LineFaults(stop_reading_s=0.0), script=HANG_UP_AFTER_1S)
    assert bot.sent < 500, "the socket's buffers should have filled up"
    assert result.ended_by == "caller"


@virtual
async def test_a_hundred_calls_at_once_don_t_mix():
    async def act(bot, ws, sid):
        value = int(sid, 16) % 1000 + 1
        for _ in range(10):
            await ws.send_json(media(sid, np.full(160, value, "<i2").tobytes()))
            await asyncio.sleep(0.02)

    bot = Bot(act)
    async with bot.listening() as url:
        exotel = FakeExotel()
        plans = [CallPlan(url=url, script=HANG_UP_AFTER_1S) for _ in range(100)]
        results = await asyncio.gather(*(exotel.call(plan) for plan in plans))
    for result in results:
        assert (rules(result), result.gaps, result.ended_by) == ([], (), "caller")
        assert set(result.heard.tolist()) == {0, int(result.stream_sid, 16) % 1000 + 1}
