"""Sound that a guard judges off the event loop reaches the agent in order, whole, and no later than 60 ms."""

import asyncio

from relay.audio.line_tape import LineTape
from relay.line.echo_gates import Learned
from relay.line.echo_judge import EchoJudge
from relay.line.echo_pool import ROUND_SECONDS, EchoPool
from relay.logs import CallLog
from tests.support.virtual import virtual

RATE = 8000
FRAME_S = 0.02
NOISE = b"n" * 320


def frame(letter):
    return letter.encode() * 320


class Gate:
    """In place of EchoGate: capitals are the caller's, and keep it open for 150 ms; all else is echo."""

    def __init__(self, rate_hz):
        self.hold = self.open_for = self.muted = 0
        self.doubts = False
        self.did = []

    def follow(self, hold):
        self.hold = hold
        self.did.append(("follow", hold))

    def learn(self, heard, played):
        self.did.append(("learn", len(heard)))

    def withhold(self, heard):
        return NOISE[: len(heard)]

    def process(self, heard, played, before=None):
        self.did.append(heard[:1].decode())
        if heard[:1] == b"!":
            raise ValueError("broken")
        if heard[:1].isupper():
            self.open_for = round(0.15 * RATE)
        else:
            self.open_for = max(0, self.open_for - len(heard) // 2)
        if heard[:1] == b"m":
            self.hold += 80
        return heard if self.open_for else NOISE


class Told(EchoPool):
    """Nothing is judged of its own accord. `rounds`: what was to be."""

    def __init__(self):
        super().__init__(9)
        self.rounds = []

    def start(self, jobs):
        result = asyncio.get_running_loop().create_future()
        self.rounds.append((jobs, result))
        return result

    async def catch_up(self):
        """Do the last of it."""
        jobs, result = self.rounds[-1]
        result.set_result(self.judges.do(jobs))
        await turns()


class Call:
    """`got`: what its agent hears, as letters, and `arrived` what the rest is told of when that came."""

    def __init__(self, pool, monkeypatch):
        monkeypatch.setattr("relay.line.echo_gates.EchoGate", Gate)
        self.got, self.arrived, self.moved, self.errors = "", [], [], []
        self.judge = EchoJudge(
            RATE,
            pool,
            pool.enter(),
            LineTape(RATE, 1.0),
            CallLog("c", "s"),
            passed=self._passed,
            moved=self.moved.append,
            failed=self.errors.append,
        )
        self.end, self.pool = 0, pool

    @property
    def gate(self):
        return self.pool.judges._gates[self.judge.gate]

    def _passed(self, sound, at):
        self._note(sound)
        self.arrived.append(at)

    def _note(self, sound):
        self.got += "".join(chr(sound[place]) for place in range(0, len(sound), 320))

    def hears(self, letters, now, before=b""):
        """The frames `letters` arrive. What the agent gets at once."""
        had = len(self.got)
        for letter in letters:
            self.end += 160
            self._note(self.judge.hear(frame(letter), self.end, now, before))
        return self.got[had:]


async def turns():
    for _ in range(5):
        await asyncio.sleep(0)


async def open_at_once(monkeypatch):
    """A pool, and a call whose first frame was judged and has opened the gate."""
    pool = Told()
    call = Call(pool, monkeypatch)
    call.hears("A", 0.0)
    await turns()
    await pool.catch_up()
    return pool, call


@virtual
async def test_an_open_gate_lets_sound_pass_before_it_was_judged_and_a_closed_one_only_after(monkeypatch):
    """A frame took its way through a thread even while the caller spoke, and was late by that."""
    pool = Told()
    call = Call(pool, monkeypatch)
    assert call.hears("A", 0.0) == ""
    await turns()
    await pool.catch_up()
    assert call.got == "A"
    assert call.hears("bcdefgh", 0.01) == "bcdefgh", "seven of the next 150 ms"
    assert call.hears("i", 0.02) == "", "by then it may be closed"
    await asyncio.sleep(ROUND_SECONDS)
    await pool.catch_up()
    assert call.got == "Abcdefghn"
    assert call.gate.did == list("Abcdefghi"), "all of it was judged"


@virtual
async def test_a_frame_that_ends_with_the_gate_s_time_is_not_passed_on_before_it_was_judged(monkeypatch):
    """The gate is closed at its end, and gives noise if it is no speech."""
    pool, call = await open_at_once(monkeypatch)
    passed = [call.judge.hear(bytes(160), 160 + 80 * number, 0.01) for number in range(15)]
    assert passed == [bytes(160)] * 14 + [b""]


@virtual
async def test_what_keeps_the_gate_open_lets_pass_what_waited_behind_it(monkeypatch):
    pool = Told()
    call = Call(pool, monkeypatch)
    call.hears("x", 0.0)
    await turns()
    call.hears("A", 0.0)
    await pool.catch_up()
    await asyncio.sleep(ROUND_SECONDS)
    call.hears("bc", 0.02)
    assert call.got == "n"
    await pool.catch_up()
    assert call.got == "nAbc"
    assert call.arrived == [0.0, 0.0, 0.02, 0.02], "voice and answer times count from when it came"


@virtual
async def test_sound_that_may_pass_is_judged_before_the_gate_could_close_and_not_for_each_frame(monkeypatch):
    pool, call = await open_at_once(monkeypatch)
    for number, letter in enumerate("BCDEFGHIJKLMNOPQRSTUVW"):
        assert call.hears(letter, number * 0.02) == letter
        await asyncio.sleep(FRAME_S)
        if len(pool.rounds) > 1 and not pool.rounds[-1][1].done():
            await pool.catch_up()
    assert "".join(call.gate.did) == "ABCDEFGHIJKLMNOPQRSTU"
    assert len(pool.rounds) == 5


@virtual
async def test_the_thread_is_woken_once_for_all_calls_that_ask_within_a_round(monkeypatch):
    """Each time it wants Python's lock, the event loop may have to wait for it."""
    pool = Told()
    one, two, three = (Call(pool, monkeypatch) for _ in range(3))
    one.hears("a", 0.0)
    two.hears("b", 0.0)
    await turns()
    three.hears("c", 0.0)
    await pool.catch_up()
    assert [len(jobs) for jobs, _ in pool.rounds] == [2]
    await asyncio.sleep(ROUND_SECONDS / 2)
    assert len(pool.rounds) == 1
    one.hears("d", 0.01)
    await asyncio.sleep(ROUND_SECONDS / 2 + 0.001)
    assert [len(jobs) for jobs, _ in pool.rounds] == [2, 2]
    await pool.catch_up()
    assert (one.got, two.got, three.got) == ("nn", "n", "n")


@virtual
async def test_the_gate_of_a_call_that_ends_while_a_round_goes_on_is_given_back_after_it(monkeypatch):
    """It stayed, 420 KB, until another guarded call spoke."""
    pool = Told()
    call = Call(pool, monkeypatch)
    call.hears("a", 0.0)
    await turns()
    pool.leave(call.judge.gate)
    await pool.catch_up()
    await asyncio.sleep(ROUND_SECONDS)
    assert [(job.gate, job.over) for job in pool.rounds[-1][0]] == [(call.judge.gate, True)]
    await pool.catch_up()
    assert pool.judges._gates == {}


@virtual
async def test_what_comes_while_a_piece_is_judged_follows_together(monkeypatch):
    pool = Told()
    call = Call(pool, monkeypatch)
    for number in range(3):
        call.hears("a", number * 0.019)
        await asyncio.sleep(0.019)
    assert len(pool.rounds) == 1
    await pool.catch_up()
    await turns()
    assert len(pool.rounds) == 2
    await pool.catch_up()
    assert call.got == "nnn"
    await asyncio.sleep(1)
    assert len(pool.rounds) == 2, "nothing is left to be judged"


@virtual
async def test_what_is_not_judged_within_60_ms_is_passed_on_as_it_came_and_counted(monkeypatch, caplog):
    """A caller's word is worth more than an echo. Until the thread is done nothing waits for it, and it is given no
    more of this call: however far it falls behind, each call has one job in its queue."""
    caplog.set_level("INFO")
    pool = Told()
    call = Call(pool, monkeypatch)
    got = []
    for number, letter in enumerate("abcdefgh"):
        got.append(call.hears(letter, number * 0.02))
        await asyncio.sleep(FRAME_S)
    assert got == ["", "", "", "abcd", "e", "f", "g", "h"]
    assert (len(pool.rounds), pool.unjudged) == (1, 8)
    await pool.catch_up()
    assert call.got == "abcdefgh", "what was found of `a` comes too late"
    call.hears("i", 0.16)
    await asyncio.sleep(FRAME_S)
    await pool.catch_up()
    assert call.got == "abcdefghn"
    assert call.gate.did == ["a", "i"]
    assert [record.event for record in caplog.records if record.event == "echo_behind"] == ["echo_behind"]


@virtual
async def test_sound_that_waits_for_a_round_of_others_is_not_later_either(monkeypatch):
    pool = Told()
    other, call = Call(pool, monkeypatch), Call(pool, monkeypatch)
    other.hears("x", 0.0)
    await turns()
    for number, letter in enumerate("abcd"):
        call.hears(letter, number * 0.02)
    assert call.got == "abcd"
    assert call.hears("e", 0.08) == "", "nothing of this call is late in the thread"
    await pool.catch_up()
    await asyncio.sleep(ROUND_SECONDS)
    await pool.catch_up()
    assert (other.got, call.got) == ("n", "abcdn")


@virtual
async def test_nothing_of_a_call_is_lost_when_its_guard_ends_or_what_follows_can_not_wait(monkeypatch):
    pool = Told()
    call = Call(pool, monkeypatch)
    call.hears("a", 0.0, before=frame("z"))
    await turns()
    call.hears("b", 0.02)
    call._note(call.judge.close())
    await pool.catch_up()
    assert call.got == "zab"
    call = Call(pool := Told(), monkeypatch)
    call.hears("a", 0.0)
    await turns()
    call.hears("b", 0.02)
    assert call.judge.waits
    call._note(call.judge.give_up())
    assert (call.got, call.judge.waits, pool.unjudged) == ("ab", False, 2)
    await pool.catch_up()
    assert (call.judge.give_up(), call.got) == (b"", "ab")


@virtual
async def test_sound_that_was_held_back_becomes_noise_before_the_frame(monkeypatch):
    pool = Told()
    call = Call(pool, monkeypatch)
    call.hears("A", 0.0, before=frame("z"))
    await turns()
    await pool.catch_up()
    assert call.got == "nA"


@virtual
async def test_the_gate_is_not_changed_while_the_thread_uses_it(monkeypatch):
    pool = Told()
    call = Call(pool, monkeypatch)
    call.judge.expect(0.09)
    assert call.judge.hold == 400
    call.judge.learn(Learned(bytes(320), bytes(320)))
    call.hears("a", 0.0)
    await turns()
    call.judge.expect(0.44)
    assert call.judge.hold == 400, "the canceller reaches that"
    call.judge.expect(0.9)
    assert call.judge.hold == 6880
    call.hears("m", 0.02)
    await pool.catch_up()
    await asyncio.sleep(ROUND_SECONDS)
    await pool.catch_up()
    assert call.gate.did == [("follow", 400), ("learn", 320), "a", ("follow", 6880), "m"]
    assert call.moved == [80], "by itself; what it was told to follow is known"
    assert call.judge.hold == 6960
    call.hears("a", 0.04)
    await asyncio.sleep(ROUND_SECONDS)
    await pool.catch_up()
    assert (call.moved, call.judge.hold) == ([80], 6960)


@virtual
async def test_a_gate_that_fails_ends_its_own_call_s_guard_and_no_other(monkeypatch):
    pool = EchoPool(9)
    broken, sound = Call(pool, monkeypatch), Call(pool, monkeypatch)
    broken.hears("!", 0.0)
    sound.hears("A", 0.0)
    await asyncio.sleep(0.01)
    assert sound.got == "A"
    assert broken.errors == ["ValueError: broken"]
    assert broken.judge.close() == frame("!"), "and the agent gets what it was to judge"
    pool.close()


@virtual
async def test_while_frames_go_unjudged_for_a_second_no_more_calls_are_guarded_and_then_they_are(monkeypatch):
    """With the core full, each further guard would only make all of them miss more. A moment is not enough: a call that
    begins in it would go without to its end."""
    pool = Told()
    call = Call(pool, monkeypatch)
    loop, refused = asyncio.get_running_loop(), []
    for number in range(100):
        call.hears("a", loop.time())
        if not pool.enter():
            refused.append(number)
            assert "too little CPU" in pool.refusal
        pool.guarded = 1
        await asyncio.sleep(FRAME_S)
    assert refused == list(range(53, 100)), "the first four waited 60 ms"
    await pool.catch_up()
    await asyncio.sleep(0.5)
    assert pool.enter()
    assert pool.unguarded == 47
    assert "ECHO_CALLS" in pool.refusal
    for _ in range(8):  # a moment later, a short one
        call.hears("a", loop.time())
        await asyncio.sleep(FRAME_S)
    await asyncio.sleep(0.6)
    call.judge.hear(frame("b"), 0, loop.time())
    assert pool.unjudged > 100
    assert pool.enter(), "twice for a moment is not a second"


@virtual
async def test_the_gate_of_a_call_that_is_over_is_given_up_without_another_call_s_asking(monkeypatch):
    """A canceller takes 350 KB, and the next guarded call may come tomorrow."""
    pool = EchoPool(1)
    call = Call(pool, monkeypatch)
    call.hears("A", 0.0)
    await asyncio.sleep(0.02)
    assert len(pool.judges._gates) == 1
    call.judge.close()
    pool.leave(call.judge.gate)
    await asyncio.sleep(0.02)
    assert not pool.judges._gates
    assert pool.guarded == 0
    pool.close()
