"""An agent with a fault planted into it, to see whether a rehearsal finds just that."""

import asyncio

import msgspec
import numpy as np

from examples.bots.sounds import load
from examples.bots.turns import SpeechBegan, SpeechOver, TurnDetector
from relay.agents.bot import Bot
from sim.speech import ASSETS

GREETING = "Good morning, City Clinic, how may I help you?"
HOURS = "We are open from nine to seven, and a visit costs fifteen hundred rupees."
HINDI = "हम सुबह नौ से शाम सात बजे तक खुले हैं, और फीस पंद्रह सौ रुपये है।"
FAULTS = ("", "slow", "interrupts_itself", "forgets_tool", "wrong_language", "wrong_figure", "dead_air", "talks_on")


class PlantedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`fault`: one of FAULTS, empty for an agent as it should be."""

    fault: str = ""


class PlantedBot(Bot):
    """Greets, tells the hours and the price, then hands over to a human."""

    Options = PlantedOptions

    def on_start(self) -> None:
        # the louder one hears the caller and not the echo of itself
        self.turns = TurnDetector(speech_db=-45.0 if self.options.fault == "interrupts_itself" else -28.0)
        self.answered = 0
        if self.options.fault == "dead_air":
            self.spawn(self.greet_late())
        else:
            self._say("agent_greeting", GREETING)

    async def greet_late(self) -> None:
        """Nobody says a word for nine seconds."""
        await asyncio.sleep(9)
        self._say("agent_greeting", GREETING)

    def on_audio(self, pcm: bytes) -> None:
        heard = self.turns.hear(pcm)
        if isinstance(heard, SpeechBegan) and self.speaking and self.options.fault != "talks_on":
            self.clear()
        if isinstance(heard, SpeechOver) and not self.speaking and np.frombuffer(heard.pcm, "<i2").max() > 8000:
            self.spawn(self.answer())

    async def answer(self) -> None:
        """The next thing to say."""
        fault, self.answered = self.options.fault, self.answered + 1
        if fault == "slow":
            await asyncio.sleep(4)
        if self.answered == 1:
            text = HOURS.replace("fifteen hundred", "five hundred") if fault == "wrong_figure" else HOURS
            self._say("agent_hours", HINDI if fault == "wrong_language" else text)
        elif fault == "forgets_tool":
            self._say("agent_goodbye", "Thank you for calling, goodbye.")
            self.hang_up()
        else:
            self._say("agent_transfer", "One moment, I will connect you.")
            await self.transfer("front_desk", "asked for a human")

    def _say(self, name: str, text: str) -> None:
        self.say(load(str(ASSETS / f"{name}.wav")), text)
