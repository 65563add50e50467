"""The caller's side of a call: reads the line's events and passes them to the parts that need them."""

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Final, assert_never

from relay.agents.budget import Allowance, Rate
from relay.agents.keypad import Keypad
from relay.at_once import DONE
from relay.call.conversation import Conversation
from relay.call.parts import CallParts
from relay.events.records import EndReason
from relay.line import exotel
from relay.line.line_check import LineCheck
from relay.line.socket import Line
from relay.logs import CallLog
from relay.recording.recorder import Recorder

_KEYS: Final = Rate("keys", per_s=20, burst=200)


class Caller:
    """Reads the line until it ends. Keys are collected for agents that take whole entries."""

    def __init__(self, line: Line, parts: CallParts, conversation: Conversation, check: LineCheck) -> None:
        self._stopped = False  # what sound meets stands together: each look at another place costs as much as a step
        self._check: LineCheck | None = check  # until it is done
        self._uplink = parts.uplink
        self._line = line
        self._parts = parts
        self._conversation = conversation
        self._loop = asyncio.get_running_loop()
        self._keys: _Keys | None = None
        """Made with the first key: most callers press none, and they take half a kilobyte."""
        self.recorder: Recorder | None = None

    async def run(self, pacing: "asyncio.Future[None]") -> None:
        """Handles everything the line sends; after `stop`, only its end. `pacing` sends: not after this has ended."""
        receive, parts, end = self._line.receive, self._parts, self._parts.end
        try:
            while True:
                event = await receive(self._hear, self._echoed)
                match event:
                    case exotel.Stop(reason):
                        return end(EndReason.CALLER_HUNG_UP, reason)
                    case None:
                        return end(EndReason.LINE_LOST, f"closed with {self._line.close_code}, without stop")
                    case _ if self._stopped:
                        pass  # the agents are gone, and the call has been measured
                    case exotel.Dtmf(digit):
                        parts.quality.dtmf += 1
                        parts.answers.keys(self._loop.time())
                        if self.recorder is not None:
                            self.recorder.key(digit)
                        self._press(digit)
                    case exotel.Clear():
                        parts.pacer.interrupt()
                    case exotel.Media() | exotel.Mark() | exotel.Connected() | exotel.Start():
                        pass  # a beginning said again; sound goes to `_hear`, echoes to `_echoed`
                    case _:
                        assert_never(event)
        finally:
            pacing.cancel()

    def _hear(self, media: exotel.Media) -> Awaitable[None]:
        """The caller's sound, 50 times a second."""
        if self._stopped:
            return DONE
        if self._check is not None:
            self._look(media, self._check)
        return self._uplink.hear(media)

    def _echoed(self, mark: str) -> None:
        """The line has played everything up to this mark."""
        if not self._stopped:
            self._parts.pacer.mark_echoed(mark)

    def _look(self, media: exotel.Media, check: LineCheck) -> None:
        if problem := check.look(media):
            self._parts.log.happened("line_not_pcm16", problem, level=logging.ERROR)
        if check.done:
            self._check = None

    def stop(self) -> None:
        """Pass on nothing more of what the caller does."""
        self._stopped = True
        if self._keys is not None:
            self._keys.stop()

    def _press(self, key: str) -> None:
        if self._keys is None:
            self._keys = _Keys(self._parts.log, self._conversation)
        self._keys.press(key, self._loop.time())


class _Keys:
    """From the caller to the agents."""

    def __init__(self, log: CallLog, conversation: Conversation) -> None:
        self._conversation = conversation
        self._send = partial(_send_keys, log, conversation)  # does not lead back here: see relay/ended.py
        self._keypad = Keypad(self._send)
        self._allowed = Allowance(_KEYS)

    def press(self, key: str, now: float) -> None:
        if not self._allowed.allows(now):
            return  # nobody presses keys this fast
        if self._conversation.wants_each_key:
            self._send(key)
        else:
            self._keypad.press(key)

    def stop(self) -> None:
        """Drop the keys collected so far."""
        self._keypad.stop()


def _send_keys(log: CallLog, conversation: Conversation, keys: str) -> None:
    log.happened("keys", f"the caller pressed {len(keys)} {'key' if len(keys) == 1 else 'keys'}")
    conversation.send_keys(keys)
