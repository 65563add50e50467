"""What a bot may do, what it is given, and what happens when its code is wrong."""

import asyncio
import sys
import types

import numpy as np
import pytest

from common.env import SettingError
from relay.agents.bot import Bot
from relay.app import create_app
from relay.settings import Settings
from sim.agent_script import AgentScript, Reply
from sim.caller import Step, When
from sim.vendors.sounds import sound
from tests.integration.agents.world import Entry, lines_heard, world
from tests.support.virtual import virtual

TONE = sound("tone:440:1000", 16000).tobytes()
BACK = Entry("back", "deepgram", AgentScript(replies=(Reply(on="start", say=("backup_greeting",), end_call=True),)))


@pytest.fixture
def entry(monkeypatch):
    """Makes an agent of a class, as if it had been found by its dotted name."""

    def make(kind, **options):
        module = types.ModuleType("bots_of_a_test")
        module.Kind = kind
        monkeypatch.setitem(sys.modules, "bots_of_a_test", module)
        return Entry("front", "bot", id="bots_of_a_test:Kind", options=options)

    return make


def pitch_hz(track, rate_hz):
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(track * np.hanning(track.size)))
    return int(spectrum.argmax()) * rate_hz / track.size


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@virtual
async def test_sound_may_be_anything_that_holds_bytes(tmp_path, entry, kind):
    """The compiled relay ended a bot's time for a bytearray, which its source had played."""

    class Buffered(Bot):
        def on_start(self):
            self.say(kind(TONE))

    async with world(tmp_path, entry(Buffered)) as at:
        call = await at.call(script=(Step(when=When.AT, ms=1500, hang_up=True),))
    assert abs(pitch_hz(call.heard[2000:8000].astype(float), 8000) - 440) <= 1.5


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@virtual
async def test_always_16_khz_whatever_the_line(tmp_path, entry, rate_hz):
    """Frames of 640 bytes come in, 440 Hz go out as 440 Hz and come in as 440 Hz."""
    heard = []

    class Listening(Bot):
        def on_start(self):
            self.say(TONE)

        def on_audio(self, pcm):
            heard.append(pcm)

    class Hummer:
        """A caller who hums."""

        def frame(self, at_ms, heard, size):
            from sim.caller import Doing

            places = np.arange(size) + round(at_ms * rate_hz / 1000)
            tone = np.rint(8192 * np.sin(2 * np.pi * 440 * places / rate_hz)).astype(np.int16)
            return Doing(pcm=tone, hang_up=at_ms > 2000)

    async with world(tmp_path, entry(Listening)) as at:
        call = await at.call(query=f"?sample-rate={rate_hz}", caller=lambda _: Hummer())
        at.assert_no_violations(call)
    assert {len(pcm) for pcm in heard} == {640}
    received = np.frombuffer(b"".join(heard), "<i2").astype(float)
    assert abs(received.size / 16000 - 2.0) < 0.06
    assert abs(pitch_hz(received[3200:19200], 16000) - 440) <= 1
    spoken = call.heard[rate_hz // 4 : rate_hz].astype(float)
    assert abs(pitch_hz(spoken, rate_hz) - 440) <= 1.5
    assert abs(np.abs(spoken).max() - 8192) < 200
    assert abs(np.abs(received[3200:19200]).max() - 8192) < 200


@virtual
async def test_every_hook_is_called_plain_or_async_and_in_order(tmp_path, entry):
    told = []

    class Chronicler(Bot):
        async def on_start(self):
            told.append(("start", self.call.from_number, self.options))
            await asyncio.sleep(0.1)
            self.say(TONE, "hum")

        def on_dtmf(self, key):
            told.append(("key", key))
            self.clear()

        async def on_interrupted(self, heard_ms):
            told.append(("interrupted", heard_ms))
            await asyncio.sleep(0)

        def on_stop(self):
            told.append(("stop",))

    steps = (Step(when=When.AT, ms=600, press="5"), Step(ms=500, hang_up=True))
    async with world(tmp_path, entry(Chronicler, colour="blue")) as at:
        call = await at.call(script=steps)
        record = at.record(call)
    assert [what for what, *_ in told] == ["start", "key", "interrupted", "stop"]
    assert told[0] == ("start", "09876500001", {"colour": "blue"})
    heard_ms = told[2][1]
    assert 400 <= heard_ms <= 600
    assert record["turns"][0]["heard_ms"] == heard_ms
    assert record["turns"][0]["interrupted"]


@pytest.mark.parametrize("listens", [True, False])
@virtual
async def test_a_note_reaches_a_bot_that_listens_to_notes(tmp_path, entry, listens, caplog):
    told = []

    class Listener(Bot):
        async def on_note(self, text, reply):
            told.append((text, reply))

    kind = Listener if listens else type("Deaf", (Bot,), {})
    async with world(tmp_path, entry(kind)) as at:
        calling = asyncio.create_task(at.call(script=(Step(when=When.AT, ms=2000, hang_up=True),)))
        await asyncio.sleep(1)
        (running,) = at.relay.calls.values()
        answers = [await running.parts.outbox.note("a minute is left", reply=reply) for reply in (False, True)]
        record = at.record(await calling)
    assert answers == [listens, listens]
    assert told == ([("a minute is left", False), ("a minute is left", True)] if listens else [])
    assert record["end_reason"] == "caller_hung_up"
    refused = [line for line in caplog.records if getattr(line, "event", "") == "agent_takes_no_notes"]
    assert len(refused) == (not listens)


@virtual
async def test_hanging_up_plays_out_what_was_said(tmp_path, entry):
    class Brief(Bot):
        def on_start(self):
            self.say(TONE, "hum")
            self.hang_up()
            self.say(TONE, "never heard")

    async with world(tmp_path, entry(Brief)) as at:
        call = await at.call()
        record = at.record(call)
    assert record["end_reason"] == "agent_ended"
    assert np.count_nonzero(np.abs(call.heard) > 1000) > 0.7 * 8000
    assert [turn["text"] for turn in record["turns"]] == ["hum"]


@virtual
async def test_a_refused_transfer_is_reported(tmp_path, entry):
    told = []

    class Asking(Bot):
        async def on_start(self):
            told.append(await self.ambience(volume=7))  # not a volume
            told.append(await self.ambience(enabled=True))
            self.hang_up()

    async with world(tmp_path, entry(Asking)) as at:
        await at.call()
    assert told == [False, True]


@pytest.mark.parametrize("where", ["on_start", "on_audio", "on_dtmf", "a task"])
@virtual
async def test_an_error_in_its_code_fails_this_call_over_and_no_other(tmp_path, entry, where, caplog):
    """The log names the class, the method and the error; the caller goes on with the fallback."""

    class Fragile(Bot):
        def on_start(self):
            self.breaks = self.call.from_number.endswith("1")
            self.hit("on_start")
            self.spawn(self.later())
            self.say(TONE * 8)

        def on_audio(self, pcm):
            self.hit("on_audio")

        async def on_dtmf(self, key):
            self.hit("on_dtmf")

        async def later(self):
            self.hit("a task")

        def hit(self, here):
            if self.breaks and here == where:
                raise ZeroDivisionError("division by zero")

    steps = (Step(when=When.AT, ms=500, press="1"), Step(when=When.AT, ms=6000, hang_up=True))
    async with world(tmp_path, entry(Fragile), BACK) as at:
        unlucky, lucky = await asyncio.gather(
            at.call(script=steps[:1], from_="09876500001"), at.call(script=steps, from_="09876500002")
        )
        assert [agent["end_reason"] for agent in at.record(unlucky)["agents"]] == ["defect", "ended"]
        assert lines_heard(unlucky, ("backup_greeting",))[0].is_whole
        assert at.record(lucky)["end_reason"] == "caller_hung_up"
        assert len(at.record(lucky)["agents"]) == 1
    (line,) = [one for one in caplog.records if getattr(one, "event", "") == "agent_defect"]
    method = "later" if where == "a task" else where
    assert line.getMessage() == f"Fragile.{method}: ZeroDivisionError: division by zero"
    assert line.call_sid == unlucky.call_sid


@virtual
async def test_a_bot_that_can_not_keep_up_misses_sound_but_the_relay_does_not(tmp_path, entry, caplog):
    class Slow(Bot):
        async def on_audio(self, pcm):
            await asyncio.sleep(3600)

    caplog.set_level("INFO", logger="relay")
    async with world(tmp_path, entry(Slow)) as at:
        call = await at.call(max_s=35)
        at.assert_no_violations(call)
    notices = [one.getMessage() for one in caplog.records if getattr(one, "event", "") == "agent_notice"]
    assert notices == ["bot: Slow is 30 s behind: on_audio misses sound"]


@virtual
async def test_an_error_while_tidying_up_is_logged(tmp_path, entry, caplog):
    class Untidy(Bot):
        def on_stop(self):
            raise OSError("disk full")

    async with world(tmp_path, entry(Untidy)) as at:
        call = await at.call(max_s=1)
        assert at.record(call)["end_reason"] == "caller_hung_up"
    assert "Untidy.on_stop: OSError: disk full" in caplog.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("examples.bots.echo", "to be module:Class, not 'examples.bots.echo'"),
        ("examples.bots.nothing:Bot", "to be importable: ModuleNotFoundError: No module named 'examples.bots.nothing'"),
        ("examples.bots.echo:Echo", "to be importable: AttributeError"),
        ("examples.bots.turns:TurnDetector", "to be a subclass of relay.agents.bot.Bot"),
    ],
)
def test_a_class_that_can_not_be_loaded_stops_the_start(tmp_path, name, expected):
    (tmp_path / "agents.toml").write_text(f'[agents.mine]\nvendor = "bot"\nid = "{name}"')
    with pytest.raises(SettingError, match="expected agents.mine.id ") as error:
        create_app(Settings(agents_file=str(tmp_path / "agents.toml")))
    assert expected in str(error.value)
