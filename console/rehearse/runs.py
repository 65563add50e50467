"""Plays the callers of a suite at a relay: repeatedly, concurrently, within a budget."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from console.rehearse import hearing, judge
from console.rehearse.caller import RehearsedCaller
from console.rehearse.expectations import Finding, LineFacts, Observed
from console.rehearse.expectations import judge as judged
from console.rehearse.goal import GoalCaller
from console.rehearse.language_model import LanguageModel
from console.rehearse.person import Room, Spoken
from console.rehearse.relays import RelayUnderTest
from console.rehearse.suite import CallerFile, Expect, Suite, SuiteError
from console.rehearse.timing import Timing, measure
from console.rehearse.voices import Voices
from relay.audio.files import read_mono
from sim.exotel import CallPlan, CallResult, FakeExotel, new_sid
from sim.exotel_stream import LineFaults
from sim.sound import Pcm, resampled

Caller = RehearsedCaller | GoalCaller
NOTHING: Final = Timing((), (), (), None, 0, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """Budget of a run. `minutes`: of all calls; a call in progress is played to its end."""

    calls: int
    minutes: float


@dataclass(frozen=True, slots=True)
class Played:
    """One call and its outcome. `said` and `heard`: its two sides as sound, at `rate_hz`."""

    caller: CallerFile
    number: int
    call_sid: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    observed: Observed
    rate_hz: int
    mouth: Pcm
    ear: Pcm

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return not self.findings


@dataclass(slots=True)
class Rehearsal:
    """A suite at a relay."""

    suite: Suite
    relay: RelayUnderTest
    voices: Voices
    model: LanguageModel | None = None
    ssl: Any = True
    used_s: float = 0.0
    _noises: dict[tuple[str, int], Pcm] = field(default_factory=dict)

    def check(self) -> None:
        """Finds errors now that would otherwise stop a run half-way. Raises SuiteError."""
        hearing.check(self.suite.file.hearing)
        for caller in self.suite.callers:
            needs = "a goal" if caller.goal else "a judge" if self._expect(caller).judge else ""
            if needs and self.model is None:
                raise SuiteError(f"{caller.name}.toml: {needs} needs REHEARSE_MODEL_URL, REHEARSE_MODEL and its key")

    async def play(
        self,
        *,
        times: int,
        parallel: int,
        limits: Limits,
        on_played: Callable[[Played], None],
        ramp_s: float = 0.0,
    ) -> None:
        """Each caller `times` times, `parallel` at once; `on_played` gets each finished call.

        With `ramp_s` all start within that time, regardless of how many are running: a load test.
        """
        order = [(caller, number) for number in range(1, times + 1) for caller in self.suite.callers][: limits.calls]
        for caller in self.suite.callers:
            await self._sounds(caller)  # synthesised before the first call, so that no call waits for it
        gate = asyncio.Semaphore(len(order) if ramp_s else parallel)

        async def one(at: int, caller: CallerFile, number: int) -> None:
            await asyncio.sleep(ramp_s * at / len(order))
            async with gate:
                if self.used_s < limits.minutes * 60:
                    played = await self._call(caller, number)
                    self.used_s += played.observed.duration_s
                    on_played(played)

        async with asyncio.TaskGroup() as calls:
            for at, (caller, number) in enumerate(order):
                calls.create_task(one(at, caller, number))

    async def _call(self, caller: CallerFile, number: int) -> Played:
        call_sid = new_sid()
        made: list[Caller] = []
        sounds = await self._sounds(caller)

        def answer(rate_hz: int) -> Caller:
            words = (lambda: self.relay.words(call_sid)) if caller.listens else _nothing
            made.append(self._caller(caller, rate_hz, sounds, words))
            return made[-1]

        agent = f"/{caller.agent}" if caller.agent else ""
        parameters = "".join(f"&{name}={value}" for name, value in caller.parameters.items())
        result = await FakeExotel(ssl=self.ssl).call(
            CallPlan(
                url=f"{self.relay.media_url}{agent}?sample-rate={caller.line.rate_hz}{parameters}",
                caller=answer,
                from_=caller.from_,
                to=caller.to,
                call_sid=call_sid,
                max_s=caller.max_seconds,
                faults=LineFaults(lost=caller.line.lost, network=caller.line.network),
            )
        )
        said = made[-1].said if made else []
        problem = made[-1].problem if made and isinstance(made[-1], GoalCaller) else ""
        observed = await self._observe(result, said, problem)
        findings = judged(self._expect(caller), observed)
        notes: list[str] = []
        rules = self._expect(caller).judge
        if rules and self.model is not None and not observed.problem:
            more, notes = await judge.ask(self.model, rules, transcript(observed))
            findings += more
        return Played(
            caller, number, call_sid, tuple(findings), tuple(notes), observed, result.rate_hz, result.said, result.heard
        )

    async def _observe(self, result: CallResult, said: Sequence[Spoken], problem: str) -> Observed:
        if not result.handshakes or result.error:
            return Observed(
                0.0,
                {},
                (),
                [],
                NOTHING,
                problem=f"The call could not be placed: {result.error}.",
                line=LineFacts(False),
            )
        record = await self.relay.record(result.call_sid)
        turns = tuple(
            str(turn.get("text") or "") for turn in record.get("turns") or () if turn.get("speaker") == "agent"
        )
        if self.suite.file.hearing != "record":
            turns = (await hearing.words(result.heard, result.rate_hz, self.suite.file.hearing),)
        price = self.suite.file.price_per_minute
        return Observed(
            duration_s=result.duration_s,
            record=record,
            turns=turns,
            said=said,
            timing=measure(result.heard, result.rate_hz, said, result.duration_s),
            cost=result.duration_s / 60 * price if price else None,
            problem=problem,
            line=LineFacts(True, result.started_at, round(result.late_max_s * 1000)),
        )

    def _caller(self, caller: CallerFile, rate_hz: int, sounds: dict[str, Pcm], words: Callable[[], str]) -> Caller:
        noise = self._noise(caller.line.noise, rate_hz) if caller.line.noise else None
        room = Room(caller.line, noise)
        if caller.goal is None:
            return RehearsedCaller(caller.steps, caller.reactions, sounds, rate_hz, words, room)
        assert self.model is not None, "checked before the first call"
        voice = self.suite.voice(caller)
        return GoalCaller(
            caller.goal, self.model, lambda text: self.voices.speak(text, voice, rate_hz), rate_hz, words, room
        )

    async def _sounds(self, caller: CallerFile) -> dict[str, Pcm]:
        voice, rate_hz = self.suite.voice(caller), caller.line.rate_hz
        texts = {step.say for step in (*caller.steps, *caller.reactions) if step.say}
        return {text: await self.voices.speak(text, voice, rate_hz) for text in texts}

    def _noise(self, name: str, rate_hz: int) -> Pcm:
        key = (name, rate_hz)
        if key not in self._noises:
            pcm, found_hz = read_mono(self.suite.sound(name))
            self._noises[key] = resampled(pcm, found_hz, rate_hz)
        return self._noises[key]

    def _expect(self, caller: CallerFile) -> Expect:
        """The caller's own expectations over those of the suite."""
        common, own = self.suite.file.expect, caller.expect
        default = Expect()
        names = Expect.__struct_fields__
        return Expect(
            **{
                name: getattr(own, name) if getattr(own, name) != getattr(default, name) else getattr(common, name)
                for name in names
            }
        )


def _nothing() -> str:
    return ""


def transcript(call: Observed) -> str:
    """Both sides as text: the record's turns, else what the caller said and the agent's words."""
    turns = call.record.get("turns") or ()
    if turns:
        return "\n".join(f"{turn.get('speaker')}: {turn.get('text')}" for turn in turns)
    return "\n".join([*(f"caller: {line.text}" for line in call.said), f"agent: {call.words}"])
