"""Plays a prompt, beeps, records a message into a WAV file. `#`, a long silence or hanging up ends it.

[agents.voicemail]
vendor = "bot"
id = "examples.bots.voicemail:VoicemailBot"
options = { prompt = "sounds/leave_a_message.wav", thanks = "sounds/thanks.wav", folder = "messages" }
"""

import asyncio
import re
import wave
from pathlib import Path

import msgspec

from examples.bots.sounds import beep, load
from examples.bots.turns import level_db
from relay.agents.bot import RATE_HZ, Bot

FRAMES_PER_SECOND = 50


class VoicemailOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sound files, where messages go, how long one may be and how long a silence ends it."""

    prompt: str
    thanks: str
    folder: str
    max_s: float = 120.0
    silence_s: float = 5.0
    speech_db: float = -40.0


class VoicemailBot(Bot):
    """Records from the beep on. The message is kept even if the caller just hangs up."""

    Options = VoicemailOptions

    def on_start(self) -> None:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", self.call.call_sid)  # it comes from outside
        self.file = Path(self.options.folder) / f"{name}.wav"
        self.message: list[bytes] = []
        self.recording = False
        self.silent_frames = 0
        self.say(load(self.options.prompt), "Please leave a message after the tone.")
        self.say(beep())
        self.spawn(self.begin_after_the_beep())

    async def begin_after_the_beep(self) -> None:
        """The line is a tenth of a second behind the clock, so the beep itself is not in the message."""
        await self.played_out()
        self.recording = True
        self.caller_said(f"[leaves a message: {self.file.name}]")

    async def on_audio(self, pcm: bytes) -> None:
        if not self.recording:
            return
        self.message.append(pcm)
        self.silent_frames = 0 if level_db(pcm) >= self.options.speech_db else self.silent_frames + 1
        too_long = len(self.message) >= self.options.max_s * FRAMES_PER_SECOND
        if too_long or self.silent_frames >= self.options.silence_s * FRAMES_PER_SECOND:
            await self.finish()

    async def on_dtmf(self, key: str) -> None:
        if key == "#" and self.recording:
            await self.finish()

    async def on_stop(self) -> None:
        if self.recording:
            await self.keep()

    async def finish(self) -> None:
        """Thank the caller and hang up."""
        await self.keep()
        self.say(load(self.options.thanks), "Thank you, your message has been recorded.")
        self.hang_up()

    async def keep(self) -> None:
        """Write the message, without the silence at its end."""
        self.recording = False
        kept = b"".join(self.message[: len(self.message) - self.silent_frames])
        if kept:
            await asyncio.to_thread(_write, self.file, kept)
            self.log(f"a message of {len(kept) / 2 / RATE_HZ:.1f} s: {self.file.name}")


def _write(path: Path, pcm: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(pcm)
