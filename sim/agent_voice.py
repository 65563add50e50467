"""How the fake agent speaks: in bursts ahead of real time, numbered by turn, and stopped by a caller who cuts in."""

import asyncio
import base64
import math
import random
from collections.abc import Sequence

import numpy as np

from sim.agent_outlet import Outlet
from sim.conversation_record import ConversationRecord, Interruption, SentAudio, Turn
from sim.sound import AudioFormat, Pcm
from sim.speech import line, spoken
from sim.timeline import Timeline

LATE_SAMPLES = 2000


class Voice:
    """`event_id` is the turn's number: what the caller said and the answer to it share it (elevenlabs.md A2.5)."""

    def __init__(self, record: ConversationRecord, outlet: Outlet, timeline: Timeline) -> None:
        self.event_id = 0
        self._record = record
        self._script = record.script
        self._outlet = outlet
        self._timeline = timeline
        self._format = AudioFormat(record.script.output_format)
        self._random = random.Random(7)
        self._playing_from = 0.0
        self._playing_until = 0.0

    @property
    def is_heard(self) -> bool:
        """Whether what was sent would still be playing, if the client plays it as it comes."""
        return asyncio.get_running_loop().time() < self._playing_until

    async def say(self, names: Sequence[str]) -> None:
        """The text first, then the sound of the lines, several times faster than real time, in uneven pieces."""
        text = " ".join(line(name).text for name in names)
        now = asyncio.get_running_loop().time()
        self._record.turns.append(Turn("agent", text, now, line=" ".join(names)))
        self._timeline.note("agent", "says", text)
        await self._outlet.send("agent_response", agent_response=text, event_id=self.event_id)
        pcm = np.concatenate([spoken(name, self._format.rate_hz) for name in names])
        self._playing_from = self._playing_until = max(now, self._playing_until)
        place = 0
        while place < pcm.size:
            milliseconds = self._random.randint(*self._script.chunk_ms)
            size = milliseconds * self._format.rate_hz // 1000 + self._random.randint(0, 13)  # not aligned
            chunk = pcm[place : place + size]
            place += size
            length_s = chunk.size / self._format.rate_hz
            self._playing_until += length_s
            if not self._outlet.stalled:
                sent = SentAudio(asyncio.get_running_loop().time(), self.event_id, length_s)
                self._record.sent_audio.append(sent)
            await self._audio(chunk, self.event_id)
            await asyncio.sleep(length_s / self._script.burst_speed)
        await self._audio(pcm[:0], self.event_id, is_final=True)
        await self._outlet.send("agent_response_complete", event_id=self.event_id)

    async def interrupt(self) -> None:
        """The caller cut in: report it, and correct the text to what may have been heard."""
        now = asyncio.get_running_loop().time()
        event_id = self.event_id + 1 if self._script.interruption_carries_next_id else self.event_id
        self._record.interruptions.append(Interruption(now, event_id))
        self._timeline.note("agent", "interrupted")
        await self._outlet.send("interruption", event_id=event_id)
        if self._script.late_chunk:  # one that was already on its way and must not be heard (elevenlabs.md A2.5)
            await self._audio(spoken("sorry", self._format.rate_hz)[:LATE_SAMPLES], self.event_id)
        heard = (now - self._playing_from) / max(self._playing_until - self._playing_from, 0.001)
        self._playing_until = now
        turn = next((turn for turn in reversed(self._record.turns) if turn.role == "agent"), None)
        if turn is None:
            return
        words = turn.text.split()
        turn.interrupted, turn.original = True, turn.text
        turn.text = " ".join(words[: math.ceil(len(words) * min(1.0, max(0.0, heard)))])
        await self._outlet.send(
            "agent_response_correction",
            original_agent_response=turn.original,
            corrected_agent_response=turn.text,
            event_id=self.event_id,
        )

    async def _audio(self, pcm: Pcm, event_id: int, *, is_final: bool = False) -> None:
        sound = base64.b64encode(self._format.encoded(pcm)).decode()
        await self._outlet.send("audio", audio_base_64=sound, event_id=event_id, is_final=is_final)
