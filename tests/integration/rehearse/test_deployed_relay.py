"""A rehearsal of a relay that runs elsewhere: what the agent says is known while the call goes on, from the store."""

import asyncio

from common.documents import pretty
from console.rehearse.relays import DeployedRelay
from console.rehearse.runs import Limits, Rehearsal
from console.rehearse.suite import load
from console.rehearse.voices import Voices
from functions.common.store import StoreError, open_store
from sim import virtual_time
from sim.in_process import in_process
from sim.scenario import load as scenario
from tests.support.virtual import virtual

CALLER = """
title = "Hangs up once the agent has named the hours"
[[steps]]
when = "{when}"
hang_up = true
[expect]
ended_by = "caller"
"""


class Asked(DeployedRelay):
    asked = False

    def words(self, call_sid):
        self.asked = True
        return super().words(call_sid)


def rehearse(folder, when):
    suite = folder / "suite"
    suite.mkdir()
    (suite / "suite.toml").write_text('title = "Elsewhere"\n')
    (suite / "waits.toml").write_text(CALLER.format(when=when))
    played, found = [], load(str(suite))

    async def whole():
        async with in_process(scenario("greeting_goodbye"), folder / "data") as world:
            relay = Asked(world.media_url, "elsewhere", open_store(f"file:{folder / 'data'}"))
            rehearsal = Rehearsal(found, relay, Voices(found, folder / "voices"))
            await rehearsal.play(times=1, parallel=1, limits=Limits(1, 10), on_played=played.append)
            return relay

    relay = virtual_time.run(whole())
    return played[0], relay


def test_a_caller_reacts_to_words_that_the_relay_has_told(tmp_path):
    played, relay = rehearse(tmp_path, "agent says ~ [Hh]ow (can|may)")
    assert played.passed, played.findings
    assert 2 < played.observed.duration_s < 30
    assert relay.asked
    assert relay._followers == {}, "nobody is followed once the call is over"


def test_a_caller_who_needs_no_words_asks_the_store_for_none(tmp_path):
    played, relay = rehearse(tmp_path, "agent finished 500 ms")
    assert played.passed, played.findings
    assert not relay.asked


@virtual
async def test_a_store_that_fails_is_asked_again(tmp_path):
    store = open_store(f"file:{tmp_path}")
    turns = [{"speaker": "caller", "text": "Hello?"}, {"speaker": "agent", "text": "Namaste."}]
    store.create("pending/live/CA1/s1.json", pretty({"turns": turns}))
    store.create("pending/live/CA1/s0.json", b'{"turns": [')  # of a stream before: worth nothing, and no reason to stop
    failures = [StoreError("throttled")]

    class Failing:
        def versions(self, prefix):
            if failures:
                raise failures.pop()
            return store.versions(prefix)

        def read_all(self, keys):
            return store.read_all(keys)

        def read(self, key):
            return store.read(key)

    relay = DeployedRelay("wss://x", "x", Failing())
    assert relay.words("CA1") == ""
    await asyncio.sleep(2.5)
    assert relay.words("CA1") == "Namaste."
    store.create("logs/CA1.json", pretty({"ended_at": "2026-11-29T10:00:00Z"}))
    assert (await relay.record("CA1"))["ended_at"] == "2026-11-29T10:00:00Z"
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1, "nothing follows a call that is over"
