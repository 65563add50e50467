"""A fake agent's input: checks that the caller's sound arrives in whole samples, without gaps and in real time."""

import asyncio
from collections.abc import Iterator
from typing import Final

from sim.agent_ear import AgentEar, SpeechBegan, SpeechEnded, made_out
from sim.agent_script import AgentScript
from sim.sound import AudioFormat
from sim.speech import line
from sim.vendors.record import BrokenRuleError, VendorRecord

MAX_AHEAD_S: Final = 2.5
"""How much sound may come at once: at most a bounded buffer from before the agent was ready (elevenlabs.md A2.1)."""
MAX_INPUT_GAP_S: Final = 1.0


class Hearing:
    """The caller's sound in `audio_format`. The record keeps it with its times of arrival."""

    def __init__(self, script: AgentScript, audio_format: AudioFormat, record: VendorRecord) -> None:
        self._format = audio_format
        self._script = script
        self._record = record
        self._ear = AgentEar(audio_format, script.speech_db, script.speech_after_ms, script.quiet_after_ms)
        self._too_fast = False
        record.received = self._ear.received

    def hear(self, data: bytes) -> list[SpeechBegan | SpeechEnded]:
        """Take sound. Raises BrokenRuleError if it is not made of whole samples; such sound is dropped."""
        if len(data) % self._format.sample_bytes:
            raise BrokenRuleError("odd_bytes", f"{len(data)} bytes of {self._format.name}", fatal=False)
        self._record.received_at.append((asyncio.get_running_loop().time(), len(self._record.received)))
        return self._ear.hear(data)

    def broken(self) -> Iterator[tuple[str, str]]:
        """Rules about timing that the last sound broke, each with a detail."""
        arrivals = self._record.received_at
        now, (first, _) = arrivals[-1][0], arrivals[0]
        gap_s = now - arrivals[-2][0] if len(arrivals) > 1 else 0.0
        if gap_s > MAX_INPUT_GAP_S:
            yield "input_gap", f"nothing for {gap_s:.2f} s"
        ahead_s = self._ear.seconds - (now - first)
        if ahead_s > MAX_AHEAD_S and not self._too_fast:
            self._too_fast = True  # reported once: every later chunk is too fast as well
            yield "too_fast", f"{ahead_s:.2f} s ahead of real time"

    def understood(self, speech: SpeechEnded) -> tuple[str, str, float]:
        """Which of the caller's lines was heard, empty if none; its text; how well it was recognised, 0 to 1."""
        name, likeness = made_out(speech.pcm, self._format.rate_hz, self._script.lines_to_expect())
        return name, line(name).text if name else "...", likeness
