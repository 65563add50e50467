"""One stream's recording, sample by sample: what is kept of each side, and what is not."""

import asyncio
import os
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from common.recording import PIECE_SECONDS
from relay.agents.keypad import PAUSE
from tests.support.virtual import virtual
from tests.unit.relay.recording.studio import AtOnce, Studio, as_kept
from tests.unit.relay.tone import noise

RATE = 8000
FRAME = 160


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(seconds: float) -> None:
    await asyncio.sleep(seconds - now())


async def talk(studio: Studio, seconds: float, *, caller=None, agent=None) -> None:
    """Both sides in frames of 20 ms from now on; the agent's is sent as it is played."""
    rate = studio.rate_hz
    frame, began = rate // 50, now()
    for number in range(round(seconds * 50)):
        await until(began + number * 0.02)
        if agent is not None:
            studio.recorder.heard(agent[number * frame : (number + 1) * frame].tobytes(), now())
        await until(began + (number + 1) * 0.02)
        if caller is not None:
            studio.recorder.caller(caller[number * frame : (number + 1) * frame].tobytes(), 0, now())


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@virtual
async def test_both_sides_are_kept_to_the_sample(rate_hz):
    studio = Studio(rate_hz)
    caller, agent = noise(rate_hz * 20, seed=1), noise(rate_hz * 20, seed=2)
    studio.recorder.let_caller_in()
    await talk(studio, 20, caller=caller, agent=agent)
    (left, right), said = await studio.developed()
    assert np.array_equal(left, as_kept(caller))
    assert np.array_equal(right, as_kept(agent))
    assert (said["pieces"], said["duration_ms"], said["mode"]) == (3, 20_000, "both")
    assert (said["paused"], said["masked"], said["missing"]) == ([], [], [])


@virtual
async def test_the_agent_alone_is_one_side():
    studio = Studio(mode="agent")
    agent = noise(RATE * 10, seed=2)
    studio.recorder.let_caller_in()
    await talk(studio, 10, caller=noise(RATE * 10, seed=1), agent=agent)
    (only,), said = await studio.developed()
    assert np.array_equal(only, as_kept(agent))
    assert (said["channels"], said["caller_from_ms"]) == (1, None)


@virtual
async def test_the_caller_is_not_recorded_before_being_let_in():
    studio = Studio()
    caller, agent = noise(RATE * 4, seed=1), noise(RATE * 4, seed=2)
    asyncio.get_running_loop().call_at(2.0, studio.recorder.let_caller_in)
    await talk(studio, 4, caller=caller, agent=agent)
    (left, right), said = await studio.developed()
    assert not left[: 2 * RATE - FRAME].any()
    assert np.array_equal(left[2 * RATE :], as_kept(caller)[2 * RATE :])
    assert np.array_equal(right, as_kept(agent))
    assert said["caller_from_ms"] == 2000


@virtual
async def test_what_the_line_was_told_to_drop_was_not_heard():
    studio = Studio()
    sound = noise(RATE, seed=3)
    studio.recorder.heard(sound.tobytes(), 0.0)
    await until(0.3)
    studio.recorder.cut(RATE // 2)
    studio.recorder.heard(sound[:800].tobytes(), 0.5)
    await until(2)
    (_, right), _ = await studio.developed()
    assert np.array_equal(right[:4000], as_kept(sound[:4000]))
    assert np.array_equal(right[4000:4800], as_kept(sound[:800]))
    assert not right[4800:].any()


@virtual
async def test_what_was_on_its_way_when_the_caller_hung_up_was_not_heard():
    studio = Studio()
    studio.recorder.heard(noise(RATE, seed=3).tobytes(), 0.0)
    await until(0.25)
    (_, right), said = await studio.developed()
    assert said["duration_ms"] == 250
    assert len(right) == 2000


@virtual
async def test_lost_sound_leaves_its_time_silent():
    studio = Studio()
    studio.recorder.let_caller_in()
    sound = noise(RATE, seed=4)
    await talk(studio, 1, caller=sound)
    await until(1.1)
    studio.recorder.caller(sound[:FRAME].tobytes(), 640, now())  # 80 ms are missing before it
    (left, _), _ = await studio.developed()
    assert not left[RATE : RATE + 640].any()
    assert np.array_equal(left[RATE + 640 :], as_kept(sound[:FRAME]))


@virtual
async def test_nothing_is_kept_of_a_pause():
    """Not even what was sent ahead of it, and was yet to be heard."""
    studio = Studio()
    caller, agent = noise(RATE * 12, seed=1), noise(RATE * 12, seed=2)
    studio.recorder.let_caller_in()
    loop = asyncio.get_running_loop()
    loop.call_at(3.0, studio.recorder.pause, "agent")
    loop.call_at(7.0, studio.recorder.resume, "agent")
    await talk(studio, 12, caller=caller, agent=agent)
    (left, right), said = await studio.developed()
    for side, whole in ((left, as_kept(caller)), (right, as_kept(agent))):
        assert not side[3 * RATE + FRAME : 7 * RATE - FRAME].any()
        assert np.array_equal(side[: 3 * RATE - FRAME], whole[: 3 * RATE - FRAME])
        assert np.array_equal(side[7 * RATE + FRAME :], whole[7 * RATE + FRAME :])
    assert said["paused"] == [{"from_ms": 3000, "to_ms": 7000, "why": "agent"}]


@virtual
async def test_what_is_ahead_when_a_pause_begins_is_wiped():
    studio = Studio()
    studio.recorder.heard(noise(RATE, seed=3).tobytes(), 0.0)
    await until(0.25)
    studio.recorder.pause("agent")
    await until(1)
    (_, right), said = await studio.developed()
    assert right[:2000].any()
    assert not right[2000:].any()
    assert said["paused"] == [{"from_ms": 250, "to_ms": 1000, "why": "agent"}]


@virtual
async def test_a_recording_resumes_when_both_pauses_have_ended():
    studio = Studio()
    studio.recorder.pause("agent")
    studio.recorder.pause("keys")
    studio.recorder.resume("keys")
    await until(1)
    studio.recorder.heard(noise(RATE, seed=3).tobytes(), 1.0)
    studio.recorder.resume("agent")
    studio.recorder.resume("agent")
    studio.recorder.heard(noise(RATE, seed=3).tobytes(), 2.0)
    await until(3)
    (_, right), said = await studio.developed()
    assert not right[: 2 * RATE].any()
    assert right[2 * RATE :].any()
    assert [span["why"] for span in said["paused"]] == ["keys", "agent"]


@virtual
async def test_no_tone_of_a_masked_key_is_kept():
    """The tone is heard before its event comes, and after; the agent's side is none of it."""
    studio = Studio(mask_keys=True)
    caller, agent = noise(RATE * 4, seed=1), noise(RATE * 4, seed=2)
    studio.recorder.let_caller_in()
    asyncio.get_running_loop().call_at(2.001, studio.recorder.key, "5")
    await talk(studio, 4, caller=caller, agent=agent)
    (left, right), said = await studio.developed()
    assert not left[round(1.71 * RATE) : round(2.3 * RATE)].any()
    assert np.array_equal(left[: round(1.7 * RATE)], as_kept(caller)[: round(1.7 * RATE)])
    assert np.array_equal(left[round(2.34 * RATE) :], as_kept(caller)[round(2.34 * RATE) :])
    assert np.array_equal(right, as_kept(agent))
    assert said["masked"] == [{"from_ms": 1701, "to_ms": 2301, "why": "key"}]
    assert said["paused"] == []


@virtual
async def test_a_key_before_the_caller_is_let_in_lets_nobody_in():
    studio = Studio(mask_keys=True)
    studio.recorder.key("5")
    await talk(studio, 2, caller=noise(RATE * 2, seed=1))
    (left, _), said = await studio.developed()
    assert not left.any()
    assert said["masked"] == []


@pytest.mark.parametrize("wish", ["mask_keys", "pause_on_keys"])
@virtual
async def test_a_key_takes_nothing_said_before_it_out_of_a_recording_of_the_agent_alone(wish):
    """The tone is in the caller's sound, which is not recorded: there is nothing to mask."""
    studio = Studio(mode="agent", **{wish: True})
    agent = noise(RATE * 4, seed=2)
    studio.recorder.let_caller_in()
    asyncio.get_running_loop().call_at(2.001, studio.recorder.key, "#")
    await talk(studio, 4, caller=noise(RATE * 4, seed=1), agent=agent)
    (only,), said = await studio.developed()
    assert np.array_equal(only[: round(1.98 * RATE)], as_kept(agent)[: round(1.98 * RATE)])
    assert np.array_equal(only, as_kept(agent)) is (wish == "mask_keys")  # a pause is of both sides
    assert said["masked"] == []


@pytest.mark.parametrize(("keys", "seconds"), [("12", PAUSE + 0.3), ("12#", 0.3)])
@virtual
async def test_an_entry_of_keys_pauses_both_sides_until_it_is_over(keys, seconds):
    studio = Studio(pause_on_keys=True)
    caller, agent = noise(RATE * 8, seed=1), noise(RATE * 8, seed=2)
    studio.recorder.let_caller_in()
    for number, key in enumerate(keys):
        asyncio.get_running_loop().call_at(2 + number * 0.5, studio.recorder.key, key)
    await talk(studio, 8, caller=caller, agent=agent)
    (left, right), said = await studio.developed()
    over = 2 + 0.5 * (len(keys) - 1) + seconds
    for side in (left, right):
        assert not side[round(2.03 * RATE) : round((over - 0.03) * RATE)].any()
    assert not left[round(1.71 * RATE) : 2 * RATE].any()  # the first tone itself
    assert np.array_equal(left[round((over + 0.03) * RATE) :], as_kept(caller)[round((over + 0.03) * RATE) :])
    assert said["paused"] == [{"from_ms": 2000, "to_ms": round(over * 1000), "why": "keys"}]


@virtual
async def test_keys_are_left_alone_where_nobody_asked():
    studio = Studio()
    caller = noise(RATE * 2, seed=1)
    studio.recorder.let_caller_in()
    asyncio.get_running_loop().call_at(1.0, studio.recorder.key, "5")
    await talk(studio, 2, caller=caller)
    (left, _), said = await studio.developed()
    assert np.array_equal(left, as_kept(caller))
    assert (said["paused"], said["masked"]) == ([], [])


@virtual
async def test_another_thread_writes_it():
    with ThreadPoolExecutor(1) as executor:
        studio = Studio(executor=executor)
        caller, agent = noise(RATE * 4, seed=1), noise(RATE * 4, seed=2)
        studio.recorder.let_caller_in()
        await talk(studio, 4, caller=caller, agent=agent)
        (left, right), _ = await studio.developed()
    assert np.array_equal(left, as_kept(caller))
    assert np.array_equal(right, as_kept(agent))


class Stuck(AtOnce):
    """A disk that takes nothing."""

    def __init__(self):
        self.waiting = 0

    def submit(self, work, /, *args, **kwargs):
        if work.__name__ != "write":
            return super().submit(work, *args, **kwargs)
        self.waiting += 1
        return Future()


@virtual
async def test_a_disk_that_is_stuck_costs_sound_and_no_memory():
    executor = Stuck()
    studio = Studio(executor=executor)
    studio.recorder.let_caller_in()
    await talk(studio, 60, caller=noise(RATE * 60, seed=1), agent=noise(RATE * 60, seed=2))
    assert executor.waiting == 16
    [missing] = studio.shelf.missing.as_json()
    assert missing["why"] == "disk"
    assert missing["to_ms"] > 59_000


@virtual
async def test_a_piece_that_could_not_be_written_is_missing_by_its_time(monkeypatch):
    """It is not stored, and who listens has to know that those seconds were not silent."""
    studio, pwrite = Studio(), os.pwrite

    def full(file, sound, at):
        if len(studio.shelf.pieces) == 1:
            raise OSError(28, "No space left on device")
        return pwrite(file, sound, at)

    monkeypatch.setattr("relay.recording.sheets.os.pwrite", full)
    studio.recorder.let_caller_in()
    await talk(studio, 22, caller=noise(RATE * 22, seed=1), agent=noise(RATE * 22, seed=2))
    said = await studio.recorder.result()
    piece_ms = PIECE_SECONDS * 1000
    assert said["missing"] == [{"from_ms": piece_ms, "to_ms": 3 * piece_ms, "why": "disk: No space left on device"}]


class Broken(AtOnce):
    """Works until `broken`."""

    broken = False

    def submit(self, work, /, *args, **kwargs):
        if self.broken:
            raise RuntimeError("no more threads")
        return super().submit(work, *args, **kwargs)


@virtual
async def test_a_defect_ends_the_recording_and_not_the_call():
    executor = Broken()
    executor.broken = True
    studio = Studio(executor=executor)
    studio.recorder.let_caller_in()
    await talk(studio, 3, caller=noise(RATE * 3, seed=1), agent=noise(RATE * 3, seed=2))
    assert [str(defect) for defect in studio.defects] == ["no more threads"]
    assert studio.shelf.missing.as_json()[0]["why"] == "defect: RuntimeError"


@virtual
async def test_all_that_a_defect_has_lost_is_said_to_be_missing():
    """The first piece is in the store, the second would have been: it is lost from its beginning, and all after it."""
    executor = Broken()
    studio = Studio(executor=executor)
    studio.recorder.let_caller_in()
    asyncio.get_running_loop().call_at(12.0, setattr, executor, "broken", True)
    await talk(studio, 20, caller=noise(RATE * 20, seed=1), agent=noise(RATE * 20, seed=2))
    said = await studio.recorder.result()
    assert said["pieces"] == 1
    assert said["missing"] == [{"from_ms": 8000, "to_ms": 20_000, "why": "defect: RuntimeError"}]


@pytest.mark.parametrize(
    "happens",
    [
        lambda recorder: recorder.cut(RATE // 2),
        lambda recorder: recorder.pause("agent"),
        lambda recorder: recorder.key("5"),
        lambda recorder: recorder.stop(),
        lambda recorder: recorder.discard(),
    ],
    ids=["cut", "pause", "key", "stop", "discard"],
)
@virtual
async def test_nothing_that_happens_on_a_call_meets_a_defect_of_its_recording(happens):
    executor = Broken()
    studio = Studio(executor=executor, mask_keys=True)
    studio.recorder.let_caller_in()
    await talk(studio, 0.9, caller=noise(RATE, seed=1), agent=noise(RATE, seed=2))
    studio.recorder.heard(noise(RATE, seed=3).tobytes(), now())  # ahead of its time
    executor.broken = True
    happens(studio.recorder)
    studio.recorder.stop()
    assert len(studio.defects) <= 1  # said once, or nobody wants it any more
    assert (await studio.recorder.result())["pieces"] == 0
