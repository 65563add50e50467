"""The agent's sound as the caller hears it, in whole calls: pieces, holes, odd bytes, levels, takeovers."""

import numpy as np
import pytest

from relay.audio.convert import AudioFormat, Converter, Encoding
from relay.audio.loudness import LevelMeter
from sim.exotel_stream import LineFaults, LineRules
from sim.network import Network
from sim.speech import spoken, write_wav
from tests.support.told_agent import told_call
from tests.support.virtual import virtual
from tests.unit.relay.tone import largest_step, noise, sine

RATE = 8000
SAID = np.concatenate([spoken(f"agent_{name}") for name in ("clinics", "hours", "booking")])


def level_db(sound) -> float:
    """Of its speech, in dBov."""
    meter = LevelMeter(RATE)
    meter.hear(np.asarray(sound, np.int16).tobytes())
    assert meter.level_db is not None
    return meter.level_db


def rms_db(sound) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(sound, dtype=float))) / 32768))


def at_level(wanted_db: float, sound=SAID):
    louder = sound.astype(float) * 10 ** ((wanted_db - level_db(sound)) / 20)
    return np.clip(np.rint(louder), -32768, 32767).astype(np.int16)


def place(heard, sound, since_s: float = 0.0, seconds: float = 8.0) -> int:
    """Where `sound` begins in `heard`."""
    first = round(since_s * RATE)
    among = heard[first : first + round(seconds * RATE)]
    size = len(among) + len(sound)
    found = np.fft.irfft(np.fft.rfft(among, size) * np.conj(np.fft.rfft(sound, size)), size)
    return first + int(np.argmax(found[: len(among)]))


# --- pieces in real time ---


@pytest.mark.parametrize("ambience", ["", "quiet"])
@pytest.mark.parametrize("piece_ms", [20, 100])
@virtual
async def test_an_agent_that_speaks_in_real_time_is_heard_without_a_hole(piece_ms, ambience, tmp_path):
    """Each utterance had a hole of 40 to 60 ms in its first word."""
    utterances = [noise(RATE, seed=number + 1) for number in range(5)]

    async def story(agent):
        for number, sound in enumerate(utterances):
            await agent.until(1 + number * 2.013)
            await agent.say_in_pieces(number + 1, sound, RATE * piece_ms // 1000, piece_ms / 1000)

    settings = {"ambience": ambience, "ambience_volume": 0.1, "ambience_duck_db": 0.0}
    call = await told_call(tmp_path, story, settings=settings, hang_up_s=12.5)
    for number, sound in enumerate(utterances):
        at = place(call.heard, sound, 1 + number * 2.013, 1.5)
        assert np.abs(call.heard[at : at + len(sound)] - sound).max() <= (600 if ambience else 0)
        waited_s = at / RATE - 1 - number * 2.013
        assert 0.05 <= waited_s <= 0.12, "held back by one piece more, and no longer"
    assert call.quality["gaps"] == 0


@virtual
async def test_pieces_that_come_unevenly_leave_holes_in_the_first_utterance_at_most(tmp_path):
    """Up to 60 ms late, in order, as over a mobile network: three of five utterances had a hole."""
    utterances, late_s = [noise(RATE, seed=number + 1) for number in range(5)], np.random.default_rng(6)

    async def story(agent):
        for number, sound in enumerate(utterances):
            for piece in range(50):
                await agent.until(1 + number * 2.013 + piece * 0.02 + late_s.uniform(0, 0.06))
                await agent.say(number + 1, sound[piece * 160 : piece * 160 + 160], final=piece == 49)

    call = await told_call(tmp_path, story, hang_up_s=12.5)
    heard = call.result.heard.tobytes()
    assert [heard.find(sound.tobytes()) > 0 for sound in utterances[1:]] == [True] * 4
    assert call.quality["gaps"] <= 1


@pytest.mark.parametrize("ambience", ["", "quiet"])
@virtual
async def test_an_agent_that_sends_bursts_is_not_held_back(ambience, tmp_path):
    async def story(agent):
        await agent.until(12)  # by then the lead is at its floor
        await agent.say(1, noise(RATE), final=True)

    call = await told_call(tmp_path, story, settings={"ambience": ambience}, hang_up_s=14)
    assert place(call.heard, noise(RATE), 11.5) / RATE - 12 - call.agents[0].began <= 0.06


@virtual
async def test_an_agent_slower_than_speech_pauses_a_few_times_with_soft_edges(tmp_path):
    """It had 59 holes of 25 ms in six seconds, each with two cracks."""
    steady = np.full(round(4.8 * RATE), 12_000, np.int16)

    async def story(agent):
        await agent.until(1)
        await agent.say_in_pieces(1, steady, 160, 0.02 / 0.8)

    call = await told_call(tmp_path, story)
    loud = np.abs(call.heard) > 60
    first, last = np.flatnonzero(loud)[[0, -1]]
    edges = np.flatnonzero(np.diff(loud[first : last + 1].astype(int)))
    assert 2 <= len(edges) <= 2 * 6
    assert largest_step(call.heard[first + 1 : last + 1]) <= 12_000 / 40 * 2, "a crack"
    assert np.count_nonzero(call.heard == 12_000) >= len(steady) - 80 * 6
    assert call.quality["gaps"] == len(edges) // 2


@pytest.mark.parametrize("ambience", ["", "office"])
@virtual
async def test_a_caller_who_cuts_in_ends_the_agents_word_at_once_and_softly(ambience, tmp_path):
    """It ended with a step of up to 15,624."""
    cuts_in_s = (3.017, 5.034, 7.003)

    async def story(agent):
        for turn, moment in enumerate(cuts_in_s, 1):
            await agent.until(moment - 1)
            await agent.say(turn, np.full(4 * RATE, 12_000))
            await agent.until(moment)
            await agent.interrupt(turn)

    settings = {"ambience": ambience, "ambience_volume": 0.3}
    call = await told_call(tmp_path, story, settings=settings)
    for moment in cuts_in_s:
        first = round((moment - 0.1) * RATE)
        after = call.heard[first : first + RATE // 2]
        ends = int(np.flatnonzero(np.abs(after) > 6000)[-1])
        assert (first + ends) / RATE - moment <= 0.045 + 1e-6
        assert largest_step(after) <= 12_000 / 40 * 2 + (2 * 3000 if ambience else 0)
    assert len(call.result.clears) == len(cuts_in_s)
    assert call.quality["interruptions"] == len(cuts_in_s)


# --- what one utterance leaves behind ---


@pytest.mark.parametrize("ends", ["never", "late", "cut in"])
@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
@virtual
async def test_an_odd_byte_and_a_filters_tail_do_not_reach_the_next_utterance(rate_hz, ends, tmp_path):
    """One byte too many, and no word that the utterance is over: the next one was noise at full scale (-6 dBov). And
    the last 2 ms of the first were heard when its end was known, long after: a click."""
    words = spoken("agent_hours", rate_hz)[: 2 * rate_hz]

    async def story(agent):
        await agent.until(1)
        await agent.say(1, noise(rate_hz).tobytes() + b"\x7f")
        await agent.until(1.4 if ends == "cut in" else 2.7)
        if ends == "cut in":
            await agent.interrupt(1)
        elif ends == "late":
            await agent.say(1, b"", final=True)
        await agent.until(3)
        await agent.say(2, words, final=True)

    call = await told_call(tmp_path, story, speaks=f"pcm_{rate_hz}", hang_up_s=7)
    alone = Converter(AudioFormat(Encoding.PCM, rate_hz), AudioFormat(Encoding.PCM, RATE))
    expected = np.frombuffer(alone.convert(words.tobytes(), last=True), np.int16)
    at = place(call.heard, expected, 2.8, 4.0)
    assert not call.heard[round(2.5 * RATE) : at].any()
    assert np.array_equal(call.heard[at : at + len(expected)], expected)


@virtual
async def test_an_agent_whose_sound_is_one_byte_off_is_heard_and_the_log_says_so(tmp_path, caplog):
    """A bot that cuts a header of 43 bytes from its file, or loses a byte: noise at full scale until it stopped."""
    words = SAID[: 4 * RATE]

    async def story(agent):
        await agent.until(1)
        await agent.say(1, words.tobytes()[1:], final=True)
        await agent.until(6)
        await agent.say(2, words, final=True)

    call = await told_call(tmp_path, story, hang_up_s=11)
    for since_s in (0.9, 5.9):
        at = place(call.heard, words, since_s, 4.5)
        assert np.array_equal(call.heard[at + 1 : at + len(words) - 1], words[1:-1])
    assert np.abs(call.heard).max() <= np.abs(words.astype(int)).max()
    assert [record.kind for record in caplog.records if getattr(record, "event", "") == "agent_notice"] == [
        "one_byte_off"
    ]


# --- levels ---


@pytest.mark.parametrize("level", [-34.0, -26.0, -12.0])
@pytest.mark.parametrize("every_s", [0.1, 0.02], ids=["in real time", "in a burst"])
@virtual
async def test_an_agent_of_any_level_is_heard_at_the_telephones(level, every_s, tmp_path):
    """It was played as it came: at -34 dBov, hardly to be understood."""
    sound = at_level(level)

    async def story(agent):
        await agent.until(1)
        await agent.say_in_pieces(1, sound, 800, every_s)

    call = await told_call(tmp_path, story, entry={"level": "auto"}, hang_up_s=2 + len(sound) / RATE)
    first = int(np.flatnonzero(np.abs(call.heard) > 30)[0])
    loud = call.heard[first + 2 * RATE : first + len(sound)]  # after two seconds at most
    own = level_db(sound[2 * RATE :]) - level_db(sound)  # one sentence is louder than another
    assert level_db(loud) - own == pytest.approx(-20, abs=2.05)
    assert level_db(loud) <= level_db(sound[2 * RATE :]) + 12.1
    assert np.abs(call.heard).max() <= round(32767 * 10 ** (-0.5 / 20))
    [agent] = call.record["agents"]
    assert agent["level_db"] == pytest.approx(level, abs=0.3)
    assert (agent["clipped"] > 0) == (level == -12)
    assert agent["gain_db"] == pytest.approx(min(12, -20 - level), abs=2)


@virtual
async def test_without_a_level_what_the_agent_sends_is_played_to_the_bit(tmp_path):
    async def story(agent):
        await agent.until(1)
        await agent.say(1, SAID, final=True)

    call = await told_call(tmp_path, story, hang_up_s=2 + len(SAID) / RATE)
    assert call.result.heard.tobytes().find(SAID.tobytes()) > 0


@pytest.mark.parametrize("file_db", [-56.0, -19.0])
@virtual
async def test_an_ambience_of_any_file_is_as_loud_and_makes_room_for_words(file_db, tmp_path):
    """Files span -19 to -56 dBFS: the same volume could mean 10 or 46 dB under the voice."""
    hiss = np.random.default_rng(1).normal(0, 32768 * 10 ** (file_db / 20), 8 * RATE)
    write_wav(tmp_path / "hiss.wav", RATE, np.clip(hiss, -32768, 32767).astype(np.int16))
    tone = sine(1000, RATE, 2.0)

    async def story(agent):
        await agent.until(4)
        await agent.say(1, tone, final=True)

    settings = {"ambience": str(tmp_path / "hiss.wav"), "ambience_volume": 0.5}
    call = await told_call(tmp_path, story, settings=settings)
    at = place(call.heard, tone, 4)
    end = at + len(tone)
    rest = call.heard.copy()
    rest[at:end] -= tone
    assert rms_db(rest[RATE : at - 800]) == pytest.approx(-36, abs=0.3)
    assert rms_db(rest[at + 400 : at + 800]) == pytest.approx(-42, abs=0.8), "6 dB down within 50 ms"
    assert rms_db(rest[at + 400 : end - 80]) == pytest.approx(-42, abs=0.3)
    assert -40 <= rms_db(rest[end + 800 : end + 1600]) <= -37.5, "and back within 400"
    assert rms_db(rest[end + 3200 : end + 12_800]) == pytest.approx(-36, abs=0.3)
    assert call.quality["ambience_level_db"] == -36.0


# --- a takeover ---


@pytest.mark.parametrize("levelled", [False, True])
@virtual
async def test_a_torn_word_fades_and_the_next_agent_takes_a_breath_at_the_same_level(levelled, tmp_path):
    """The dead agent's torn word was followed by the next one's first, 16 dB louder, without a breath."""
    quiet, loud = at_level(-31), at_level(-15)

    async def dies(agent):
        await agent.until(1)
        for at in range(0, 2 * RATE, 800):
            await agent.say(1, quiet[at : at + 800])
        agent.drop()

    async def takes_over(agent):
        await agent.say(1, loud, final=True)

    entry = {"level": "auto"} if levelled else {}
    call = await told_call(tmp_path, dies, takes_over, entry=entry, hang_up_s=12)
    assert [agent["alias"] for agent in call.record["agents"]] == ["agent_0", "agent_1"]
    spoke = np.abs(call.heard) > 2
    silent = np.diff(np.flatnonzero(spoke[2 * RATE :]))
    assert 0.25 * RATE <= silent.max() <= 0.3 * RATE + 80
    torn = 2 * RATE + np.flatnonzero(spoke[2 * RATE :])[int(np.argmax(silent))]
    assert np.abs(call.heard[torn - 8 : torn + 1]).max() <= 60, "it breaks off"
    step_db = level_db(call.heard[torn + 1 : torn + 5 * RATE][2 * RATE :]) - level_db(call.heard[torn - RATE : torn])
    assert (abs(step_db) < 3.5) == levelled


# --- a network that stood still ---


@pytest.mark.parametrize("stall_s", [0.1, 0.3, 0.9, 5.0])
@virtual
async def test_after_any_stall_answers_are_in_time_and_what_was_heard_is_known(stall_s, tmp_path):
    """With ambience, every later answer was as late as the network had once stood still, and `heard_ms` overstated."""
    answers = [noise(RATE // 2, seed=number + 1) for number in range(4)]
    moments = [15 + stall_s + 2, *(15 + 2 * stall_s + 4 + 2.3 * number for number in range(3))]

    async def story(agent):
        for number, (moment, sound) in enumerate(zip(moments, answers, strict=True)):
            await agent.until(moment)
            await agent.say(number + 1, sound, final=True)
        await agent.until(moments[-1] + 2)
        await agent.tell("agent_response", agent_response_event={"agent_response": "Cut.", "event_id": 9})
        await agent.say(9, noise(5 * RATE, seed=9))
        await agent.until(moments[-1] + 4)
        await agent.interrupt(9)

    network = Network(0.02, stalls=((15.0, stall_s),))
    call = await told_call(
        tmp_path,
        story,
        settings={"ambience": "office", "ambience_volume": 0.3},
        hang_up_s=moments[-1] + 6,
        faults=LineFaults(network=network),
        rules=LineRules(max_ahead_s=6.0),
    )
    began = call.agents[0].began - call.result.started_at
    late = [place(call.heard, sound, at, 7.0) / RATE - at for at, sound in zip(moments, answers, strict=True)]
    assert max(late) - began <= 0.3
    assert len(call.result.clears) == 1, "for the one who cut in"
    assert call.quality["line_late_ms"] == pytest.approx(stall_s * 1000 - 50, abs=60)
    cut = noise(5 * RATE, seed=9)
    at = place(call.heard, cut[:RATE], moments[-1] + 1)
    goes_on = np.abs(call.heard[at:] - cut[: len(call.heard) - at]) < 3000
    played_ms = int(np.flatnonzero(~goes_on)[0]) * 1000 / RATE
    [turn] = [turn for turn in call.record["turns"] if turn["text"] == "Cut."]
    assert turn["interrupted"]
    assert turn["heard_ms"] == pytest.approx(played_ms, abs=45)
