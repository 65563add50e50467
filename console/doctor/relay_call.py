"""A short test call: does sound come back, evenly, and for long enough?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from console.checks.finding import Finding, Verdict
from console.checks.network import trouble
from console.checks.relay_address import RelayAddress
from console.checks.subject import Subject
from sim.caller import SILENT, Doing
from sim.exotel import HANDSHAKE_S
from sim.exotel_rules import Rule
from sim.exotel_spelling import Spelling, StreamStart
from sim.exotel_stream import LineFaults, LineRules, Stream
from sim.sound import Pcm
from sim.timeline import Timeline

LISTEN_S = 7.0  # longer than the apology that the relay plays before it ends a call without an agent
PATIENCE_S = 8.0
LONG_CALL_S = 65.0
MAX_AHEAD_S = 0.5
"""Sound that waits for the caller: the relay's lead is one frame of 100 or 200 ms, the rest is for the network."""
_HOLES_S = 0.3
_RATE_HZ = 8000
_NORMAL_CLOSE = 1000


@dataclass(slots=True)
class Listener:
    """Says nothing, and hangs up `listen_s` after the first sound, or after `patience_s`."""

    listen_s: float
    patience_s: float
    first_ms: float | None = field(default=None, init=False)

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        """See sim.caller.Caller."""
        if self.first_ms is None and heard.any():
            self.first_ms = at_ms
        enough = self.first_ms is not None and at_ms - self.first_ms >= self.listen_s * 1000
        return Doing(hang_up=True) if enough or at_ms >= self.patience_s * 1000 else SILENT


async def check_call(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.call`, `relay.paced`: sound comes back, and not in bursts."""
    if not subject.place_call:
        for check in ("relay.call", "relay.paced"):
            yield Finding(check, Verdict.SKIPPED, "no test call (--no-call)")
        return
    listener = Listener(LISTEN_S, PATIENCE_S)
    try:
        stream = await place_call(subject, listener)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        advice = "See the relay's log for this minute."
        yield Finding("relay.call", Verdict.FAIL, f"the test call's socket {trouble(error)}", advice)
        return
    if listener.first_ms is None:
        yield _silent(stream)
        return
    first = f"after {listener.first_ms / 1000:.1f} s"
    if stream.ended_by == "bot":
        found = f"sound came {first}, but the call was ended {stream.duration_s:.1f} s after it began"
        advice = f"Look for {stream.start.call_sid} in the relay's log: end_reason says why."
        yield Finding("relay.call", Verdict.FAIL, found, advice)
    else:
        found = f"a test call of {stream.duration_s:.0f} s ({stream.start.call_sid}) was answered with sound {first}"
        yield Finding("relay.call", Verdict.PASS, found)
    yield judge_pacing(stream)


async def check_long_call(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.idle`: nothing on the way cuts a call after a minute."""
    check = "relay.idle"
    if not subject.place_call or not subject.long_call_s:
        option = "make doctor ARGS=--slow" if subject.place_call else "leave out --no-call"
        found = f"whether a call is cut after a minute was not tried, it takes one of {LONG_CALL_S:g} s: {option}"
        yield Finding(check, Verdict.SKIPPED, found)
        return
    try:
        stream = await place_call(subject, Listener(subject.long_call_s, subject.long_call_s))
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        yield Finding(check, Verdict.FAIL, f"the long test call's socket {trouble(error)}", "See the relay's log.")
        return
    lived_s = stream.duration_s
    if stream.ended_by != "bot":
        yield Finding(check, Verdict.PASS, f"a call of {lived_s:.0f} s was not cut")
    elif stream.close_code == _NORMAL_CLOSE:
        advice = f"Not a limit on the way: look for {stream.start.call_sid} in the relay's log, end_reason says why."
        yield Finding(check, Verdict.WARN, f"the relay ended the long test call itself after {lived_s:.0f} s", advice)
    else:
        advice = "Raise the idle and request timeouts of what is in front of the relay to 3,600 s (ALB: idle_timeout)."
        yield Finding(check, Verdict.FAIL, f"the call was cut after {lived_s:.1f} s without a word", advice)


async def place_call(subject: Subject, listener: Listener) -> Stream:
    """One call over the media socket, like Exotel's. Raises TimeoutError, aiohttp.ClientError or OSError."""
    address = RelayAddress.parse(subject.relay_url)
    call_sid = f"doctor-{uuid4().hex[:12]}"
    # no number, so that the agent's tools look nobody up
    start = StreamStart(uuid4().hex, call_sid, "doctor", from_="doctor", to="doctor", rate_hz=_RATE_HZ)
    stream = Stream(
        start,
        listener,
        timeline=Timeline(),
        spelling=Spelling(),
        rules=LineRules(max_ahead_s=MAX_AHEAD_S),
        faults=LineFaults(),
        max_s=max(listener.patience_s, listener.listen_s) + 1,
    )
    async with asyncio.timeout(HANDSHAKE_S):
        socket = await subject.session.ws_connect(address.socket, headers=address.headers, max_msg_size=0)
    async with socket:
        await stream.run(socket)
    return stream


def _silent(stream: Stream) -> Finding:
    if stream.ended_by == "bot":
        found = f"the test call was ended {stream.duration_s:.1f} s after it began, without a sound"
        advice = (
            f"Look for {stream.start.call_sid} in the relay's log: usually the agent can't be reached (see agent.*)."
        )
    else:
        found = f"no sound came back within {PATIENCE_S:g} s"
        advice = (
            "A proxy on the way may hold the sound back: switch its buffering off. Or the agent waits for the caller "
            "to speak and no ambience is set: give it a first message."
        )
    return Finding("relay.call", Verdict.FAIL, found, advice)


def judge_pacing(stream: Stream) -> Finding:
    """Tells a constant delay from sound that arrives in bursts, because something on the way held it back."""
    check = "relay.paced"
    holes_s = sum(gap.length_s for gap in stream.playout.gaps if not gap.after_clear)
    if any(violation.rule is Rule.BURST for violation in stream.book.violations):
        found = f"the sound comes in bursts: {stream.ahead_max_s:.1f} s of it were waiting to be played"
        advice = "A proxy on the way buffers: switch its response buffering off for the media path."
        return Finding(check, Verdict.FAIL, found, advice)
    if holes_s > _HOLES_S + stream.late_max_s:  # don't blame others for delays of this process
        found = f"the sound had holes of {holes_s:.1f} s together"
        advice = (
            "Without an ambience these are pauses of the agent; with one, the connection from the relay to here is bad."
        )
        return Finding(check, Verdict.WARN, found, advice)
    return Finding(check, Verdict.PASS, f"the sound comes evenly, at most {stream.ahead_max_s:.1f} s ahead")
