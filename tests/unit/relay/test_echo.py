"""A line that gives the agent's voice back: found by its delay and level, and kept from the agent."""

import mmap
import os
import sys
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.allocator import LARGE
from relay.audio import pcm
from relay.audio.ambience import Ambience
from relay.audio.canceller import Canceller
from relay.audio.echo import LOOK_SECONDS, EchoMeter
from relay.audio.echo_gate import REACH_SECONDS, EchoGate
from relay.audio.echo_room import EchoRoom
from relay.audio.levels import block_levels
from relay.audio.line_tape import LineTape
from relay.audio.loudness import LevelMeter
from relay.audio.recent_peaks import RecentPeaks
from relay.line.echo_sides import TAPE_SECONDS
from sim.echo import EchoPath, LineEcho
from sim.sound import level_db
from sim.speech import spoken
from tests.support.amr import LIBRARY, library, transmit
from tests.unit.relay.tone import noise

RATE = 8000
FRAME = 160
needs_codec = pytest.mark.skipif(
    library() is None and "CI" not in os.environ, reason=f"AMR is not installed: apt-get install {LIBRARY}"
)
AGENT = np.concatenate([spoken(f"agent_{name}", RATE) for name in ("clinics", "hours", "booking")])
CALLER = np.concatenate([np.zeros(2 * RATE, np.int16), spoken("caller_complaint", RATE)])


def on_the_line(played, echo: LineEcho | None, caller=None, noise_rms: float = 15.0):
    """What the line sends: its echo of `played`, a little noise, and the caller."""
    sent = np.random.default_rng(5).normal(0, noise_rms, len(played))
    if echo is not None:
        path = EchoPath(echo, RATE)
        delay = round(echo.delay_s(0) * RATE)
        heard = np.concatenate([np.zeros(delay + path.memory, np.int16), played])[: len(played) + path.memory]
        sent = sent + path.back(heard)
    if caller is not None:
        said = (
            np.resize(caller, len(played))
            if len(caller) >= len(played)
            else np.pad(caller, (0, len(played) - len(caller)))
        )
        sent = sent + said
    rounded = np.clip(np.rint(sent), -32768, 32767).astype(np.int16)
    return pcm.ulaw_decode(pcm.ulaw_encode(rounded)) if echo is None or echo.g711 else rounded


def speech_db(sound) -> float:
    meter = LevelMeter(RATE)
    meter.hear(sound.tobytes())
    return meter.level_db


# --- tapes ---


def on_tape(count: int, seed: int = 1):
    """Noise as exact as a tape keeps it."""
    return pcm.ulaw_decode(pcm.ulaw_encode(noise(count, seed)))


@given(st.lists(st.tuples(st.integers(-30, 60), st.integers(1, 90)), min_size=1, max_size=25), st.integers(0, 250))
@example([(5, 1), (-5, 1)], 8)
@settings(max_examples=60)
def test_a_tape_gives_back_what_was_written_where_it_was_written(pieces, back):
    tape, truth, end = LineTape(RATE, 0.02), np.zeros(20_000, dtype=np.int16), 0
    for number, (gap, count) in enumerate(pieces):
        first = max(0, end + gap)
        sound = on_tape(count, number)
        truth[first : first + count] = sound
        tape.write(sound.tobytes(), first)
        end = max(end, first + count)
    first = max(0, end - 160) + back // 4
    expected = np.where(np.arange(first, first + back) < end, truth[first : first + back], 0)
    assert (tape.read(first, back) == expected).all()


@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "cut", "need"]), st.integers(-200, 200), st.integers(1, 90)),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=80)
def test_a_tape_holds_what_is_needed_of_its_last_seconds_whatever_happens_to_it(steps):
    """Pieces that follow each other or don't, earlier ones, a `clear`, and sound that nobody needs any more."""
    tape, truth, end, known_from = LineTape(RATE, 0.02), np.zeros(40_000, dtype=np.int16), 10_000, 10_000
    for number, (what, by, count) in enumerate(steps):
        if what == "cut":
            tape.cut(end - abs(by))
            truth[end - abs(by) :] = 0
            end, known_from = end - abs(by), max(known_from, end - 160)
        elif what == "need":
            tape.needed_from = end - abs(by)
            known_from = max(known_from, end - abs(by))
        else:
            first = end + (by if by % 3 == 0 else 0)
            sound = on_tape(count, number)
            tape.write(sound.tobytes(), first)
            if first + count > end - 160:
                truth[first : first + count] = sound
            end = max(end, first + count)
        first = max(known_from, end - 160)
        assert (tape.read(first, 200) == truth[first : first + 200]).all()


@pytest.mark.parametrize("count", [160, 320, 800, 1279, 1280, 4000])
def test_little_sound_waits_to_be_written(count):
    """As pcm it takes twice as much, and of the heap, which gives nothing back: 3.6 KB of each of 200 calls."""
    tape, sound = LineTape(RATE, 2.0), on_tape(count)
    for number in range(20):
        tape.write(sound.tobytes(), number * count)
        assert sum(map(len, tape._waiting)) < 2560
    assert (tape.read(19 * count, count) == sound).all()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory of a process")
def test_what_is_wiped_goes_back_to_the_kernel():
    """From the heap it never came back: 40 KB of each call of a relay, for a search of ten seconds."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * mmap.PAGESIZE

    tapes = [LineTape(RATE, TAPE_SECONDS) for _ in range(300)]
    sound = on_tape(2 * RATE).tobytes()
    before = resident()
    for tape in tapes:
        tape.write(sound, 0)
        assert tape.read(0, 2 * RATE).any()
    full = resident() - before
    assert full >= 300 * 2 * RATE
    for tape in tapes:
        tape.wipe()
    assert resident() - before <= full / 10


def test_what_was_cleared_is_silence_on_the_tape():
    tape = LineTape(RATE, 0.1)
    tape.write(on_tape(400).tobytes(), 1000)
    tape.cut(1150)
    assert (tape.read(1000, 150) == on_tape(400)[:150]).all()
    assert not tape.read(1150, 400).any()
    tape.write(on_tape(50, 2).tobytes(), 1200)
    assert not tape.read(1150, 50).any()
    assert (tape.read(1200, 50) == on_tape(50, 2)).all()


def test_a_tape_is_read_as_fast_on_a_machine_that_has_been_up_for_years():
    """Each look for an echo took half a second of every call's time after a day, five after ten: the clock's samples
    were brought into the tape by subtracting its length, over and over. After ten years it never ended.
    """
    tape = LineTape(RATE, 2.2)
    first = tape.place(10 * 365 * 86_400.0)
    tape.write(on_tape(RATE).tobytes(), first)
    tape.write(on_tape(2 * RATE, 2).tobytes(), first + RATE)  # round the end of the tape
    assert (tape.read(first + RATE, 2 * RATE) == on_tape(2 * RATE, 2)).all()


def test_a_tape_that_was_wiped_takes_no_memory_and_goes_on_later():
    tape = LineTape(RATE, 0.1)
    tape.write(on_tape(800).tobytes(), 1000)
    tape.read(1000, 10)
    tape.wipe()
    assert tape.kept == 0
    assert not tape.read(1000, 800).any()
    tape.cut(1700)
    tape.write(on_tape(50, 2).tobytes(), 1900)
    assert not tape.read(1000, 900).any()
    assert (tape.read(1900, 50) == on_tape(50, 2)).all()


# --- finding it ---


def looks(played, heard):
    """What is known after each second."""
    tapes, meter, found = (LineTape(RATE, 2.2), LineTape(RATE, 2.2)), EchoMeter(RATE), []
    recent = RecentPeaks(RATE, LOOK_SECONDS)
    for first in range(0, len(played) - RATE, RATE):
        for tape, sound in zip(tapes, (played, heard), strict=True):
            tape.write(sound[first : first + RATE].tobytes(), first)
        recent.hear(heard[first : first + RATE].tobytes())
        worth = meter.worth_a_look(tapes[0], recent, first + RATE)
        found.append(meter.look(*meter.sides(*tapes, first + RATE)) if worth else meter.echo)
    return found


@pytest.mark.parametrize(
    ("delay_ms", "level_db"), [(45, -12), (120, -20), (300, -6), (300, -30), (600, -25), (980, -18)]
)
@pytest.mark.parametrize("caller", [None, CALLER], ids=["alone", "the caller speaks too"])
def test_an_echo_is_found_with_its_delay_and_level(delay_ms, level_db, caller):
    heard = on_the_line(AGENT, LineEcho(delay_ms=delay_ms, level_db=level_db), caller)
    found = looks(AGENT, heard)
    assert next(number for number, echo in enumerate(found) if echo) <= 7
    assert {round(echo.delay * 1000) for echo in found if echo} == {delay_ms}
    # a room raises some tones and lowers others: what it made of this voice is what counts
    alone = on_the_line(AGENT, LineEcho(delay_ms=delay_ms, level_db=level_db, g711=False))
    assert found[-1].level_db == pytest.approx(speech_db(alone) - speech_db(AGENT), abs=3)


def test_an_echo_is_found_under_the_ambience_that_comes_back_with_it():
    played = pcm.mix(AGENT, Ambience.load("office").at(RATE).take(0, len(AGENT), 0.3))
    assert looks(played, on_the_line(played, LineEcho(delay_ms=220, level_db=-18)))[3].delay == 0.22


def test_an_echo_that_moves_is_found_again():
    near, far = (on_the_line(AGENT, LineEcho(delay_ms=ms)) for ms in (150, 420))
    half = len(AGENT) // 2 // RATE * RATE
    found = looks(AGENT, np.concatenate([near[:half], far[half:]]))
    assert (found[half // RATE - 1].delay, found[-1].delay) == (0.15, 0.42)


def test_one_early_measurement_that_finds_nothing_is_forgiven():
    """In a word's first syllables the echo's peak is now and then not the highest. Two in a row are no chance;
    once it is suspected, three: its gate was closed and opened again, in large rooms for most of the first words."""
    tapes = {"echo": on_the_line(AGENT, LineEcho(delay_ms=300, level_db=-8)), "other": noise(len(AGENT), 8)}
    sides = {}
    for name, heard in tapes.items():
        played, back = LineTape(RATE, 2.2), LineTape(RATE, 2.2)
        played.write(AGENT[: 2 * RATE].tobytes(), 0)
        back.write(heard[: 2 * RATE].tobytes(), 0)
        sides[name] = EchoMeter(RATE).sides(played, back, 2 * RATE)
    for order, suspected in (
        (("echo",), None),
        (("echo", "echo"), 0.3),
        (("echo", "other", "echo"), 0.3),
        (("echo", "other", "other", "echo"), None),
        (("echo", "echo", "other", "other"), 0.3),
        (("echo", "echo", "other", "other", "other"), None),
        (("echo", "echo", "other", "other", "echo", "other", "other"), 0.3),
    ):
        meter = EchoMeter(RATE)
        for name in order:
            meter.look(*sides[name], early=True)
        assert meter.suspected == suspected


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_found_where_there_is_none(seed):
    """Not in the caller's words, not in noise, not in an office: chance never looks like an echo."""
    rng = np.random.default_rng(seed)
    office = Ambience.load("office").at(RATE).take(seed * RATE, len(AGENT), 1.0)
    for heard in (
        on_the_line(AGENT, None, np.roll(CALLER, seed * 3000)),
        rng.normal(0, 400, len(AGENT)).astype(np.int16),
        office,
        np.zeros_like(AGENT),
    ):
        assert not any(looks(AGENT, heard))


def test_its_level_is_that_of_the_same_moments():
    """Against what was played then, and not a delay earlier: between two words that is silence."""
    bursts = noise(10 * RATE, 4) // 4 * (np.arange(10 * RATE) // (RATE // 5) % 2).astype(np.int16)
    heard = on_the_line(bursts, LineEcho(delay_ms=300, level_db=-12, room_ms=0, g711=False), noise_rms=1.0)
    echo = looks(bursts, heard)[-1]
    assert echo.delay == pytest.approx(0.3, abs=0.0006)
    assert echo.level_db == pytest.approx(-12, abs=0.5)


def test_two_hums_are_alike_and_no_echo():
    """Of a line with a little direct current, or mains, under what it sends."""
    at = np.arange(len(AGENT)) / RATE
    hum = sum(1500 * np.sin(2 * np.pi * hz * at + hz) for hz in (8, 19, 31, 47, 53, 71, 86))
    hum = np.rint(hum * (1 + np.sin(2 * np.pi * 0.9 * at))).astype(np.int16)
    assert not any(looks(hum, on_the_line(np.zeros_like(AGENT), None, np.roll(hum, 2400) // 4)))


@pytest.mark.parametrize("hz", [50, 425, 1000])
def test_a_steady_tone_is_no_echo_of_itself(hz):
    """Ringing, hum, test equipment: at both ends alike, and nobody's voice."""
    at = np.arange(len(AGENT)) / RATE
    tone = np.rint(8000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    assert not any(looks(tone, on_the_line(np.zeros_like(AGENT), None, tone // 4)))
    spoken_over = pcm.mix(AGENT, tone // 8)
    assert not any(looks(spoken_over, on_the_line(np.zeros_like(AGENT), None, tone // 4)))


@needs_codec
@pytest.mark.parametrize("kbps", [12.2, 4.75])
def test_behind_a_mobiles_codec_an_echo_is_found_and_kept_from_the_agent(kbps):
    """A codec of 4.75 kbit/s leaves little of a waveform; what it is an echo of can still be told."""
    echo = LineEcho(delay_ms=260, level_db=-12, g711=False)
    heard = transmit(on_the_line(AGENT, echo), kbps, dtx=False).sound
    found = looks(AGENT[: len(heard)], heard)[-1]
    assert found is not None
    assert found.delay * 1000 == pytest.approx(260, abs=12)  # the codec's own delay on top
    passed, _ = gated(AGENT[: len(heard)], heard, found.delay * 1000 - 40)
    before, after = (block_levels(sound[2 * RATE :], RATE) >= -45 for sound in (heard, passed))
    assert before.mean() > 0.2
    assert after.mean() <= 0.02


def test_what_comes_back_much_louder_than_it_was_played_is_another_sound():
    """Test equipment and hold music: likeness without a plausible level is chance, and nothing is muted for it."""
    quiet = AGENT // 8
    assert not any(looks(quiet, on_the_line(quiet, LineEcho(level_db=15))))
    assert looks(quiet, on_the_line(quiet, LineEcho(level_db=-6)))[-1] is not None


@pytest.mark.parametrize("later_ms", [20, 100, 300, 900])
def test_an_agent_that_repeats_the_caller_is_no_echo(later_ms):
    """A voice is like itself a few periods later as well; the echo bot lost a third of the caller's words to that."""
    said = np.concatenate([spoken(name, RATE) for name in ("caller_bill", "caller_complaint", "caller_interrupts")])
    repeated = np.concatenate([np.zeros(later_ms * RATE // 1000, np.int16), said])[: len(said)]
    assert not any(looks(repeated, said))


def test_a_quiet_agent_is_not_looked_for():
    assert not any(looks(np.zeros_like(AGENT), on_the_line(AGENT, LineEcho())))


# --- keeping it from the agent ---


def pieces(played, heard, hold_ms: float):
    """What the agent gets for each frame."""
    gate, reach, parts = EchoGate(RATE), round(REACH_SECONDS * RATE), []
    gate.hold = round(hold_ms * RATE / 1000)
    sent = np.concatenate([np.zeros(reach, np.int16), played])
    for at in range(0, len(heard) - FRAME + 1, FRAME):
        end = reach + at + FRAME
        before = sent[end - reach : end] if gate.doubts else None
        held_back = sent[end - gate.hold - FRAME : end - gate.hold]
        parts.append(gate.process(heard[at : at + FRAME].tobytes(), held_back, before))
    return [np.frombuffer(part, dtype=np.int16) for part in parts], gate


def gated(played, heard, hold_ms: float):
    parts, gate = pieces(played, heard, hold_ms)
    return np.concatenate(parts), gate


@pytest.mark.parametrize(
    "echo",
    [
        LineEcho(delay_ms=120, level_db=-20),
        LineEcho(delay_ms=300, level_db=-12),
        LineEcho(delay_ms=300, level_db=-6, room_ms=250),
        LineEcho(delay_ms=900, level_db=-15),
        LineEcho(delay_ms=300, level_db=-12, clip_at=0.2),
    ],
    ids=str,
)
def test_after_its_first_second_no_echo_reaches_the_agent(echo):
    heard = on_the_line(AGENT, echo)
    passed, gate = gated(AGENT, heard, echo.delay_ms - 40)
    before, after = (block_levels(sound[RATE:], RATE) >= -45 for sound in (heard[: len(passed)], passed))
    assert before.mean() > 0.2
    assert after.mean() <= 0.004
    assert gate.muted > 0.7 * len(passed)


def test_a_caller_who_cuts_in_is_heard_untouched_and_at_once():
    """Over a loud echo: the caller's own frames, not what a filter has left of them. It takes 200 ms to tell them from
    an echo that has jumped, and then all of them come at once: an agent that counts sound stops no later."""
    echo, at = LineEcho(delay_ms=300, level_db=-12), 6 * RATE
    caller = np.concatenate([np.zeros(at, np.int16), spoken("caller_interrupts", RATE)])
    heard = on_the_line(AGENT, echo, caller)
    parts, _ = pieces(AGENT, heard, 260)
    spoken_in = range((at + RATE // 4) // FRAME, (at + len(spoken("caller_interrupts", RATE))) // FRAME)
    frames = heard[: len(parts) * FRAME].reshape(-1, FRAME)
    assert sum(np.array_equal(parts[n][-FRAME:], frames[n]) for n in spoken_in) > 0.8 * len(spoken_in)
    first = next(n for n in range(at // FRAME, len(parts)) if np.array_equal(parts[n][-FRAME:], frames[n]))
    assert first * FRAME - at <= 0.2 * RATE + 0.04 * RATE  # the line begins with 40 ms of quiet
    assert (first + 1) * FRAME - len(parts[first]) <= at


@pytest.mark.parametrize("samples", [79, 100, 161])
def test_a_piece_need_not_be_whole_hundredths_of_a_second(samples):
    """A line may cut its sound anywhere: the canceller takes what it gets, and the level of the rest counts."""
    gate = EchoGate(RATE)
    loud = np.full(samples, 9_000, np.int16)
    passed = [gate.process(loud.tobytes(), np.zeros(samples, np.int16)) for _ in range(40)]
    assert {len(part) for part in passed[5:]} == {2 * samples}
    assert passed[-1] == loud.tobytes()


def test_a_caller_who_was_just_heard_is_not_doubted_again_after_a_short_pause():
    """Half a second later the next word comes at once: it takes 200 ms to tell a word from an echo."""
    word, pause = spoken("caller_interrupts", RATE), np.zeros(RATE // 2, np.int16)
    at = 6 * RATE
    again = at + len(word) + len(pause)
    caller = np.concatenate([np.zeros(at, np.int16), word, pause, word])
    heard = on_the_line(AGENT, LineEcho(delay_ms=300, level_db=-12), caller)
    parts, _ = pieces(AGENT, heard, 260)
    frames = heard[: len(parts) * FRAME].reshape(-1, FRAME)
    soon = range((again + RATE // 10) // FRAME, (again + RATE // 4) // FRAME)
    assert all(np.array_equal(parts[n][-FRAME:], frames[n]) for n in soon)


def test_what_was_withheld_of_a_words_beginning_follows_when_it_is_found():
    """The gate opens 200 ms after a soft beginning. Those frames were lost, and with them the agent's count of
    300 ms of speech: it stopped at the next word, 280 ms later than on a clean line."""
    echo, at = LineEcho(delay_ms=300, level_db=-12), 6 * RATE
    caller = np.concatenate([np.zeros(at, np.int16), spoken("caller_interrupts", RATE), np.zeros(2 * RATE, np.int16)])
    heard = on_the_line(AGENT, echo, caller)
    parts, gate = pieces(AGENT, heard, 260)
    opening = next(n for n in range(at // FRAME, len(parts)) if len(parts[n]) > FRAME)
    before = len(parts[opening]) // FRAME - 1
    assert before == 10
    first = (opening - before) * FRAME
    assert np.array_equal(parts[opening], heard[first : (opening + 1) * FRAME])
    # a moment ahead, which the next noise makes good: in the end nothing was added
    ahead = np.cumsum([len(part) - FRAME for part in parts])
    assert ahead.max() <= 2 * before * FRAME
    assert ahead[-1] == 0
    assert gate.muted == sum(
        FRAME for n, part in enumerate(parts) if not np.array_equal(part[-FRAME:], heard[n * FRAME : (n + 1) * FRAME])
    ) - sum(max(0, len(part) - FRAME) for part in parts)


def room_of(echo: LineEcho, seconds: int) -> EchoRoom:
    """It has heard so much of that echo, held back by its delay."""
    room, heard = EchoRoom(RATE), on_the_line(AGENT, echo)
    delay = round(echo.delay_s(0) * RATE)
    for at in range(RATE, RATE * (1 + seconds), FRAME):
        room.learn(heard[at : at + FRAME], AGENT[at - delay : at - delay + FRAME])
    return room


@pytest.mark.parametrize("moved_ms", [60, 260, 420, 900])
@pytest.mark.parametrize("echo", [LineEcho(), LineEcho(room_ms=250, level_db=-14), LineEcho(clip_at=0.2)], ids=str)
def test_an_echo_is_known_by_its_room_within_140_ms_wherever_it_went(echo, moved_ms):
    room, end = room_of(echo, 3), 5 * RATE
    elsewhere = on_the_line(AGENT, msgspec.structs.replace(echo, delay_ms=moved_ms))
    # one period of the voice beside it is as good, and within the canceller's margin
    match = room.find(elsewhere[end - 1120 : end], AGENT[end - round(REACH_SECONDS * RATE) : end], 300 * RATE // 1000)
    assert match.late * 1000 / RATE == pytest.approx(moved_ms, abs=13)
    assert match.likeness >= 0.75
    assert match.here < match.likeness - 0.3


def test_a_callers_words_are_no_echo_from_anywhere():
    room, said = room_of(LineEcho(), 3), on_the_line(AGENT, None, spoken("caller_complaint", RATE))
    for end in range(2 * RATE, 5 * RATE, RATE // 2):
        before = AGENT[max(0, end - round(REACH_SECONDS * RATE)) : end]
        assert room.find(said[end - 1120 : end], before, 2400).likeness < 0.55


def test_what_is_no_echo_teaches_nothing_of_the_room():
    """A caller speaks, or the echo has just moved: its response would be none."""
    room = EchoRoom(RATE)
    for at in range(0, 4 * RATE, FRAME):
        room.spoil()
        room.learn(AGENT[at : at + FRAME], AGENT[at : at + FRAME])
    assert not room.known
    assert room_of(LineEcho(), 1).known


def test_what_stands_in_for_echo_is_the_lines_own_noise():
    heard = on_the_line(AGENT, LineEcho(delay_ms=300, level_db=-12))
    passed, _ = gated(AGENT, heard, 260)
    quiet = np.sqrt((on_the_line(np.zeros(RATE, np.int16), None).astype(float) ** 2).mean())
    stood_in = np.sqrt((passed[2 * RATE :].astype(float) ** 2).mean())
    assert quiet / 4 < stood_in < quiet * 2


def test_the_search_holds_no_more_than_38_kb_of_a_call():
    """The sound of both sides and what was seen so far: every call has them in its first seconds, 90 KB once."""
    tapes, meter = (LineTape(RATE, TAPE_SECONDS), LineTape(RATE, LOOK_SECONDS)), EchoMeter(RATE)
    for tape in tapes:
        tape.write(AGENT[: 4 * RATE].tobytes(), 0)
    meter.look(*meter.sides(*tapes, 4 * RATE))
    assert meter._seen is not None
    assert sum(tape.kept for tape in tapes) + meter._seen.nbytes <= 38_000


def test_a_search_allocates_nothing_large():
    """The buffers of TLS connections landed on what it had left of the heap: 150 KB a call."""
    tapes, meter = (LineTape(RATE, TAPE_SECONDS), LineTape(RATE, LOOK_SECONDS)), EchoMeter(RATE)
    for tape in tapes:
        tape.write(AGENT[: 4 * RATE].tobytes(), 0)
    sides = meter.sides(*tapes, 4 * RATE)
    meter.look(*sides)  # the first one makes the room to work in
    meter.forget()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        meter.look(*sides)
        assert tracemalloc.get_traced_memory()[1] - before < LARGE
    finally:
        tracemalloc.stop()


def test_guarded_calls_share_what_is_the_same_for_all():
    """The noise that stands in for an echo was 64 KB of each."""
    gates = [EchoGate(RATE) for _ in range(2)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        gates += [EchoGate(RATE) for _ in range(4)]
        assert (tracemalloc.get_traced_memory()[0] - before) / 4 < 50_000
    finally:
        tracemalloc.stop()


def test_calls_that_search_at_the_same_time_share_their_room_to_work_and_nothing_else():
    """One set of work arrays for the process: what another call found there must not matter."""
    heard = on_the_line(AGENT, LineEcho(delay_ms=300, level_db=-12))
    alone = looks(AGENT, heard)
    among_others, meters = [], [EchoMeter(RATE) for _ in range(3)]
    for first in range(0, len(AGENT) - RATE, RATE):
        for meter, back in zip(meters, (heard, noise(len(AGENT), 8), on_the_line(AGENT, None, CALLER)), strict=True):
            tapes, recent = (LineTape(RATE, 2.2), LineTape(RATE, 2.2)), RecentPeaks(RATE, LOOK_SECONDS)
            for tape, sound in zip(tapes, (AGENT, back), strict=True):
                tape.write(sound[max(0, first - RATE) : first + RATE].tobytes(), max(0, first - RATE))
            recent.hear(back[first : first + RATE].tobytes())
            if meter.worth_a_look(tapes[0], recent, first + RATE):
                meter.look(*meter.sides(*tapes, first + RATE))
        among_others.append(meters[0].echo)
    assert among_others == alone
    assert [meter.echo for meter in meters[1:]] == [None, None]


def test_a_line_that_only_hisses_is_not_searched():
    """Nothing on it stops an agent. Half of all looks were at such lines, each as dear as one that finds something."""
    played, meter = LineTape(RATE, 2.2), EchoMeter(RATE)
    played.write(AGENT[: 2 * RATE].tobytes(), 0)

    def worth(heard) -> bool:
        recent = RecentPeaks(RATE, LOOK_SECONDS)
        recent.hear(heard.tobytes())
        return meter.worth_a_look(played, recent, 2 * RATE)

    for rms in (15, 400):
        assert not worth(on_the_line(np.zeros(2 * RATE, np.int16), None, noise_rms=rms))
    assert worth(on_the_line(AGENT[: 2 * RATE], LineEcho(delay_ms=300, level_db=-30)))


@given(st.lists(st.integers(0, 45), min_size=1, max_size=30), st.integers(1, 400), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_how_loud_the_last_second_was_is_known_however_it_came(hundredths, least, seed):
    """By pieces of any number of hundredths of a second: none, one, or more than are remembered."""
    sound = np.random.default_rng(seed).integers(-500, 500, (sum(hundredths), RATE // 100)).astype(np.int16)
    sound //= np.random.default_rng(seed).integers(1, 100, (len(sound), 1)).astype(np.int16)
    recent, at = RecentPeaks(RATE, 0.2), 0
    for count in hundredths:
        recent.hear(sound[at : at + count].tobytes())
        at += count
    truth = np.abs(sound.astype(int)).max(axis=1, initial=0).tolist()[-20:]
    noise = sorted(truth)[len(truth) // 10] if truth else 0
    assert recent.share(least) == sum(peak >= max(least, 2 * noise) for peak in truth) / 20


def test_the_loudest_sample_of_all_is_loud():
    """Its absolute value has no place among 16-bit numbers, and would be the quietest."""
    recent = RecentPeaks(RATE, 0.2)
    recent.hear(np.repeat(np.array([0, -32768], np.int16), 80).tobytes())
    assert recent.share(32768) == 1 / 20


def test_before_a_line_is_known_nothing_of_it_is_audible():
    """After a gap as well: what is heard first is its noise."""
    recent = RecentPeaks(RATE, 0.2)
    recent.skip()
    recent.hear(np.full(160, 3000, np.int16).tobytes())
    assert recent.share(45) == 0
    other = RecentPeaks(RATE, 0.2)
    other.hear(np.repeat(np.array([20, 3000], np.int16), 80).tobytes())
    assert other.audible(5, 45) == [False, False, False, False, True]


def test_after_a_gap_a_line_is_as_noisy_as_it_was():
    """Taken for silence, the noise would be speech for the next second, and searched."""
    recent = RecentPeaks(RATE, 0.2)
    recent.hear(np.concatenate([np.full(1440, 100, np.int16), np.full(160, 3000, np.int16)]).tobytes())
    assert recent.share(45) == 2 / 20
    recent.skip()
    recent.hear(np.full(160, 120, np.int16).tobytes())
    assert recent.share(45) == 0


@pytest.mark.parametrize("rate", sorted(pcm.LINE_RATES))
@pytest.mark.parametrize("size", [0.01, 0.02, 0.025, 0.1, 0.0203])
def test_the_canceller_removes_an_echo_at_every_rate_and_with_any_length_of_frame(rate, size):
    """In the third second at the latest, and gives as many samples as it got."""
    played = np.concatenate([np.zeros(rate // 4, np.int16), spoken("agent_hours", rate)[: 3 * rate]])
    heard = np.zeros_like(played)
    heard[rate // 50 :] = played[: -rate // 50] // 4
    canceller, left, step = Canceller(rate), [], round(size * rate)
    for at in range(0, len(heard), step):
        left.append(canceller.process(heard[at : at + step], played[at : at + step]))
        assert len(left[-1]) == len(heard[at : at + step])
    assert level_db(np.concatenate(left)[2 * rate :]) < level_db(heard[2 * rate :]) - 25
