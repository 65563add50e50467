"""Tests a bot with two calls, and says what to fix before callers reach it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import aiohttp

from console.check_bot.bot_call import BotCall, Seen
from console.checks.finding import Finding, Verdict
from console.words import counted
from relay.agents.seam import AgentError, CallInfo
from relay.agents.telephony.dialect import Dialect
from relay.audio.convert import Encoding

ANSWER_S: Final = 8.0
_BARGE_IN_S: Final = 1.5
_LONG_S: Final = 20.0
_FEW_MESSAGES: Final = 10  # may still be on their way
_AHEAD_S: Final = 3.0  # Exotel's own sample bots run this far ahead
_STOP_S: Final = 5.0
_UNIT: Final = {Encoding.PCM: 320, Encoding.ULAW: 160}
_ASK_LINE, _CUT_IN_LINE = "caller_hours", "caller_interrupts"


@dataclass(frozen=True)
class Subject:
    """The bot to call. `new_dialect`: a carrier's side of one call."""

    url: str
    headers: dict[str, str]
    call: CallInfo
    new_dialect: Callable[[CallInfo], Dialect]


async def examined(http: aiohttp.ClientSession, subject: Subject) -> AsyncIterator[Finding]:
    """Findings as they become known. The bot is called twice, half a minute each at most."""
    try:
        call = await _begin(http, subject)
    except AgentError as error:
        advice = "Is it running there, does it take a WebSocket at this path, and are the credentials right?"
        yield Finding("bot.handshake", Verdict.FAIL, f"no call could be set up: {error}", advice)
        return
    yield Finding("bot.handshake", Verdict.PASS, "the bot opens the socket")
    try:
        async for finding in _conversation(call):
            yield finding
    finally:
        await call.close()
    seen = call.seen
    yield _sizes(seen, subject.new_dialect(subject.call))
    yield _pace(seen)
    yield _marks(seen)
    yield _messages(seen)
    try:
        call = await _begin(http, subject)
    except AgentError as error:
        advice = "It took one call and no second one: does it serve several, one after another?"
        yield Finding("bot.again", Verdict.FAIL, f"the second call: {error}", advice)
        return
    try:
        yield await _barge_in(call)
    finally:
        await call.close()


async def _begin(http: aiohttp.ClientSession, subject: Subject) -> BotCall:
    return await BotCall.begin(http, subject.url, subject.new_dialect(subject.call), subject.call, subject.headers)


async def _conversation(call: BotCall) -> AsyncIterator[Finding]:
    """The first call: greeting, a question, a key, the hang-up."""
    seen = call.seen
    if await call.heard(ANSWER_S):
        yield Finding("bot.greeting", Verdict.PASS, f"it is heard {seen.first_sound_s:.1f} s after the call began")
        await call.quiet(_LONG_S)
    elif seen.closed is None:
        yield Finding("bot.greeting", Verdict.PASS, f"it waits for the caller ({ANSWER_S:g} s of silence)")
    if seen.closed is None:
        asked_s = call.now + call.say(_ASK_LINE)
        await asyncio.sleep(max(0.0, asked_s - call.now))
        if await call.heard(ANSWER_S):
            yield Finding("bot.answer", Verdict.PASS, f"it answers the caller after {call.now - asked_s:.1f} s")
            await call.quiet(_LONG_S)
        elif seen.closed is None:
            advice = "Does it hear the caller? Compare the rate and the encoding it reads with the `start` it got."
            yield Finding("bot.answer", Verdict.FAIL, f"{ANSWER_S:g} s after the caller spoke it said nothing", advice)
    if seen.closed is None:
        await call.press("1")
        await call.quiet(ANSWER_S)
    yield await _stop(call)


async def _stop(call: BotCall) -> Finding:
    seen = call.seen
    if seen.closed is not None:
        said = f"it closed with {seen.closed} after {seen.closed_s:.1f} s, before the caller hung up"
        if seen.closed.code in {1000, 1001, 1005} and seen.first_sound_s is not None:
            return Finding("bot.stop", Verdict.PASS, f"{said}: its goodbye")
        advice = "A close with another code than 1000, or before a word, is taken for a failure: look at its log."
        return Finding("bot.stop", Verdict.FAIL, said, advice)
    await call.stop()
    if not await call.closed(_STOP_S):
        advice = "Close the socket on `stop`: every call leaves one behind otherwise."
        return Finding("bot.stop", Verdict.WARN, f"{_STOP_S:g} s after `stop` its socket is still open", advice)
    if seen.after_stop:
        said = f"it sent {counted(seen.after_stop, 'message')} after `stop`, then closed"
        return Finding("bot.stop", Verdict.PASS, said)
    return Finding("bot.stop", Verdict.PASS, "it closes on `stop`")


def _sizes(seen: Seen, dialect: Dialect) -> Finding:
    check, unit = "bot.sound", _UNIT[dialect.audio.encoding] * dialect.audio.rate_hz // 8000
    if not seen.messages:
        return Finding(check, Verdict.SKIPPED, "it sent no sound")
    if seen.wav_header:
        advice = "Leave the header out (pipecat: add_wav_header=False): callers hear it as a click."
        return Finding(check, Verdict.FAIL, "its sound begins with a WAV header", advice)
    odd = sum(
        count for size, count in seen.sizes.items() if size % (2 if dialect.audio.encoding is Encoding.PCM else 1)
    )
    if odd:
        advice = "Send whole 16-bit samples: the rest of the sound is shifted by a byte, which is noise."
        return Finding(check, Verdict.FAIL, f"{counted(odd, 'message')} of an odd number of bytes", advice)
    uneven = sum(count for size, count in seen.sizes.items() if size % unit)
    said = f"{counted(seen.messages, 'message')} of {dialect.audio}, {min(seen.sizes)} to {max(seen.sizes)} bytes"
    if uneven:
        said += f"; {uneven} are not a multiple of 20 ms: the relay accepts them, the carrier would wait for the rest"
    return Finding(check, Verdict.PASS, said)


def _pace(seen: Seen) -> Finding:
    said = f"it sends up to {seen.ahead_max_s:.1f} s ahead of real time"
    if not seen.messages:
        return Finding("bot.pace", Verdict.SKIPPED, "it sent no sound")
    if seen.ahead_max_s > _AHEAD_S:
        advice = "The relay paces it, so callers hear no difference; it must send `clear` when a caller cuts in."
        return Finding("bot.pace", Verdict.WARN, said, advice)
    return Finding("bot.pace", Verdict.PASS, said)


def _marks(seen: Seen) -> Finding:
    if seen.marks:
        return Finding("bot.marks", Verdict.PASS, f"it set {counted(seen.marks, 'mark')} and got each back when heard")
    return Finding("bot.marks", Verdict.PASS, "it sets no marks: a pause ends what it says")


def _messages(seen: Seen) -> Finding:
    if not seen.notices:
        return Finding("bot.messages", Verdict.PASS, "the carrier knows every message")
    advice = "They are ignored. If they should do something, look at the carrier's protocol for their names."
    kinds = "; ".join(sorted(set(seen.notices))[:3])
    return Finding(
        "bot.messages",
        Verdict.WARN,
        f"{counted(len(seen.notices), 'message')} could not be interpreted: {kinds}",
        advice,
    )


async def _barge_in(call: BotCall) -> Finding:
    """The second call: cut into whatever it says."""
    check = "bot.barge_in"
    if not await call.heard(ANSWER_S) and call.seen.closed is None:
        call.say(_ASK_LINE)
        await call.heard(2 * ANSWER_S)
    if not call.is_heard():
        return Finding(check, Verdict.SKIPPED, "it was not heard, so nobody could cut in")
    await asyncio.sleep(0.3)
    messages, length_s = call.seen.messages, call.say(_CUT_IN_LINE)
    cleared = await call.cleared(length_s)
    went_on = call.seen.messages - messages > _FEW_MESSAGES  # later ones may be its answer
    if cleared or await call.cleared(_BARGE_IN_S):
        return Finding(check, Verdict.PASS, "it stops and sends `clear` when the caller cuts in")
    if not call.is_heard():
        return Finding(check, Verdict.PASS, "it had finished by the time the caller was understood")
    advice = "Send `clear` as soon as the caller speaks: what was sent ahead is played to its end otherwise."
    said = "it goes on speaking over the caller" if went_on else "it stops sending, but what it had sent is still heard"
    return Finding(check, Verdict.FAIL if went_on else Verdict.WARN, said, advice)
