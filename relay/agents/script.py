"""An agent without AI: plays sound files and reacts to keys. A menu, or the fallback that needs no vendor.

[agents.night]
vendor = "script"

[agents.night.options.steps.welcome]            # the first step is the one to begin with
play = ["sounds/closed.wav", "sounds/menu.wav"]
text = "We are closed. For an emergency press one."   # what the files say, for the record
keys = { "1" = "emergency" }
wait_seconds = 6                                # for a key, once the sound is over
attempts = 2                                    # how often the step is tried; then `give_up`, or the end
give_up = "goodbye"

[agents.night.options.steps.emergency]
play = ["sounds/connecting.wav"]
transfer = { target = "on_call", reason = "emergency at night" }
otherwise = "goodbye"                           # when the transfer is refused; with keys: when none fits

[agents.night.options.steps.goodbye]
play = ["sounds/goodbye.wav"]                   # no keys, no `next`: the end of the call
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from common.env import SettingError
from relay.agents.local import LocalSession
from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentText, CallerText, CallInfo, Ended, Formats, Interruption, UtteranceDone
from relay.agents.tool_descriptions import TRANSFER
from relay.agents.vendor import NewSession, Vendor, read_options
from relay.audio.convert import AudioFormat, Encoding, at_rate
from relay.audio.files import read_mono
from relay.audio.pcm import LINE_RATES
from relay.settings import Settings

_KEYS: Final = frozenset("0123456789*#")


class TransferTo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to connect the caller, and the information for that person."""

    target: str = ""
    reason: str = ""
    summary: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step; its sound is played first. Other steps are referred to by name."""

    play: tuple[str, ...] = ()
    text: str = ""
    keys: Mapping[str, str] = {}
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 5.0
    attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    otherwise: str = ""
    give_up: str = ""
    next: str = ""
    transfer: TransferTo | None = None

    def targets(self) -> Iterator[str]:
        """The steps it can lead to."""
        yield from filter(None, (*self.keys.values(), self.otherwise, self.give_up, self.next))


class ScriptOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a script."""

    steps: Mapping[str, Step]


@dataclass(frozen=True, slots=True)
class Script:
    """The steps, and the sound of each at every line rate."""

    steps: Mapping[str, Step]
    sounds: Mapping[str, Mapping[int, bytes]]

    @property
    def first(self) -> str:
        """The first step."""
        return next(iter(self.steps))


class ScriptSession(LocalSession):
    """One call's way through the script."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script
        self._pressed: asyncio.Queue[str] = asyncio.Queue()
        self._format = AudioFormat(Encoding.PCM, 8000)
        self._visits: Counter[str] = Counter()

    async def connect(self, call: CallInfo) -> Formats:
        """Start."""
        self._begin(call)
        self._format = call.line
        self._spawn(self._run(), "script")
        return Formats(call.line, call.line)

    async def send_keys(self, keys: str) -> None:
        """One key."""
        self._put(CallerText(f"[pressed {keys}]"))
        self._pressed.put_nowait(keys)

    async def _run(self) -> None:
        name = self._script.first
        while name:
            step = self._script.steps[name]
            self._visits[name] += 1
            name = await self._perform(name, step) if self._visits[name] <= step.attempts else step.give_up
        self._end(Ended(by_agent=True, reason="ended", detail="end of the script"))

    async def _perform(self, name: str, step: Step) -> str:
        """Play a step's sound and return the next step; empty: the end."""
        utterance = f"{name}{self._visits[name]}"
        if step.text:
            self._put(AgentText(step.text, utterance))
        for file in step.play:
            self._say(self._script.sounds[file][self._format.rate_hz], utterance, self._format)
        self._put(UtteranceDone(utterance))
        if step.keys:
            key = await self._key(step.wait_seconds)
            return step.keys.get(key, step.otherwise or name)
        await asyncio.sleep(self._playing_until - self._loop.time())
        if step.transfer is None:
            return step.next
        arranged = await self._use(TRANSFER, msgspec.structs.asdict(step.transfer))
        if arranged:
            await asyncio.Event().wait()  # the relay closes the line
        return step.otherwise

    async def _key(self, wait_s: float) -> str:
        """A key, which stops the sound; empty if none came in time. Keys pressed before a menu count for it."""
        try:
            async with asyncio.timeout_at(self._playing_until + wait_s):
                key = await self._pressed.get()
        except TimeoutError:
            return ""
        self._put(Interruption())
        self._playing_until = self._loop.time()
        return key


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError for steps that lead nowhere, SoundFileError for an unusable file."""
    steps = read_options(spec, ScriptOptions, settings).steps
    place = f"agents.{spec.alias}.options.steps"
    if not steps:
        raise SettingError("AGENTS_FILE", settings.agents_file, f"{place} to have at least one step")
    for name, step in steps.items():
        for target in step.targets():
            if target not in steps:
                expected = f"{place}.{name} to lead to one of {', '.join(steps)}, not to {target!r}"
                raise SettingError("AGENTS_FILE", settings.agents_file, expected)
        if not step.keys.keys() <= _KEYS:
            raise SettingError("AGENTS_FILE", settings.agents_file, f"{place}.{name}.keys to be of 0-9 * #")
    files = {file for step in steps.values() for file in step.play}
    script = Script(steps, {file: _at_line_rates(file, settings.pushed.get(file)) for file in files})
    return lambda context: ScriptSession(script)


def _at_line_rates(file: str, content: bytes | None) -> dict[int, bytes]:
    sound, rate_hz = read_mono(Path(file), content)
    return {rate: at_rate(sound, rate_hz, rate).tobytes() for rate in LINE_RATES}


VENDOR = Vendor(title="Script", configure=configure)
