"""The doctor asks the user's server who calls, as the relay does."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from common.signature import RELAY_HEADER, Verdict, verify
from console.checks.subject import Subject
from console.doctor.lookup import examine
from sim.serving import serving
from tests.support.virtual import virtual

SECRET = "secret-of-the-look-up"


async def findings(environ, answer, *, status=200, after_s=0.0):
    asked = []

    async def who(request):
        body = await request.read()
        asked.append((await request.json(), verify(body, request.headers.get(RELAY_HEADER), [SECRET])))
        await asyncio.sleep(after_s)
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_post("/", who)
    async with serving(app) as url, aiohttp.ClientSession() as http:
        given = {"ELEVENLABS_AGENT_ID": "agent_1", "MEDIA_OPEN": "1", "LOOKUP_SECRET": SECRET}
        subject = Subject({**given, **{key: value.format(url=url) for key, value in environ.items()}}, http)
        return [(one.check, one.verdict.value, one.found) async for one in examine(subject)], asked


@pytest.mark.parametrize(
    ("more", "verdict", "said"),
    [
        ({"answer": {}}, "pass", "the look-up for agent default was answered within 0 ms"),
        ({"answer": {"agent": "vip"}}, "warn", "agent: expected one of default"),
        ({"answer": {"tags": 5}}, "warn", "tags: expected at most 16"),
        ({"answer": {}, "after_s": 1.0}, "warn", "took 1000 ms, of 1500 that are allowed"),
        ({"answer": {}, "after_s": 9.0}, "fail", "timeout: no answer within 1.5 s"),
        ({"answer": {}, "status": 500}, "fail", "http_500"),
        ({"answer": []}, "fail", "malformed"),
    ],
)
@virtual
async def test_what_the_server_answers(more, verdict, said):
    [(check, found, text)], [(question, signature)] = await findings({"LOOKUP_URL": "{url}"}, **more)
    assert (check, found) == ("lookup.answer", verdict)
    assert said in text
    assert signature is Verdict.VALID
    assert (question["call_sid"], question["from"]) == ("doctor", "")


@virtual
async def test_each_server_is_asked_once(tmp_path):
    file = tmp_path / "agents.toml"
    file.write_text('[agents.a]\nid = "1"\n[agents.b]\nid = "2"\n[agents.c]\nid = "3"\nlookup_url = ""\n')
    found, asked = await findings({"LOOKUP_URL": "{url}", "AGENTS_FILE": str(file)}, {})
    assert [verdict for _, verdict, _ in found] == ["pass"]
    assert [question["agent"] for question, _ in asked] == ["a"]


@virtual
async def test_nobody_is_asked_without_an_address():
    [(_, verdict, text)], asked = await findings({}, {})
    assert (verdict, asked) == ("skipped", [])
    assert "no LOOKUP_URL" in text
