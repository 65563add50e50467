"""What an agent says aloud in a call: named for the call, noted in the transcript, and put into the playout."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from relay.agents.budget import AgentBudget
from relay.agents.flood import FloodError
from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentSession
from relay.at_once import DONE, Later
from relay.audio.convert import AudioFormat
from relay.audio.speech_level import SpeechLevel
from relay.call.parts import CallParts
from relay.line.downlink import PLAYOUT_SECONDS, Downlink
from relay.logs import CallLog

MAX_WAIT: Final = (
    5.0  # seconds in total for which an agent's socket may stay unread; then the vendor would think that we are dead
)


class AgentSpeech:
    """Of one agent, whose session has been connected. `prefix`: of its utterances' names in the call."""

    def __init__(
        self,
        parts: CallParts,
        session: AgentSession,
        agent: AgentSpec,
        budget: AgentBudget,
        *,
        prefix: str,
        line: AudioFormat,
        spoken: AudioFormat,
        on_defect: Callable[[Exception], None],
    ) -> None:
        self.level: Final = SpeechLevel(line.rate_hz, gain_db=agent.gain_db, auto=agent.level == "auto")
        self._transcript = parts.transcript
        self._session = session
        self._prefix = prefix
        self._loop = asyncio.get_running_loop()
        self._utterance: str | None = None  # the last one, and its name in the call
        self._name = ""
        self._waited_s = 0.0
        self._downlink = Downlink(
            parts.playout,
            parts.pacer,
            line,
            level=self.level,
            answers=parts.answers,
            on_slip=_Slips(budget, parts.log),
            on_defect=on_defect,
        )
        self._downlink.attach(spoken)

    def named(self, utterance: str) -> str:
        """Its name in the call. One text for all that comes of an utterance: many parts of the call keep it."""
        if utterance != self._utterance:
            self._utterance, self._name = utterance, self._prefix + utterance
        return self._name

    def say(self, utterance: str, data: Any) -> Awaitable[None]:
        """More sound of `utterance`: bytes, or anything that holds bytes. Usually DONE (relay.at_once); it has to be
        awaited if the playout is full.
        """
        sound: bytes = data if type(data) is bytes else bytes(data)  # others may be changed before they are played
        name = self.named(utterance)
        self._transcript.agent_sounds(name, self._downlink.duration_ms(sound))
        rest = self._downlink.say(name, sound)
        return DONE if rest is DONE else Later(partial(self._wait, rest))

    def done(self, utterance: str) -> None:
        """All of `utterance` has arrived."""
        name = self.named(utterance)
        self._transcript.complete(name)
        self._downlink.done(name)

    def cut(self) -> None:
        """What was said has been dropped from the playout."""
        self._downlink.cut()

    async def _wait(self, rest: Awaitable[None]) -> None:
        """The playout is full. Meanwhile an agent in another process gets no answers to its pings."""
        began = self._loop.time()
        await rest
        self._waited_s += self._loop.time() - began
        if self._waited_s > MAX_WAIT and not self._session.can_wait:
            raise FloodError(f"more than {PLAYOUT_SECONDS:g} s of speech waiting to be played")


class _Slips:
    """Called for each. Unlike a method of AgentSpeech's, it does not lead back there: see relay/ended.py."""

    def __init__(self, budget: AgentBudget, log: CallLog) -> None:
        self._budget = budget
        self._log = log

    def __call__(self) -> None:
        if self._budget.logs_notice():
            text = "one byte too many or too few in the agent's sound: it was put right"
            self._log.happened("agent_notice", text, level=logging.WARNING, kind="one_byte_off")
