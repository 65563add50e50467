"""A suite of rehearsed callers: a folder with suite.toml and one TOML file for each caller."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from console.rehearse.trigger import Kind, Trigger
from relay import audio
from sim.network import Network

SCRIPTS: Final[Mapping[str, str]] = {
    "en": "LATIN",
    "hi": "DEVANAGARI",
    "mr": "DEVANAGARI",
    "bn": "BENGALI",
    "ta": "TAMIL",
    "te": "TELUGU",
    "kn": "KANNADA",
    "ml": "MALAYALAM",
    "gu": "GUJARATI",
    "pa": "GURMUKHI",
}
"""Languages that `expect.language` can tell apart, by how the Unicode names of their letters begin."""
LANGUAGES: Final = tuple(SCRIPTS)
BUILTIN: Final = "builtin:"
AMBIENCES: Final = Path(audio.__file__).parent / "assets"
HERE: Final = Path(__file__).parent / "suites"
Read = TypeVar("Read")


class SuiteError(ValueError):
    """The suite can't be played; names the file and the error."""


class Voice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How text becomes sound: exactly one of `espeak` (a voice of espeak-ng), `command` (with {text} and {file} as
    separate words) and `url` (POST {"text", "voice"}, answered with a WAV file). `speed`: words per minute.
    """

    espeak: str = ""
    command: tuple[str, ...] = ()
    url: str = ""
    key_env: str = ""
    speed: int = 165
    pitch: int = 50


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The phone line. `noise`: a WAV file below the suite, or `builtin:NAME` for an ambience of the relay, `snr_db`
    below the caller's speech. `echo_ms`, `echo_db`: delay and level at which the line returns what it plays. `lost`:
    seconds [from, to] in which nothing of the caller arrives. Network to the relay: `latency_ms`, `jitter_ms` (standard
    deviation), `stalls` [at, duration], in seconds.
    """

    rate_hz: int = 8000
    noise: str = ""
    snr_db: float = 15.0
    echo_ms: float = 0.0
    echo_db: float = -12.0
    lost: tuple[tuple[float, float], ...] = ()
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    stalls: tuple[tuple[float, float], ...] = ()

    @property
    def network(self) -> Network | None:
        """The network between the line and the relay; None for a perfect one."""
        if not (self.latency_ms or self.jitter_ms or self.stalls):
            return None
        return Network(self.latency_ms / 1000, self.jitter_ms / 1000, stalls=self.stalls)


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing the caller does. `say`: words, or `file:NAME.wav` below the suite. `back_channel`: a "yes, yes" meant
    as encouragement, which must not stop the agent.
    """

    when: str = "agent finished"
    say: str = ""
    press: str = ""
    hang_up: bool = False
    back_channel: bool = False

    @property
    def trigger(self) -> Trigger:
        """`when`, parsed."""
        return Trigger.parse(self.when)


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A caller played by a language model (REHEARSE_MODEL_URL). `facts`: what it may tell when asked. It hangs up when
    it has what it `wants`, after `turns` turns, or after `tokens` tokens.
    """

    wants: str
    persona: str = "an ordinary caller"
    facts: tuple[str, ...] = ()
    patience: str = "patient"
    language: str = "English"
    turns: int = 12
    tokens: int = 8000


class ToolUsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tool that must have been called, with these parameters among others."""

    name: str
    parameters: Mapping[str, Any] = {}


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must be true of the call; missing fields are not judged. Times in milliseconds.

    `said`, `never_said`: regular expressions over the agent's words. `figures`: numbers that must be read out, in
    digits or words. `answer_p95`: from the caller's last sound to the agent's first, as heard. `stopped_within`: after
    the caller cut in. `interruptions`: how often the agent may be stopped; by default as often as the caller cuts in,
    so an echo, noise or a back-channel that stops it is a failure. `judge`: rules for a language model, which can only
    add failures.
    """

    said: tuple[str, ...] = ()
    never_said: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    tools: tuple[ToolUsed, ...] = ()
    transfer: str | None = None
    ended_by: str = ""
    end_reason: str = ""
    answer_p95: int | None = None
    longest_silence: int | None = None
    talk_over: int | None = None
    stopped_within: int | None = None
    interruptions: int | None = None
    language: str = ""
    cost: float | None = None
    judge: tuple[str, ...] = ()


class CallerFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One caller. `name`: the file's. `steps` are taken in order, `reactions` once each, when triggered."""

    name: str = ""
    title: str
    voice: str = ""
    from_: str = msgspec.field(default="09876500001", name="from")
    to: str = "08047100002"
    parameters: Mapping[str, str] = {}
    agent: str = ""
    line: Line = Line()
    steps: tuple[Step, ...] = ()
    reactions: tuple[Step, ...] = ()
    goal: Goal | None = None
    max_seconds: float = 120.0
    expect: Expect = Expect()

    @property
    def listens(self) -> bool:
        """Whether this caller depends on the agent's words, which must then be known during the call."""
        says = (step.trigger.kind is Kind.AGENT_SAYS for step in (*self.steps, *self.reactions))
        return self.goal is not None or any(says)


class SuiteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """suite.toml. `hearing`: `record` (the vendor's transcript), `pocketsphinx` (recognised on this machine, English
    only), or a command that gets {file} and prints words. `price_per_minute` is used by `expect.cost`."""

    title: str
    voice: str = ""
    voices: Mapping[str, Voice] = {}
    hearing: str | tuple[str, ...] = "record"
    price_per_minute: float = 0.0
    currency: str = "USD"
    expect: Expect = Expect()


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed suite: its folder, its settings, its callers ordered by name."""

    folder: Path
    file: SuiteFile
    callers: tuple[CallerFile, ...]

    def sound(self, name: str) -> Path:
        """Path of a sound file that the suite names. Raises SuiteError."""
        if name.startswith(BUILTIN):
            found = sorted(AMBIENCES.glob(f"{name.removeprefix(BUILTIN)}.*"))
            if not found:
                known = ", ".join(sorted(f"{BUILTIN}{path.stem}" for path in AMBIENCES.iterdir()))
                raise SuiteError(f"{name!r}: expected one of {known}")
            return found[0]
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            raise SuiteError(f"{name!r}: expected a WAV file below {self.folder.name}")
        return path

    def voice(self, caller: CallerFile) -> Voice:
        """The voice this caller speaks with."""
        name = caller.voice or self.file.voice
        return self.file.voices[name] if name else Voice(espeak="en")


def load(name: str) -> Suite:
    """A suite from a folder, or a built-in one by its name. Raises SuiteError."""
    folder = Path(name)
    if not folder.is_dir() and (HERE / name).is_dir():
        folder = HERE / name
    if not folder.is_dir():
        shipped = ", ".join(sorted(path.name for path in HERE.iterdir() if path.is_dir()))
        raise SuiteError(f"no suite {name!r}: expected a folder with suite.toml, or one of {shipped}")
    file = _read(folder / "suite.toml", SuiteFile, {})
    callers = tuple(
        _read(path, CallerFile, {"name": path.stem}) for path in sorted(folder.glob("*.toml")) if path.stem != "suite"
    )
    if not callers:
        raise SuiteError(f"{folder.name}: no caller: expected a TOML file beside suite.toml")
    suite = Suite(folder=folder, file=file, callers=callers)
    for caller in callers:
        _check(suite, caller)
    return suite


def _read(path: Path, kind: type[Read], more: Mapping[str, Any]) -> Read:
    try:
        return msgspec.convert({**more, **tomllib.loads(path.read_text(encoding="utf-8-sig"))}, kind)
    except FileNotFoundError:
        raise SuiteError(f"{path}: there is no such file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SuiteError(f"{path.name}: {error}") from None


def _check(suite: Suite, caller: CallerFile) -> None:
    """Finds errors that would otherwise show only during a run, which costs money."""
    where = f"{caller.name}.toml"
    voice = caller.voice or suite.file.voice
    if voice and voice not in suite.file.voices:
        raise SuiteError(f"{where}: voice = {voice!r}: expected one of {', '.join(suite.file.voices) or 'none is set'}")
    if caller.goal and caller.steps:
        raise SuiteError(f"{where}: expected either goal or steps, not both")
    if not caller.goal and not caller.steps and not caller.reactions:
        raise SuiteError(f"{where}: expected steps, reactions or a goal")
    for step in (*caller.steps, *caller.reactions):
        try:
            step.trigger  # noqa: B018 - evaluated for its error
        except ValueError as error:
            raise SuiteError(f"{where}: {error}") from None
        if step.say.startswith("file:"):
            _sound(suite, where, step.say.removeprefix("file:"))
    for language in (caller.expect.language, suite.file.expect.language):
        if language and language not in LANGUAGES:
            raise SuiteError(f"{where}: language = {language!r}: expected one of {', '.join(LANGUAGES)}")
    if caller.line.noise:
        _sound(suite, where, caller.line.noise)
    for pattern in (*caller.expect.said, *caller.expect.never_said, *suite.file.expect.said):
        try:
            re.compile(pattern)
        except re.error as error:
            raise SuiteError(f"{where}: {pattern!r} is not a regular expression: {error}") from None


def _sound(suite: Suite, where: str, name: str) -> None:
    try:
        suite.sound(name)
    except SuiteError as error:
        raise SuiteError(f"{where}: {error}") from None
