"""Nothing of a person and nothing of a secret leaves through logs, metrics, refusals or `repr` (design D9)."""

import asyncio
import logging
import re

import pytest
from yarl import URL

from common.credentials import BasicAuth
from relay.settings import Settings
from sim.caller import Step, When
from sim.in_process import in_process
from sim.run import play
from sim.scenario import load
from tests.support.relay_world import API_KEY, EVENTS_SECRET, relay_world
from tests.support.virtual import virtual

SECRETS = {
    "media_token": "media-token-of-nobody",
    "control_token": "control-token-of-nobody",
    "metrics_token": "metrics-token-of-nobody",
}
PASSWORD = "password-of-nobody"


@pytest.mark.parametrize("name", ["reception", "agent_dies", "dtmf"])
@virtual
async def test_a_whole_call_of_all_parts_logs_nothing_secret(tmp_path, caplog, name):
    """Every line of relay and functions at DEBUG is read by the fixture of tests/integration/conftest.py; here it is
    made sure that there is something to read."""
    scenario = load(name)
    async with in_process(scenario, tmp_path) as world:
        await play(scenario, world)
    parts = {record.name.split(".")[0] for record in caplog.records}
    assert {"relay", "functions"} <= parts
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert re.search(r"\*\*\*\d{4}", text)


@virtual
async def test_the_metrics_name_no_call_and_no_person(tmp_path):
    """Labels are vendors and reasons: nothing that comes from outside can become one, or the page would never end."""
    async with relay_world(tmp_path, settings=SECRETS, with_events_url=True) as world:
        url = world.media_url + "/" + SECRETS["media_token"]
        for n in range(3):
            result = await world.call(url=url, script=(Step(when=When.AT, ms=1500, hang_up=True),))
            await world.call(url=f"{url}?agent_id=stranger{n}")
        _, page = await world.get("/metrics")
        forbidden = (
            *SECRETS.values(),
            API_KEY,
            EVENTS_SECRET,
            "98765",
            "80471",
            "stranger",
            result.call_sid,
            "agent_0",
        )
        assert not [word for word in forbidden if word in page]


# What a proxy adds makes a stranger of who comes through it, though the connection is one of this machine.
STRANGER = {"X-Forwarded-For": "203.0.113.9"}


@pytest.mark.parametrize("trace", [STRANGER, {"Forwarded": "for=203.0.113.9"}, {"Via": "1.1 edge"}])
@virtual
async def test_a_stranger_learns_whether_the_relay_is_alive_and_nothing_else(tmp_path, trace):
    async with relay_world(tmp_path, settings=SECRETS | {"max_calls": 1}) as world:
        assert await world.get("/health", headers=trace) == (200, {"status": "ok"})
        assert await world.get("/ready", headers=trace) == (200, {"status": "ready"})
        url = world.media_url + "/" + SECRETS["media_token"]
        call = asyncio.create_task(world.call(url=url, script=(Step(when=When.AT, ms=1500, hang_up=True),)))
        await world.until(lambda: world.relay.calls)
        assert await world.get("/health", headers=trace) == (200, {"status": "ok"})
        assert await world.get("/ready", headers=trace) == (503, {"status": "not ready"})
        assert (await world.get("/ready"))[1] == {"status": "full", "calls": 1, "max_calls": 1}
        await call


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/%6detrics", "/metric%73", "/metrics?x=1", "/./metrics", "/x/../metrics", "//metrics", "/metrics/"],
)
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer ", "Basic bWV0cmljcy10b2tlbi1vZi1ub2JvZHk="])
@virtual
async def test_a_stranger_gets_no_metrics_however_they_are_spelled(tmp_path, path, authorization):
    """A balancer's rule for /metrics is passed by /%6detrics: the relay itself has to refuse."""
    headers = STRANGER | ({"Authorization": authorization} if authorization else {})
    async with (
        relay_world(tmp_path, settings=SECRETS) as world,
        world.http.get(URL(world.url + path, encoded=True), headers=headers) as response,
    ):
        assert response.status in {401, 404}
        assert "relay_calls" not in await response.text()


@pytest.mark.parametrize("token", ["metrics_token", "control_token"])
@virtual
async def test_with_a_token_the_metrics_are_read_from_anywhere(tmp_path, token):
    async with relay_world(tmp_path, settings=SECRETS) as world:
        status, page = await world.get("/metrics", headers=STRANGER | {"Authorization": f"Bearer {SECRETS[token]}"})
        assert (status, "relay_calls " in page) == (200, True)


@virtual
async def test_refusals_say_no_more_than_needed(tmp_path):
    async with relay_world(tmp_path, settings=SECRETS) as world:
        for path in ("/", "/health", "/ready", "/metrics", "/media", "/bg-sound", "/nowhere"):
            _, body = await world.get(path)
            for secret in (*SECRETS.values(), API_KEY, str(tmp_path)):
                assert secret not in str(body)


def test_settings_hide_their_secrets():
    """A settings object that is printed in a traceback or by hand tells none of them."""
    settings = Settings(
        **SECRETS,
        media_basic_auth=BasicAuth("exotel", PASSWORD),
        elevenlabs_api_key=API_KEY,
        events_secret=EVENTS_SECRET,
        environ={"X": "env-secret"},
    )
    for secret in (*SECRETS.values(), PASSWORD, API_KEY, EVENTS_SECRET, "env-secret"):
        assert secret not in repr(settings)


@virtual
async def test_words_of_a_caller_who_says_a_number_are_not_logged(tmp_path, caplog):
    """Keys a caller presses may be a card's number: the log says how many they were."""
    async with relay_world(tmp_path) as world:
        script = (Step(when=When.AT, ms=1500, press="4929123412341234#"), Step(ms=4000, hang_up=True))
        with caplog.at_level(logging.DEBUG):
            await world.call(script=script)
    relay = [str(vars(record)) for record in caplog.records if record.name == "relay"]
    assert not [line for line in relay if "49291234" in line]  # four of them can be in a random id
