"""Shapes of Exotel's `start` as integrations captured or documented them: the relay reads each, the fake writes it.

A misreading that relay and fake share is seen by neither's tests, so both are held to what came from outside. Ids and
numbers are made up.
"""

import json
from pathlib import Path

import pytest

from relay.line import exotel
from sim.caller import Step, When
from sim.exotel_spelling import Spelling
from tests.support.virtual import virtual
from tests.unit.sim.peers import Bot, call

CORPUS = json.loads((Path(__file__).parents[2] / "fixtures" / "exotel" / "start.json").read_text())
IDS = ("event", "streamSid", "stream_sid", "sequenceNumber", "sequence_number")


@pytest.fixture(params=CORPUS, ids=lambda entry: entry["name"])
def entry(request):
    return request.param


def test_the_relay_reads_it(entry):
    start = exotel.decode(json.dumps(entry["message"]).encode())
    assert isinstance(start, exotel.Start)
    assert (start.call_sid, start.stream_sid) == (
        "b7a90e4c51d24f6a93be7c0d8f12197k",
        "6f1d0c2b9a7e4d35b8c1e0f2a3d418bl",
    )
    assert start.account_sid == "acmehealth1"
    assert start.from_number.endswith("9876500001")
    assert start.to_number.endswith("8047100002")
    assert {name: getattr(start, name) for name in entry["means"]} == entry["means"]


@virtual
async def test_the_fake_writes_it(entry):
    bot = Bot()
    means = entry["means"]
    query = {"sample-rate": str(means["rate_hz"]), **means["custom_parameters"]}
    await call(
        bot,
        path="?" + "&".join(f"{key}={value}" for key, value in query.items()),
        script=(Step(When.AT, 100, hang_up=True),),
        spelling=Spelling(**entry["spelling"]),
    )
    [written] = bot.of("start")
    assert _shape(written) == _shape(entry["message"])
    assert _formats(written) == _formats(entry["message"])


def _shape(value):
    """Keys of all levels and the types of their values."""
    return {key: _shape(item) for key, item in value.items()} if isinstance(value, dict) else type(value).__name__


def _formats(message):
    start = message["start"]
    return start.get("media_format", start.get("mediaFormat"))
