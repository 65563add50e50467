"""What is known of one conversation with the fake ElevenLabs agent, for tests, the picture and the API's answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.agents.elevenlabs.fake_rules import Initiation, Message
from sim.vendors.record import VendorRecord


@dataclass(slots=True, kw_only=True)
class ConversationRecord(VendorRecord):
    """`setup` is the initiation. `authorization`: how the client proved itself."""

    conversation_id: str
    agent_id: str
    authorization: str
    started_unix: float
    messages: list[Message] = field(default_factory=list)
    pong_delays: list[float] = field(default_factory=list)

    @property
    def variables(self) -> Mapping[str, Any]:
        """The dynamic variables the client gave."""
        return Initiation(self.setup).variables
