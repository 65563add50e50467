"""What a vendor's fake tells the client in the vendor's own messages."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.agent_script import AgentScript, Fault
from sim.flood import AUDIO_S, TEXT, TOOL
from sim.timeline import Timeline
from sim.vendors.connection import Connection
from sim.vendors.record import Turn, VendorRecord
from sim.vendors.voice import Voice


class VendorWords(Connection):
    """Subclasses implement the methods; one for which the vendor has no message does nothing."""

    def __init__(self, script: AgentScript, timeline: Timeline, record: VendorRecord) -> None:
        super().__init__(script, timeline, record)
        self.voice = Voice(script)
        self.number = 0
        """The id of the agent's current reply."""

    async def handshake(self) -> bool:
        """From the open socket to being ready for audio; calls `formats`. False: it failed."""
        raise NotImplementedError

    async def say_begin(self, text: str) -> None:
        """A reply begins."""

    async def say_chunk(self, data: bytes) -> None:
        """Sound of the reply."""
        raise NotImplementedError

    async def say_end(self) -> None:
        """The reply was sent completely."""

    async def caller_began(self, *, interrupted: bool) -> None:
        """The caller speaks; `interrupted`: during a reply that was not played to its end."""
        raise NotImplementedError

    async def late_sound(self, data: bytes) -> None:
        """Sound of the interrupted reply that was already on its way; it must not be played."""
        await self.say_chunk(data)

    async def corrected(self, turn: Turn) -> None:
        """Report how much may have been heard of an interrupted reply."""

    async def caller_said(self, text: str) -> None:
        """The caller has finished; `text` is what was understood."""
        raise NotImplementedError

    async def call_tool(self, call_id: str, name: str, parameters: Mapping[str, Any], *, early: bool = False) -> None:
        """Call a tool; `early`: as part of the current reply."""
        raise NotImplementedError

    async def take_back(self, call_ids: Sequence[str]) -> bool:
        """The caller interrupted: withdraw these calls. False: the vendor has no message for it."""
        return False

    async def say_failure(self, code: str) -> None:
        """A turn that failed."""
        raise NotImplementedError

    async def send_too_much(self, what: str, number: int) -> None:
        output = self.voice.format
        assert output is not None
        match what:
            case "audio":
                size = round(output.rate_hz * AUDIO_S)
                await self.say_chunk(output.encoded(np.full(size, 1000, np.int16)))
            case "agent_text":
                self.number += 1
                await self.say_begin(TEXT)
                await self.say_chunk(bytes(2 * output.sample_bytes))
            case "caller_text":
                await self.caller_said(TEXT)
            case "tools":
                await self.call_tool(f"flood_{number}", *TOOL)
            case "junk":
                await self.send({"type": "news", "text": TEXT})
            case _:
                await self.tell_failure(Fault(error_type="rate_limit", reason=TEXT))
