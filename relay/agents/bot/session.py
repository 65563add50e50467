"""Runs a bot: a queue of events for it, handled one after another, and of what it says."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from relay.agents.bot.bot import Bot
from relay.agents.bot.own_code import OwnCodeSession
from relay.agents.seam import (
    AgentSession,
    AgentText,
    CallInfo,
    Formats,
    Interruption,
    Notice,
    UtteranceDone,
)
from relay.agents.vendor import VendorContext
from relay.at_once import DONE
from relay.audio.convert import AudioFormat, Encoding
from relay.ended import forget

RATE_HZ: Final = 16_000
FRAME_BYTES: Final = 640  # 20 ms, what `on_audio` gets
_FORMAT: Final = AudioFormat(Encoding.PCM, RATE_HZ)
_MAX_WAITING: Final = 1500  # frames: a bot that is half a minute behind will not catch up
_LINE_LEAD: Final = 0.1  # the caller hears it about this much later; a shorter pause is ignored


class BotSession(OwnCodeSession):
    """Runs a Bot (see seam.AgentSession). An utterance is what it says in one go: up to a pause or to new words."""

    def __init__(self, bot: Bot, name: str, context: VendorContext) -> None:
        super().__init__(bot, name)
        self._context = context
        self.quiet = asyncio.Event()
        """Set while the caller has heard all that was said."""
        self.quiet.set()
        self._bot = bot
        self._inputs: asyncio.Queue[tuple[str, tuple[Any, ...]]] = asyncio.Queue()
        self._partial = b""
        self._overrun = False
        self._utterance = 0
        self._open = False
        self._silence_timer: asyncio.TimerHandle | None = None

    # --- seam.AgentSession ---

    async def connect(self, call: CallInfo) -> Formats:
        """Start the bot; its first words may take a while."""
        self._begin(call)
        self._bot.call = call
        self._bot._session = self
        self._started = True
        self._spawn(self._work(), self._name)
        return Formats(_FORMAT, _FORMAT)

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """In frames of one size, regardless of the sizes from the resampler."""
        data = self._partial + data
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._partial = data[whole:]
        if self._inputs.qsize() > _MAX_WAITING:
            if not self._overrun:
                self._overrun = True
                self._put(Notice("bot", f"{self._name} is {_MAX_WAITING / 50:g} s behind: on_audio misses sound"))
            return DONE
        for start in range(0, whole, FRAME_BYTES):
            self._inputs.put_nowait(("on_audio", (data[start : start + FRAME_BYTES],)))
        return DONE

    async def send_keys(self, keys: str) -> None:
        """One at a time."""
        for key in keys:
            self._inputs.put_nowait(("on_dtmf", (key,)))

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """How much of the bot was heard when it cleared."""
        self._inputs.put_nowait(("on_interrupted", (heard_ms,)))

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """For bots that handle notes."""
        if type(self._bot).on_note is Bot.on_note:
            return False
        self._inputs.put_nowait(("on_note", (text, reply)))
        return True

    async def close(self) -> None:
        """Let the bot clean up, then stop its remaining tasks."""
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        await super().close()
        forget(self, "_bot", "_code")  # it holds this session

    # --- for Bot ---

    def say(self, pcm: bytes, text: str) -> None:
        """See Bot."""
        if not self._open or (text and pcm):
            self._open = True
            self._utterance += 1
        if text:
            self._put(AgentText(text, str(self._utterance)))
        if not pcm:
            return
        self._say(pcm, str(self._utterance), _FORMAT)
        self.quiet.clear()
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        self._silence_timer = self._loop.call_at(self._playing_until + _LINE_LEAD, self._fell_silent)

    def clear(self) -> None:
        """See Bot."""
        self._put(Interruption())
        self._open = False
        self._playing_until = self._loop.time()
        self.quiet.set()
        if self._silence_timer is not None:
            self._silence_timer.cancel()

    def open_agent(self, alias: str) -> AgentSession:
        """See Bot."""
        return self._context.new_session(alias)

    # --- running it ---

    async def _work(self) -> None:
        hook, arguments = "on_start", ()
        while True:
            _name_task(f"{self._name}.{hook}")
            await self._call(hook, *arguments)
            hook, arguments = await self._inputs.get()

    def _fell_silent(self) -> None:
        """Everything that was said has been heard: the utterance is over."""
        self._open = False
        self.quiet.set()
        self._put(UtteranceDone(str(self._utterance)))


def _name_task(name: str) -> None:
    """Names the running task, for the error if it fails. A frame that held the task would be kept by that error."""
    task = asyncio.current_task()
    if task is not None:
        task.set_name(name)
