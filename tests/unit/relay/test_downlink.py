"""Agent speech on its way into the playout: each utterance keeps its own samples, and none of another's."""

import asyncio

import numpy as np
import pytest

from relay.audio import pcm
from relay.audio.convert import AudioFormat, Converter, Encoding
from relay.audio.playout import Playout
from relay.audio.speech_level import SpeechLevel
from relay.line.downlink import Downlink
from sim import virtual_time
from tests.support.virtual import virtual
from tests.unit.relay.tone import noise, sine

LINE = AudioFormat(Encoding.PCM, 8000)
FORMATS = [LINE, AudioFormat(Encoding.PCM, 16000), AudioFormat(Encoding.PCM, 24000), AudioFormat(Encoding.ULAW, 8000)]


class Ear:
    """Takes the pacer's place: hears what was said."""

    def __init__(self) -> None:
        self.said_samples: list[tuple[str, int]] = []

    def wake(self) -> None:
        pass

    def new_agent(self) -> None:
        pass

    def said(self, utterance: str, samples: int) -> None:
        self.said_samples.append((utterance, samples))


def sound_of(audio: AudioFormat, seconds: float, seed: int = 1) -> bytes:
    samples = noise(round(audio.rate_hz * seconds), seed)
    return pcm.ulaw_encode(samples) if audio.encoding is Encoding.ULAW else samples.tobytes()


def on_the_line(sound: bytes, spoken: AudioFormat) -> bytes:
    return Converter(spoken, LINE).convert(sound, last=True)


def heard_of(playout: Playout) -> dict[str, bytes]:
    """The sound of each utterance, in the order of playing; one that comes again is listed twice."""
    heard: list[tuple[str, bytes]] = []
    playout.complete_all()
    while playout.queued_samples:
        frame = playout.pull(1)
        (span,) = frame.spans
        if not heard or heard[-1][0] != span.utterance:
            heard.append((span.utterance, b""))
        heard[-1] = (span.utterance, heard[-1][1] + frame.pcm)
    assert len({name for name, _ in heard}) == len(heard), "an utterance was split"
    return dict(heard)


def chunks(sound: bytes, size: int = 333) -> list[bytes]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


def ready(spoken: AudioFormat, **options) -> tuple[Playout, Downlink]:
    playout = Playout()
    downlink = Downlink(playout, Ear(), LINE, **options)
    downlink.attach(spoken)
    return playout, downlink


@pytest.mark.parametrize("spoken", FORMATS, ids=str)
@virtual
async def test_utterances_without_end_events_stay_apart(spoken):
    """Some agents never say that one is complete (elevenlabs.md A3.4). The last two milliseconds of it were heard
    at the beginning of the next."""
    playout, downlink = ready(spoken)
    first, second = sound_of(spoken, 0.1), sound_of(spoken, 0.1, seed=2)
    for chunk in chunks(first):
        await downlink.say("u1", chunk)
    for chunk in chunks(second):
        await downlink.say("u2", chunk)
    downlink.done("u2")
    assert heard_of(playout) == {"u1": on_the_line(first, spoken), "u2": on_the_line(second, spoken)}


@pytest.mark.parametrize("spoken", [audio for audio in FORMATS if audio.encoding is Encoding.PCM], ids=str)
@virtual
async def test_half_a_sample_is_no_half_of_the_next_utterance(spoken):
    """With an odd byte left of one utterance, every sample of the next was put together from two: noise at full
    scale, 40 dB above the voice."""
    playout, downlink = ready(spoken)
    voice = sine(300, spoken.rate_hz, 0.2).tobytes()
    await downlink.say("u1", sound_of(spoken, 0.1) + b"\x7f")
    await downlink.say("u2", voice)
    downlink.done("u2")
    heard = heard_of(playout)
    assert heard["u2"] == on_the_line(voice, spoken)
    assert np.abs(pcm.samples(heard["u2"])).max() < 10_500


@pytest.mark.parametrize("spoken", FORMATS, ids=str)
@pytest.mark.parametrize("late", ["done", "sound"])
@virtual
async def test_a_late_message_for_an_earlier_utterance_leaves_the_reply_of_now_alone(spoken, late):
    """`agent_response_complete` of the first came in the middle of the second: that was cut in two, and its filter
    was flushed in mid-word. Late sound of the first did the same."""
    playout, downlink = ready(spoken)
    first, second = sound_of(spoken, 0.1), sound_of(spoken, 0.3, seed=2)
    await downlink.say("u1", first)
    for number, chunk in enumerate(chunks(second)):
        await downlink.say("u2", chunk)
        if number == 2:
            if late == "done":
                downlink.done("u1")
            else:
                await downlink.say("u1", sound_of(spoken, 0.05, seed=3))
    downlink.done("u2")
    heard = heard_of(playout)
    assert heard["u2"] == on_the_line(second, spoken)
    extra = on_the_line(sound_of(spoken, 0.05, seed=3), spoken) if late == "sound" else b""
    assert heard["u1"] == on_the_line(first, spoken) + extra


@pytest.mark.parametrize("taken", [160, 0], ids=["faded out", "a word that filled no frame"])
@pytest.mark.parametrize("says_end", [True, False])
@virtual
async def test_what_the_filter_holds_of_a_word_that_has_ended_is_dropped(says_end, taken):
    """The line had run dry, and seconds later the word's last 2 ms clicked."""
    wide = AudioFormat(Encoding.PCM, 16_000)
    playout, downlink = ready(wide)
    first, second = sound_of(wide, 0.03 + taken / 8000), sound_of(wide, 0.1, seed=2)
    await downlink.say("u1", first)
    playout.pull(taken)
    heard = playout.pull(playout.queued_samples + 8, tear=True)
    assert heard.spans
    assert not playout.queued_samples
    if says_end:
        downlink.done("u1")
        assert playout.pull(8).ended == ("u1",)
    await downlink.say("u2", second)
    downlink.done("u2")
    assert heard_of(playout) == {"u2": on_the_line(second, wide)}


@virtual
async def test_what_the_filter_holds_of_a_word_that_is_being_heard_is_its_end():
    wide = AudioFormat(Encoding.PCM, 16_000)
    playout, downlink = ready(wide)
    first = sound_of(wide, 0.1)
    await downlink.say("u1", first)
    begun = playout.pull(160).pcm
    downlink.done("u1")
    assert begun + heard_of(playout)["u1"] == on_the_line(first, wide)


@virtual
async def test_an_utterance_so_short_that_the_filter_holds_all_of_it_is_heard():
    wide = AudioFormat(Encoding.PCM, 16_000)
    playout, downlink = ready(wide)
    await downlink.say("u1", sound_of(wide, 0.001))
    downlink.done("u1")
    assert heard_of(playout)["u1"] == on_the_line(sound_of(wide, 0.001), wide)


@virtual
async def test_late_sound_of_an_utterance_that_was_heard_comes_behind_the_reply_of_now():
    playout, downlink = ready(LINE)
    await downlink.say("u1", sound_of(LINE, 0.05))
    downlink.done("u1")
    heard_of(playout)
    second = sound_of(LINE, 0.2, seed=2)
    await downlink.say("u2", second[:800])
    await downlink.say("u1", sound_of(LINE, 0.05, seed=3))
    await downlink.say("u2", second[800:])
    downlink.done("u2")
    assert list(heard_of(playout).items()) == [("u2", second), ("u1", sound_of(LINE, 0.05, seed=3))]


@virtual
async def test_late_sound_is_as_loud_as_what_is_said_now():
    playout, downlink = ready(LINE, level=SpeechLevel(LINE.rate_hz, gain_db=6.0))
    first, late, second = (noise(800, seed=seed, level=3000).tobytes() for seed in (1, 2, 3))
    await downlink.say("u1", first)
    downlink.done("u1")
    heard_of(playout)
    await downlink.say("u2", second)
    await downlink.say("u1", late)
    downlink.done("u2")
    heard = heard_of(playout)
    for name, sound in (("u2", second), ("u1", late)):
        louder = pcm.samples(sound) * 10 ** (6 / 20)
        assert np.abs(pcm.samples(heard[name]) - louder).max() <= 0.5


@virtual
async def test_eight_earlier_utterances_are_known_when_more_of_them_comes():
    """One that is known changes nothing; one that is taken for new ends the utterance of now."""
    for back, ends in ((8, False), (9, True)):
        playout, downlink = ready(LINE)
        for number in range(9):
            await downlink.say(f"u{number}", sound_of(LINE, 0.05))
            downlink.done(f"u{number}")
        heard_of(playout)
        await downlink.say("now", sound_of(LINE, 0.05))
        await downlink.say(f"u{9 - back}", sound_of(LINE, 0.05))
        assert downlink._utterance == ("u0" if ends else "now")


@virtual
async def test_an_interrupted_utterance_does_not_ring_into_what_comes_next():
    spoken = AudioFormat(Encoding.PCM, 16000)
    playout, downlink = ready(spoken)
    await downlink.say("u1", sound_of(spoken, 0.1) + b"\x7f")
    playout.flush()
    downlink.cut()
    second = sound_of(spoken, 0.1, seed=2)
    await downlink.say("u2", second)
    downlink.done("u2")
    assert heard_of(playout) == {"u2": on_the_line(second, spoken)}


@virtual
async def test_what_the_agent_before_left_is_not_the_next_one_s():
    playout, downlink = ready(AudioFormat(Encoding.PCM, 16000))
    await downlink.say("a1u1", b"\x01\x02\x03")
    downlink.attach(LINE)
    await downlink.say("a2u1", sound_of(LINE, 0.1))
    assert heard_of(playout)["a2u1"] == sound_of(LINE, 0.1)


# --- bounds ---


@virtual
async def test_a_burst_is_kept_as_it_came_until_it_is_played():
    """Many agents began to speak at once, half a minute each in one message. All of it was converted and measured at
    that moment, and for a third of a second no caller heard anything. Now the work comes with the frames."""
    spoken = AudioFormat(Encoding.PCM, 16000)
    level = SpeechLevel(LINE.rate_hz)
    heard = []
    level.meter.hear = lambda sound: heard.append(len(sound) // 2)
    playout, downlink = ready(spoken, level=level)
    sound = sound_of(spoken, 30)
    await downlink.say("u1", sound)
    downlink.done("u1")
    assert playout.queued_samples == 30 * 8000
    assert heard == []
    played = playout.pull(320).pcm
    assert sum(heard) < 8000  # a second is made at a time
    while playout.queued_samples:
        played += playout.pull(320).pcm
    assert sum(heard) == 30 * 8000
    assert played == on_the_line(sound, spoken)


@virtual
async def test_what_an_interruption_drops_is_never_worked_on():
    level = SpeechLevel(LINE.rate_hz)
    heard = []
    level.meter.hear = heard.append
    playout, downlink = ready(AudioFormat(Encoding.ULAW, 8000), level=level)
    for second in range(5):
        await downlink.say("u1", sound_of(AudioFormat(Encoding.ULAW, 8000), 1, seed=second))
    playout.pull(8400)
    playout.flush()
    downlink.cut()
    assert [len(sound) for sound in heard] == [16000, 16000]


@virtual
async def test_what_was_dropped_before_the_agent_said_so_is_not_worked_on_either():
    """Another agent took over, and the playout was emptied; some sound of the first one was still on its way."""
    level = SpeechLevel(LINE.rate_hz)
    heard = []
    level.meter.hear = heard.append
    playout, downlink = ready(LINE, level=level)
    await downlink.say("u1", sound_of(LINE, 0.5))
    playout.flush()
    second = sound_of(LINE, 0.3, seed=2)
    await downlink.say("u2", second)
    assert heard_of(playout) == {"u2": second}
    assert heard == [b"", second]  # the end of the first, and the second


@virtual
async def test_how_much_there_will_be_is_right_after_an_interruption_too():
    """The filter begins anew, and holds two milliseconds again. Lead and hold-back go by this number."""
    wide = AudioFormat(Encoding.PCM, 16000)
    playout, downlink = ready(wide)
    for seed in (1, 2):
        await downlink.say("u1", sound_of(wide, 0.2, seed=seed))
        promised = playout.queued_samples
        assert promised == len(Converter(wide, LINE).convert(sound_of(wide, 0.2, seed=seed))) // 2
        assert len(playout.pull(promised, tear=True).pcm) == 2 * promised
        playout.flush()
        downlink.cut()


@virtual
async def test_the_gain_follows_the_speech_in_the_order_in_which_it_came():
    """Sound of an earlier utterance that comes late is as loud as what was said before it."""
    pieces = [("u1", 1), ("u1", 2), ("u2", 3), ("u1", 4), ("u2", 5), ("u3", 6)]
    sounds = [noise(2000, seed=seed, level=1000 + 900 * seed).tobytes() for _, seed in pieces]
    expected: dict[str, bytes] = {}
    level = SpeechLevel(LINE.rate_hz, auto=True)
    for (name, seed), sound in zip(pieces, sounds, strict=True):
        if (name, seed) in {("u2", 3), ("u3", 6)}:
            expected[f"u{int(name[1]) - 1}"] += level.process(b"", last=True)
        late = (name, seed) == ("u1", 4)
        expected[name] = expected.get(name, b"") + (level.beside(sound) if late else level.process(sound))
    expected["u3"] += level.process(b"", last=True)
    playout, downlink = ready(LINE, level=SpeechLevel(LINE.rate_hz, auto=True))
    for (name, _), sound in zip(pieces, sounds, strict=True):
        await downlink.say(name, sound)
    downlink.done("u3")
    assert playout.queued_samples == 12_000
    assert heard_of(playout) == expected


@virtual
async def test_an_error_in_making_sound_is_the_agent_s_and_not_the_timer_s():
    level = SpeechLevel(LINE.rate_hz)
    level.meter.hear = lambda sound: 1 / 0
    defects = []
    playout, downlink = ready(LINE, level=level, on_defect=defects.append)
    await downlink.say("u1", sound_of(LINE, 0.1))
    assert playout.pull(320).spans == ()
    assert [type(defect) for defect in defects] == [ZeroDivisionError]


def test_more_speech_than_the_limit_is_not_taken_until_there_is_room():
    """An agent that never stops talking filled the memory of the relay. Now its session waits to be read."""

    async def story() -> list[tuple[float, int]]:
        playout, downlink = ready(LINE, limit_s=5)
        loop = asyncio.get_running_loop()
        most = []

        async def line() -> None:
            while True:
                await asyncio.sleep(0.1)
                playout.pull(800)

        playing = asyncio.create_task(line())
        for number in range(20):
            await downlink.say("u1", sound_of(LINE, 1, seed=number))
            most.append((loop.time(), playout.queued_samples))
        playing.cancel()
        return most

    taken = virtual_time.run(story())
    assert max(queued for _, queued in taken) <= 6 * 8000
    assert taken[4][0] == 0.0
    assert taken[-1][0] == pytest.approx(15, abs=1.5)


@virtual
async def test_an_interruption_makes_room_at_once():
    playout, downlink = ready(LINE, limit_s=1.5)
    await downlink.say("u1", sound_of(LINE, 2))
    rest = downlink.say("u2", sound_of(LINE, 0.5))

    async def wait() -> None:
        await rest

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    playout.flush()
    await waiting
    assert asyncio.get_running_loop().time() <= 1.1
    assert playout.queued_samples == 4000


@virtual
async def test_the_pacer_learns_how_much_sound_has_arrived():
    """It learns from that how the agent sends its speech."""
    playout, ear = Playout(), Ear()
    downlink = Downlink(playout, ear, LINE)
    downlink.attach(AudioFormat(Encoding.PCM, 16000))
    await downlink.say("u1", sound_of(AudioFormat(Encoding.PCM, 16000), 1.5))
    assert [name for name, _ in ear.said_samples] == ["u1", "u1"]
    assert sum(samples for _, samples in ear.said_samples) == pytest.approx(12_000, abs=20)
