import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from sim.applets import Attempt, CallFacts, Connect, Encoding, Outcome, Passthru, Person
from sim.flow import FlowRunner
from sim.serving import serving
from sim.timeline import Timeline
from tests.support.virtual import virtual

STREAM = {"StreamSID": "s1", "Status": "completed", "Duration": "94", "DisconnectedBy": "bot"}
FACTS = CallFacts("c1", "09876500001", "08047100002", "7", datetime(2026, 9, 1, 4, 30, tzinfo=UTC), STREAM)
FIRST, SECOND = "+919876500010", "+919876500011"


class Server:
    """Answers applets: `answers[path]` is a list of (status, body) or of seconds to wait, the last one repeated."""

    def __init__(self, **answers):
        self.answers = {f"/{path}": list(answer) for path, answer in answers.items()}
        self.asked = []

    async def handle(self, request):
        form = dict(await request.post()) if request.method == "POST" else {}
        self.asked.append((request.method, request.path, dict(request.query) | form, request.headers))
        answers = self.answers.get(request.path, [(200, "")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, (int, float)):
            await asyncio.sleep(answer)
            answer = (200, "{}")
        return web.Response(status=answer[0], text=answer[1], content_type="application/json")

    def at(self, path):
        return [query for _, asked, query, _ in self.asked if asked == f"/{path}"]

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        async with serving(app) as url:
            yield url


def numbers(*found, **more):
    return (200, json.dumps({"destination": {"numbers": list(found)}, **more}))


async def run(applet):
    async with aiohttp.ClientSession() as session:
        return await FlowRunner(session, FACTS, Timeline()).run(applet)


@virtual
async def test_connect_asks_with_everything_exotel_tells_and_dials():
    server = Server(connect=[numbers(FIRST)])
    async with server.serving() as url:
        result = await run(Connect(f"{url}/connect?token=t", people={FIRST: Person(talk_s=30)}))
    ((method, _, query, headers),) = server.asked
    assert (method, headers["Exotel-Version"]) == ("GET", "1.0")
    assert query["token"] == "t"
    assert (query["CallSid"], query["CallFrom"], query["Direction"]) == ("c1", "09876500001", "incoming")
    assert query["StartTime"] == "2026-09-01 10:00:00", "IST, and it does not say so"
    assert query["Created"] == "Tue, 01 Sep 2026 10:00:00", "as seen live"
    assert query["EndTime"] == "1970-01-01 05:30:00"
    assert (result.transfer, result.attempts) == ("answered", [Attempt(FIRST, Outcome.ANSWERED, 30, 32)])
    assert result.violations == []


@virtual
async def test_five_seconds_of_patience_then_the_fallback_url():
    server = Server(connect=[9.0], fallback=[numbers(FIRST)])
    async with server.serving() as url:
        result = await run(Connect(f"{url}/connect", f"{url}/fallback", {FIRST: Person()}))
    assert [(one.status, round(one.took_s, 1)) for one in result.exchanges] == [(0, 5.0), (200, 0.0)]
    assert result.transfer == "answered"


@pytest.mark.parametrize(
    "answer",
    [
        (503, ""),
        (200, "<Response/>"),
        (200, "[]"),
        (200, "{}"),
        numbers(),
        numbers("09876500010"),
        numbers("919876500010"),
        (302, ""),
    ],
)
@virtual
async def test_anything_wrong_dials_nobody(answer):
    after = Passthru("", waits=False)
    server = Server(connect=[answer])
    async with server.serving() as url:
        after = Passthru(f"{url}/nobody")
        result = await run(Connect(f"{url}/connect", f"{url}/connect", if_not_dialled=after))
    assert (result.transfer, result.attempts) == ("not_dialled", [])
    assert len(server.at("nobody")) == 1
    assert len(server.at("connect")) == (1 if answer == numbers() else 2), "an empty list is an answer"


@virtual
async def test_nothing_listens_at_the_url():
    result = await run(Connect("http://127.0.0.1:1/connect"))
    assert (result.transfer, result.exchanges[0].status) == ("not_dialled", 0)


@pytest.mark.parametrize(
    ("more", "complaint", "transfer"),
    [
        ({"max_ringing_duration": 75}, "answer: max_ringing_duration is 75, at most 60", "answered"),
        ({"max_conversation_duration": 9000}, "answer: max_conversation_duration is 9000, at most 4500", "answered"),
        ({"error": None}, "answer has the unknown key 'error'", "answered"),
        ({"record": "true"}, "answer: record must be bool, not 'true'", "not_dialled"),
        ({"max_ringing_duration": True}, "answer: max_ringing_duration must be int, not True", "not_dialled"),
    ],
)
@virtual
async def test_what_is_doubtful_in_an_answer_is_recorded(more, complaint, transfer):
    server = Server(connect=[numbers(FIRST, **more)])
    async with server.serving() as url:
        result = await run(Connect(f"{url}/connect", people={FIRST: Person(talk_s=0)}))
    assert result.violations == [f"connect {complaint}"]
    assert result.transfer == transfer


@virtual
async def test_numbers_are_dialled_in_order_until_one_answers():
    server = Server(connect=[numbers(FIRST, SECOND, "+919876500012")])
    people = {FIRST: Person(Outcome.BUSY, ring_s=1), SECOND: Person(ring_s=2, talk_s=60)}
    async with server.serving() as url:
        result = await run(Connect(f"{url}/connect", people=people, if_answered=Passthru(f"{url}/after")))
    assert [(one.number, one.outcome) for one in result.attempts] == [(FIRST, "busy"), (SECOND, "completed")]
    after = server.at("after")[0]
    assert (after["DialCallStatus"], after["CallType"]) == ("completed", "completed")
    assert (after["DialWhomNumber"], after["Legs[0][OnCallDuration]"]) == (SECOND, "60")


@virtual
async def test_ringing_has_an_end():
    server = Server(connect=[numbers(FIRST, max_ringing_duration=20)])
    async with server.serving() as url:
        before = asyncio.get_running_loop().time()
        result = await run(Connect(f"{url}/connect", people={FIRST: Person(ring_s=45)}, if_nobody=Passthru(f"{url}/n")))
        assert asyncio.get_running_loop().time() - before == pytest.approx(20, abs=0.1)
    assert (result.transfer, result.attempts[0].outcome) == ("nobody", Outcome.NO_ANSWER)
    assert (server.at("n")[0]["DialCallStatus"], server.at("n")[0]["CallType"]) == ("no-answer", "incomplete")


@virtual
async def test_the_url_is_asked_again_after_a_failed_attempt():
    once_more = numbers(FIRST, fetch_after_attempt=True)
    server = Server(connect=[once_more, numbers(SECOND, fetch_after_attempt=True)])
    people = {FIRST: Person(Outcome.FAILED), SECOND: Person()}
    async with server.serving() as url:
        result = await run(Connect(f"{url}/connect", people=people))
    assert result.transfer == "answered"
    second = server.at("connect")[1]
    assert (second["DialWhomNumber"], second["DialCallStatus"]) == (FIRST, "failed")


@virtual
async def test_a_url_that_never_gives_up_is_not_asked_for_ever():
    server = Server(connect=[numbers(FIRST, fetch_after_attempt=True)])
    async with server.serving() as url:
        result = await run(Connect(f"{url}/connect"))
    assert (result.transfer, len(result.attempts)) == ("nobody", 10)


@pytest.mark.parametrize("method", ["GET", "POST"])
@virtual
async def test_dial_events(method):
    server = Server()
    async with server.serving() as url:
        server.answers["/connect"] = [numbers(FIRST, dial_passthru_event_url=f"{url}/events?token=t")]
        await run(Connect(f"{url}/connect", people={FIRST: Person(talk_s=7)}, event_method=method))
    events = server.at("events")
    assert [event["EventType"] for event in events] == ["Dial", "Ringing", "Answered", "Terminal"]
    assert {(event["token"], event["CallSid"], event["DialWhomNumber"]) for event in events} == {("t", "c1", FIRST)}
    assert (events[-1]["DialCallStatus"], events[-1]["DialCallDuration"]) == ("completed", "9"), "ringing counts"
    assert events[-1]["Legs[0][OnCallDuration]"] == "7"


@virtual
async def test_some_accounts_get_only_durations():
    """And the only one that is always there, DialCallDuration, counts the ringing."""
    server = Server(connect=[numbers(FIRST)])
    people = {FIRST: Person(Outcome.NO_ANSWER, ring_s=25)}
    async with server.serving() as url:
        await run(Connect(f"{url}/connect", people=people, tells_status=False, if_nobody=Passthru(f"{url}/n")))
    said = server.at("n")[0]
    assert (said["CallType"], said["DialCallDuration"]) == ("incomplete", "25")
    assert not {"DialCallStatus", "Status", "Legs[0][OnCallDuration]"} & set(said)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("encoding", Encoding)
@virtual
async def test_passthru_tells_how_the_stream_ended(method, encoding):
    server = Server()
    async with server.serving() as url:
        await run(Passthru(f"{url}/p?token=t", method=method, encoding=encoding))
    (said,) = server.at("p")
    assert (said["token"], said["CallSid"]) == ("t", "c1")
    if encoding is Encoding.JSON:
        assert json.loads(said["Stream"]) == STREAM
    else:
        assert {key: said[f"Stream[{key}]"] for key in STREAM} == STREAM


@pytest.mark.parametrize(("status", "then"), [(200, ["a"]), (302, ["b"]), (500, []), (404, [])])
@virtual
async def test_a_passthru_that_waits_branches_by_status(status, then):
    server = Server(p=[(status, "")])
    async with server.serving() as url:
        result = await run(Passthru(f"{url}/p", if_200=Passthru(f"{url}/a"), if_302=Passthru(f"{url}/b")))
    assert [asked for _, asked, _, _ in server.asked][1:] == [f"/{name}" for name in then]
    assert bool(result.violations) == (not then)


@virtual
async def test_a_passthru_that_does_not_wait_goes_on_at_once():
    server = Server(slow=[3.0])
    async with server.serving() as url:
        result = await run(Passthru(f"{url}/slow", waits=False, if_200=Passthru(f"{url}/next")))
    assert [one.url.rpartition("/")[2] for one in result.exchanges] == ["next", "slow"]


@virtual
async def test_only_latin_digits_are_dialled():
    server = Server(connect=[numbers("+९१९८७६५०००१०")])
    async with server.serving() as url:
        result = await run(Connect(f"{url}/connect"))
    assert result.transfer == "not_dialled"
    assert result.violations == ["connect answer: 1 numbers are not E.164"]
