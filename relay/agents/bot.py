"""Bots of your own: subclass `Bot`, say where it is in AGENTS_FILE, and it takes calls.

[agents.mine]
vendor = "bot"
id = "examples.bots.echo:EchoBot"      # module:Class, found like any import
options = { }                          # whatever the class wants to know
"""

import asyncio
import importlib
import inspect
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final

import aiohttp
import msgspec

from common.env import Env, SettingError
from relay.agents.local import LocalSession
from relay.agents.overrides import NAMES
from relay.agents.roster import AgentSpec
from relay.agents.seam import (
    AgentSession,
    AgentText,
    CallerText,
    CallInfo,
    Ended,
    Formats,
    Interruption,
    Notice,
    UtteranceDone,
)
from relay.agents.tool_descriptions import AMBIENCE, TRANSFER
from relay.agents.vendor import Agent, Vendor, VendorContext, read_options
from relay.audio.convert import AudioFormat, Encoding
from relay.logs import log
from relay.settings import Settings

RATE_HZ: Final = 16_000
FRAME_BYTES: Final = 640  # 20 ms, what `on_audio` gets
_FORMAT: Final = AudioFormat(Encoding.PCM, RATE_HZ)
_MAX_WAITING: Final = 1500  # frames: a bot that is half a minute behind will not catch up
_STOP_SECONDS: Final = 2.0
_LINE_LEAD: Final = 0.1  # the caller hears it about so much later; and a pause shorter than this is none


class Bot:
    """One call. Sound is always 16 kHz s16le mono, in and out, whatever the line's rate.

    Override the `on_…` methods you need, as plain or `async` ones; they are called one after another, never at the same
    time. They must not block: what takes long belongs into `async` code. An exception fails this call over to the
    agent's fallback and leaves other calls alone.
    """

    Options: ClassVar[type[msgspec.Struct] | None] = None
    """Describes and checks the entry's `options`; without it they arrive as a plain dict."""

    call: CallInfo
    options: Any
    environ: Mapping[str, str]
    http: aiohttp.ClientSession
    """Shared by all calls; don't close it."""

    _session: "BotSession"

    @classmethod
    def needs(cls, options: Any) -> Sequence[str]:
        """Names of the environment variables without which the relay should not start, such as keys of vendors."""
        return ()

    # --- override ---

    def on_start(self) -> Any:
        """The call has begun: `call`, `options`, `environ` and `http` are there."""

    def on_audio(self, pcm: bytes) -> Any:
        """20 ms of the caller (640 bytes), fifty times a second, silence included."""

    def on_dtmf(self, key: str) -> Any:
        """The caller pressed `0-9`, `*` or `#`."""

    def on_interrupted(self, heard_ms: int) -> Any:
        """`clear` cut the bot short after the caller had heard `heard_ms` of what was being said."""

    def on_note(self, text: str, reply: bool) -> Any:
        """Something to know that nobody has said: a minute is left. With `reply` it is to be said to the caller."""

    def on_stop(self) -> Any:
        """The call is over, whoever ended it. Two seconds for tidying up."""

    # --- call ---

    def say(self, pcm: bytes, text: str = "") -> None:
        """Let the caller hear `pcm`, after what is still being said. `text`: the words, for the record.

        Sound may come piece by piece, words with the first piece of what they name, or by themselves without `pcm`.
        """
        self._session.say(pcm, text)

    def clear(self) -> None:
        """Fall silent at once: what was said but not heard yet is dropped."""
        self._session.clear()

    def transfer(self, target: str = "", reason: str = "", summary: str = "") -> "asyncio.Future[bool]":
        """Connect the caller to a human; can be awaited: False means it was refused.

        Once it is arranged the line is closed as soon as the bot has been quiet for two seconds.
        """
        return self._session.use(TRANSFER, {"target": target, "reason": reason, "summary": summary})

    def ambience(self, *, enabled: bool | None = None, volume: float | None = None) -> "asyncio.Future[bool]":
        """Change this call's background sound."""
        return self._session.use(AMBIENCE, {"enabled": enabled, "volume": volume})

    def hang_up(self) -> None:
        """End the call, once the caller has heard all that was said."""
        self._session.hang_up()

    def caller_said(self, text: str) -> None:
        """Put the caller's words on record; another agent that has to take over is told them."""
        self._session.say_of_call(CallerText(text))

    def log(self, text: str) -> None:
        """A line in the relay's log, with this call's ids."""
        self._session.say_of_call(Notice("bot", text))

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something beside the `on_…` methods; it is cancelled when the call ends."""
        return self._session.run(work)

    def open_agent(self, alias: str) -> AgentSession:
        """A session with another agent of AGENTS_FILE, for a bot that wraps one."""
        return self._session.context.open_session(alias)

    @property
    def speaking(self) -> bool:
        """Whether the caller is still hearing what was said."""
        return not self._session.quiet.is_set()

    async def played_out(self) -> None:
        """Wait until the caller has heard everything, as far as the clock can tell, or `clear` dropped it."""
        await self._session.quiet.wait()


class BotSession(LocalSession):
    """Carries a Bot (see seam.AgentSession). An utterance is what it says in one go: up to a pause or to new words."""

    takes = NAMES

    def __init__(self, bot: Bot, name: str, context: VendorContext) -> None:
        super().__init__()
        self.context = context
        self.quiet = asyncio.Event()
        """Set while the caller has heard all that was said."""
        self.quiet.set()
        self._bot = bot
        self._name = name
        self._inputs: asyncio.Queue[tuple[str, tuple[Any, ...]]] = asyncio.Queue()
        self._partial = b""
        self._overrun = False
        self._utterance = 0
        self._open = False
        self._silence_timer: asyncio.TimerHandle | None = None
        self._started = False

    # --- seam.AgentSession ---

    async def connect(self, call: CallInfo) -> Formats:
        """Start the bot; what it says first may take a while."""
        self._begin(call)
        self._bot.call = call
        self._bot._session = self
        self._started = True
        self._spawn(self._work(), self._name)
        return Formats(_FORMAT, _FORMAT)

    async def send_audio(self, data: bytes) -> None:
        """In frames of one size, whatever sizes the resampler makes."""
        data = self._partial + data
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._partial = data[whole:]
        if self._inputs.qsize() > _MAX_WAITING:
            if not self._overrun:
                self._overrun = True
                self._put(Notice("bot", f"{self._name} is {_MAX_WAITING / 50:g} s behind: on_audio misses sound"))
            return
        for start in range(0, whole, FRAME_BYTES):
            self._inputs.put_nowait(("on_audio", (data[start : start + FRAME_BYTES],)))

    async def send_keys(self, keys: str) -> None:
        """Each for itself."""
        for key in keys:
            self._inputs.put_nowait(("on_dtmf", (key,)))

    async def interrupted(self, utterance: str, heard_ms: int) -> None:
        """How far the bot was heard when it cleared."""
        self._inputs.put_nowait(("on_interrupted", (heard_ms,)))

    async def note(self, text: str, *, reply: bool = False) -> bool:
        """For a bot that listens to notes."""
        if type(self._bot).on_note is Bot.on_note:
            return False
        self._inputs.put_nowait(("on_note", (text, reply)))
        return True

    async def close(self) -> None:
        """Let the bot tidy up, then stop what it left running."""
        started, self._started = self._started, False
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        if started:
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._call("on_stop")
            except TimeoutError:
                log.warning("%s.on_stop took too long", self._name, extra={"call_sid": self._call_sid})
            except Exception as error:  # noqa: BLE001 - the code is the user's, and the call is over anyway
                self._failed(f"{self._name}.on_stop", error)
        await super().close()

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

    def use(self, tool: str, parameters: dict[str, object]) -> "asyncio.Future[bool]":
        """See Bot."""
        return self._use(tool, parameters)

    def hang_up(self) -> None:
        """See Bot."""
        self._end(Ended(by_agent=True, reason="ended", detail=f"{self._name} hung up"))

    def say_of_call(self, event: CallerText | Notice) -> None:
        """See Bot."""
        self._put(event)

    def run(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """See Bot."""
        return self._spawn(work, f"{self._name}.{getattr(work, '__name__', 'task')}")

    # --- running it ---

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        hook, arguments = "on_start", ()
        while True:
            task.set_name(f"{self._name}.{hook}")  # names the culprit if it fails
            await self._call(hook, *arguments)
            hook, arguments = await self._inputs.get()

    async def _call(self, hook: str, *arguments: Any) -> None:
        result = getattr(self._bot, hook)(*arguments)
        if inspect.isawaitable(result):
            await result

    def _fell_silent(self) -> None:
        """All that was said has been heard: that was an utterance."""
        self._open = False
        self.quiet.set()
        self._put(UtteranceDone(str(self._utterance)))


def configure(spec: AgentSpec, settings: Settings) -> Agent:
    """Raises SettingError for a class that can't be loaded, options it does not know, keys that are missing."""
    kind = _load(spec, settings)
    options = read_options(spec, kind.Options, settings) if kind.Options else dict(spec.options)
    env = Env(settings.environ)
    for name in kind.needs(options):
        env.required(name, f"what agent {spec.alias!r} ({spec.id}) needs")

    def open_session(context: VendorContext) -> AgentSession:
        bot = kind()
        bot.options, bot.environ, bot.http = options, settings.environ, context.http
        return BotSession(bot, kind.__name__, context)

    return open_session


def _load(spec: AgentSpec, settings: Settings) -> type[Bot]:
    module_name, _, class_name = spec.id.partition(":")
    place = f"agents.{spec.alias}.id"
    if not module_name or not class_name:
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place} to be module:Class, not {spec.id!r}")
    try:
        kind = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # importing runs the user's code
        problem = f"{type(error).__name__}: {error}"
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place} to be importable: {problem}") from error
    if not (isinstance(kind, type) and issubclass(kind, Bot)):
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place} to be a subclass of relay.agents.bot.Bot")
    return kind


VENDOR = Vendor(title="Bot", configure=configure, passes_on=frozenset(NAMES))
