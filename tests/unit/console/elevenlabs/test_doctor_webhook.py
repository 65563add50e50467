"""The webhook function, tried by the doctor: it takes what is signed, refuses what is not, and nothing comes of it."""

import pytest
from aiohttp import web

from console.checks.finding import Verdict
from sim.serving import serving
from tests.support.elevenlabs_workspace import amiss, elevenlabs_world, make_good
from tests.support.virtual import virtual

WARN, FAIL = Verdict.WARN, Verdict.FAIL


@virtual
async def test_the_sample_makes_no_call_and_is_kept_once():
    async with elevenlabs_world() as world:
        await make_good(world)
        for _ in range(3):
            assert amiss(await world.doctor()) == {}
        (key,) = world.store.objects
        assert key.startswith("inbox/2001/09/09/")
        assert b"Not a call" in world.store.objects[key]


@virtual
async def test_that_the_ticket_service_gets_the_sample_is_said():
    async with elevenlabs_world(TICKET_SERVICE_URL="https://tickets.example.com") as world:
        await make_good(world)
        (accepted,) = [one for one in await world.doctor() if one.check == "webhook.accepts"]
        assert "TICKET_SERVICE_URL" in accepted.found


@virtual
async def test_another_secret_at_the_function_is_named():
    async with elevenlabs_world() as world:
        await make_good(world)
        world.functions["ELEVENLABS_WEBHOOK_SECRET"] = "wsec_of_last_year"
        findings = {one.check: one for one in await world.doctor()}
        assert findings["webhook.accepts"].verdict is FAIL
        assert "401" in findings["webhook.accepts"].found
        assert findings["webhook.refuses"].verdict is Verdict.SKIPPED


@virtual
async def test_during_a_rotation_both_secrets_are_tried():
    async with elevenlabs_world() as world:
        await make_good(world)
        world.environ["ELEVENLABS_WEBHOOK_SECRET"] += ",wsec_of_last_year"
        verdicts = [one.verdict for one in await world.doctor() if one.check == "webhook.accepts"]
        assert verdicts == [Verdict.PASS, FAIL]
        world.functions["ELEVENLABS_WEBHOOK_SECRET"] += ",wsec_of_last_year"
        assert amiss(await world.doctor()) == {}


@virtual
async def test_without_the_secret_a_forged_sample_is_still_tried():
    async with elevenlabs_world() as world:
        await make_good(world)
        del world.environ["ELEVENLABS_WEBHOOK_SECRET"]
        findings = {one.check: one.verdict for one in await world.doctor()}
        assert findings["webhook.secret"] is WARN
        assert findings["webhook.refuses"] is Verdict.PASS
        assert "webhook.accepts" not in findings


@virtual
async def test_no_secret_is_in_any_sentence():
    async with elevenlabs_world() as world:
        await make_good(world)
        world.functions["ELEVENLABS_WEBHOOK_SECRET"] = "wsec_of_last_year"
        text = " ".join(f"{one.found} {one.advice}" for one in await world.doctor())
        assert world.environ["ELEVENLABS_WEBHOOK_SECRET"] not in text
        assert world.environ["ELEVENLABS_API_KEY"] not in text


@pytest.mark.parametrize(
    ("status", "word"), [(204, "200 and nothing else"), (301, "redirect"), (404, "path"), (500, "log"), (403, "SECRET")]
)
@virtual
async def test_an_answer_other_than_200_is_explained(status, word):
    """ElevenLabs counts 200 as delivered and nothing else: a 204 from a proxy looks fine and loses every webhook."""

    async def answer(request):
        return web.Response(status=status, headers={"Location": "https://elsewhere.example.com/"})

    other = web.Application()
    other.router.add_route("*", "/{path:.*}", answer)
    async with elevenlabs_world() as world, serving(other) as url:
        await make_good(world)
        world.only_webhook()["webhook_url"] = world.webhook_url = f"{url}/webhook/post-call"
        findings = {one.check: one for one in await world.doctor()}
        assert amiss(list(findings.values())) == {"webhook.accepts": FAIL}
        assert str(status) in findings["webhook.accepts"].found
        assert word in findings["webhook.accepts"].advice


@pytest.mark.parametrize(("status", "verdict"), [(200, FAIL), (400, WARN)])
@virtual
async def test_accepting_everything_accepts_forgeries(status, verdict):
    asked = []

    async def answer(request):
        asked.append(request)
        return web.Response(status=200 if len(asked) == 1 else status)

    other = web.Application()
    other.router.add_post("/webhook/post-call", answer)
    async with elevenlabs_world() as world, serving(other) as url:
        await make_good(world)
        world.only_webhook()["webhook_url"] = world.webhook_url = f"{url}/webhook/post-call"
        assert amiss(await world.doctor()) == {"webhook.refuses": verdict}


@virtual
async def test_nobody_at_the_address():
    async with elevenlabs_world() as world:
        await make_good(world)
        world.only_webhook()["webhook_url"] = world.webhook_url = "http://127.0.0.1:1/webhook/post-call"
        assert amiss(await world.doctor()) == {"webhook.accepts": FAIL}


@virtual
async def test_an_address_that_is_not_known_is_skipped_and_says_so():
    async with elevenlabs_world() as world:
        await make_good(world)
        world.webhook_url = ""
        findings = {one.check: one.verdict for one in await world.doctor()}
        assert findings["webhook.accepts"] is Verdict.SKIPPED
        assert "webhook.url" not in findings


@virtual
async def test_a_webhook_that_several_agents_share_is_looked_at_once(tmp_path):
    async with elevenlabs_world() as world:
        await make_good(world)
        world.workspace.agents["agent_2"] = world.agent
        world.scripts["agent_2"] = world.scripts["agent_1"]
        file = tmp_path / "agents.toml"
        file.write_text('[agents.day]\nid = "agent_1"\n[agents.night]\nid = "agent_2"\n')
        world.environ["AGENTS_FILE"] = str(file)
        checks = [one.check for one in await world.doctor()]
        assert checks.count("webhook.url") == 2
        assert checks.count("webhook.retries") == 1
