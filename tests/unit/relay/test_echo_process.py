"""The process that judges the sound of guarded calls: as in this one, and nothing of a call is lost when it dies."""

import os
import signal
import sys

import numpy as np
import pytest

from relay.audio import pcm
from relay.line.echo_gates import Gates, Job, Learned, Piece
from relay.line.echo_guard import EchoGuard
from relay.line.echo_pool import EchoPool
from relay.line.echo_process import GateProcess
from relay.logs import CallLog
from sim.speech import spoken
from tests.support.virtual import virtual
from tests.unit.relay.guarding import through

RATE = 8000


@pytest.fixture
def process():
    process = GateProcess(nicer=3)
    yield process
    process.close()


def talk(count):
    """Frames of an agent, all different."""
    said = spoken("agent_hours", RATE)[1600:]
    return [said[at : at + 160].tobytes() for at in range(0, count * 160, 160)]


def jobs():
    """Of two calls: an echo, then the caller as well."""
    agent, caller = spoken("agent_hours", RATE)[: 4 * RATE], spoken("caller_bill", RATE)[: 4 * RATE]
    noise = np.random.default_rng(1).normal(0, 15, len(agent))
    heard = np.rint(0.2 * np.roll(agent, 320) + noise).astype(np.int16)
    heard[2 * RATE :] += caller[: 2 * RATE]
    played = pcm.ulaw_encode(agent)
    learned = Learned(pcm.ulaw_encode(heard[:RATE]), played[:RATE])
    yield [Job(1, RATE, learned=learned, hold=0), Job(2, RATE, hold=80)]
    for at in range(RATE, len(heard), 160):
        piece = Piece(heard[at : at + 160].tobytes(), played[at : at + 160], played[:at][-12000:])
        yield [Job(1, pieces=[piece]), Job(2, before=piece.sound, pieces=[piece, piece])]
    yield [Job(1, over=True), Job(2, over=True), Job(2, pieces=[])]


def test_another_process_judges_as_this_one_does(process):
    here, passed = Gates(), 0
    for round_ in jobs():
        verdicts = process.do(round_)
        assert verdicts == here.do(round_)
        passed += sum(piece.sound in verdicts[0].passed for piece in round_[0].pieces)
    assert 20 < passed < 120, "the caller, and not the echo"
    assert verdicts[2].error == "what it knew is lost", "a gate that is no longer needed is gone"


def test_an_error_of_one_gate_is_told_and_the_others_judge_on(process):
    piece = Piece(bytes(320), bytes(160))
    process.do([Job(1, RATE), Job(2, RATE)])
    broken, fine = process.do([Job(1, pieces=[Piece(bytes(3), bytes(160))]), Job(2, pieces=[piece])])
    assert broken.error.startswith("ValueError")
    assert fine.passed == [bytes(320)]


def test_it_gives_way_to_the_event_loop_and_knows_no_secrets(process, monkeypatch):
    monkeypatch.setenv("ELEVENLABS_API_KEY", "sk_secret")
    process.start()
    process.do([])
    if sys.platform == "linux":
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3)
        with open(f"/proc/{process.pid}/environ", "rb") as environ:
            assert b"sk_secret" not in environ.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_signal_that_lets_a_relay_drain_does_not_end_it(process, number):
    """It goes to the whole group, and calls go on for an hour."""
    process.do([Job(1, RATE)])
    os.kill(process.pid, number)
    assert process.do([Job(1, pieces=[])])[0].error == ""


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_ends_with_its_relay(process):
    """Whatever happened to that: its end of the connection is closed then."""
    process.do([])
    child = process._process
    process._socket.close()
    assert child.wait(10) == 0
    process = GateProcess()
    process.do([])
    pid = process.pid
    process.close()
    assert gone(pid)
    with pytest.raises(OSError, match="ending"):
        process.do([])


def test_after_one_that_died_there_is_a_new_one(process):
    process.do([Job(1, RATE)])
    first = process.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(OSError, match="has ended|reset|Broken pipe"):
        process.do([Job(1, pieces=[])])
    assert gone(first), "and it is no zombie"
    known, new = process.do([Job(1, pieces=[]), Job(2, RATE)])
    assert (known.error, new.error) == ("what it knew is lost", "")


def test_one_that_hangs_is_ended(process, monkeypatch):
    process.do([])
    pid = process.pid
    process._socket.settimeout(0.1)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(OSError, match="timed out"):
        process.do([])
    assert gone(pid)


@virtual
async def test_calls_whose_process_dies_go_on_unguarded_and_lose_nothing(process, caplog):
    caplog.set_level("INFO")
    pool = EchoPool(5, process)
    guards = [EchoGuard(RATE, "on", pool, CallLog(f"c{number}", "s")) for number in range(2)]
    own, caller = talk(20), talk(120)[100:]
    for number in range(20):
        for guard in guards:
            guard.played(own[number], 100 + number * 0.02, speech=True)
    for number in range(10):
        for guard in guards:
            assert await through(guard, own[number], 100.02 + number * 0.02) != own[number]
    os.kill(process.pid, signal.SIGKILL)
    for guard in guards:
        heard = [await through(guard, caller[number], 100.22 + number * 0.02) for number in range(10)]
        assert b"".join(heard) == b"".join(caller[:10])
    assert (pool.guarded, pool.unguarded) == (0, 2)
    assert [record.event for record in caplog.records].count("echo_unguarded") == 2
    new = EchoGuard(RATE, "on", pool, CallLog("later", "s"))
    new.played(own[0], 100.6, speech=True)
    assert await through(new, own[0], 100.62) != own[0], "the next call is guarded"
    pool.close()


@virtual
async def test_a_process_that_can_not_be_started_leaves_calls_unguarded(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    pool = EchoPool(5, GateProcess())
    guard, own = EchoGuard(RATE, "on", pool, CallLog("c", "s")), talk(3)
    for number, frame in enumerate(own):
        guard.played(frame, 100 + number * 0.02, speech=True)
        assert await through(guard, frame, 100.02 + number * 0.02) == frame
    assert (pool.guarded, pool.unguarded) == (0, 1)
    pool.close()
