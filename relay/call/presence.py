"""Is the caller still there, and is there time left? Checked every second while an agent has the call."""

from typing import Final

from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentSession
from relay.call.idle import Due, IdleClock, TimeLeft
from relay.call.parts import CallParts
from relay.events.records import EndReason, Transfer

_ECHO: Final = 1.5  # seconds after the agent last spoke in which sound from the line may be its echo
_ASK: Final = (
    "The caller has said nothing for {seconds:g} seconds. Ask in one short sentence, in the language of this call, "
    "whether they are still there."
)
_GOODBYE: Final = "The caller seems to have gone. Say a short goodbye; the call ends after it."
_TRANSFER: Final = "the caller said nothing"
_WARNING: Final = (
    "About {seconds} seconds are left of this call. Bring it to its end: say what is still needed, then say goodbye."
)


class Presence:
    """For one agent's time on a call, which was ready at `now`."""

    def __init__(self, parts: CallParts, agent: AgentSpec, session: AgentSession, now: float) -> None:
        self._parts = parts
        self._agent = agent
        self._session = session
        self._idle = IdleClock(agent.idle_s, agent.idle_attempts, now) if agent.idle_s else None
        self._time = TimeLeft(agent.max_s, now) if agent.max_s else None
        self._caller_at = now
        self._agent_at = now
        self._sounds = 0

    def caller_did(self, now: float) -> None:
        """The agent understood the caller's words, or was sent keys."""
        self._caller_at = now

    def check(self, now: float, *, busy: bool) -> None:
        """Called every second; `busy`: the agent owes an answer, or is working."""
        if self._time is not None:
            self._watch_time(self._time, now)
        if self._idle is not None:
            self._watch_caller(self._idle, now, busy=busy)

    def _watch_time(self, time: TimeLeft, now: float) -> None:
        if (left := time.warning(now)) is not None:
            self._parts.log.happened("time_nearly_over", f"agent {self._agent.alias} has {left} s left", seconds=left)
            self._parts.outbox.note(_WARNING.format(seconds=left), session=self._session)
        if time.is_over(now):
            self._parts.end(EndReason.TIME_LIMIT, f"agents.{self._agent.alias}.max_seconds")

    def _watch_caller(self, idle: IdleClock, now: float, *, busy: bool) -> None:
        parts, agent = self._parts, self._agent
        speaking = parts.pacer.speaking
        if speaking:
            self._agent_at = now
        heard = parts.uplink.voice.last_end(now) or 0.0
        if heard > self._agent_at + _ECHO:
            self._caller_at = max(self._caller_at, heard)
        busy = busy or parts.playout.working or parts.hand_over.under_way
        due = idle.look(now, caller_at=self._caller_at, speaking=speaking, busy=busy)
        if due is Due.NOTHING:
            return
        if due is Due.END:
            parts.end(EndReason.CALLER_SILENT, f"nothing for {agent.idle_s:g} s, asked {idle.asked} times")
            return
        said = {Due.ASK: f"asked, attempt {idle.asked}", Due.GOODBYE: "given up"}[due]
        parts.log.happened("caller_silent", f"the caller has said nothing for {agent.idle_s:g} s: {said}")
        if due is Due.ASK:
            self._ask(_ASK.format(seconds=agent.idle_s))
        elif agent.idle_transfer is None:
            parts.outbox.note(_GOODBYE, reply=True, session=self._session)
        else:
            parts.spawn(self._hand_over(agent.idle_transfer))

    def _ask(self, text: str) -> None:
        """In the agent's own voice, or with a sound file if it has one."""
        parts = self._parts
        sound = parts.idle_speech(self._agent)
        if sound is None:
            parts.outbox.note(text, reply=True, session=self._session)
            return
        self._sounds += 1
        name = f"idle{len(parts.facts.agents)}-{self._sounds}"
        parts.transcript.agent_says(sound.text, name, parts.facts.now())
        parts.playout.say(name, sound.pcm)
        parts.playout.complete(name)
        parts.pacer.wake()

    async def _hand_over(self, target: str) -> None:
        result = await self._parts.hand_over.request(Transfer(target, _TRANSFER, ""))
        if result.is_error:  # nobody is there to hear anything: the next applet decides
            self._parts.end(EndReason.CALLER_SILENT, result.text)
        else:
            self._parts.outbox.note(_GOODBYE, reply=True, session=self._session)
