"""A menu with keys and a look-up, without AI. For menus that only play files the agent `script` is enough.

[agents.bookings]
vendor = "bot"
id = "examples.bots.menu:MenuBot"
[agents.bookings.options]
ask = "sounds/ask_number.wav"            # "Please enter the four digits …"
found = { "4711" = "sounds/friday.wav" } # what to say to whom
not_found = "sounds/not_found.wav"
goodbye = "sounds/goodbye.wav"
"""

import asyncio
from collections.abc import Mapping

import msgspec

from examples.bots.sounds import load
from relay.agents.bot import Bot


class MenuOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files, and how long and how often to wait. `0` is the human, whatever was entered before."""

    ask: str
    found: Mapping[str, str]
    not_found: str
    goodbye: str
    digits: int = 4
    patience_s: float = 8.0
    attempts: int = 3
    target: str = ""


class MenuBot(Bot):
    """Ask for a number, say what belongs to it, hang up; after a few attempts, or at 0, a human."""

    Options = MenuOptions

    def on_start(self) -> None:
        self.keys: asyncio.Queue[str] = asyncio.Queue()
        self.spawn(self.serve())

    def on_dtmf(self, key: str) -> None:
        if self.speaking:
            self.clear()  # whoever knows the menu need not hear it out
        self.keys.put_nowait(key)

    async def serve(self) -> None:
        """The whole call."""
        for _ in range(self.options.attempts):
            number = await self.ask()
            if number == "0":
                break
            if number in self.options.found:
                self.say(load(self.options.found[number]), f"(for booking {number})")
                self.say(load(self.options.goodbye), "Goodbye.")
                self.hang_up()
                return
            self.say(load(self.options.not_found), "There is no such booking.")
            await self.played_out()
        if not await self.transfer(self.options.target, "the menu could not help"):
            self.hang_up()

    async def ask(self) -> str:
        """The digits that were entered, fewer when nothing came for a while; `0` alone for a human."""
        self.say(load(self.options.ask), "Please enter the digits of your booking number.")
        number = ""
        while len(number) < self.options.digits:
            await self.played_out()
            try:
                async with asyncio.timeout(self.options.patience_s):
                    key = await self.keys.get()
            except TimeoutError:
                break
            if key == "0" and not number:
                number = "0"
                break
            number += key if key.isdigit() else ""
        self.caller_said(f"[entered {number or 'nothing'}]")
        return number
