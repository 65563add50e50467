"""A vendor's side of a session that is a list: what it says is given, what it is told is kept."""

import json

from relay.agents.seam import CallInfo, Ended
from relay.agents.socket import Closed
from relay.audio.convert import AudioFormat, Encoding

CALL = CallInfo("call1", "stream1", "09876500001", "08047100002", AudioFormat(Encoding.PCM, 8000))


class Peer:
    """Stands where AgentSocket does."""

    given_up = False

    def __init__(self, *messages):
        self._messages = list(messages)
        self.told = []

    async def receive(self, hear=None):
        if not self._messages:
            return Closed(1000, "that was all")
        message = self._messages.pop(0)
        return message if isinstance(message, bytes | Closed) else json.dumps(message).encode()

    async def send(self, message, kind=None):
        self.told.append(json.loads(message))

    def of(self, kind):
        """What it was told of one type."""
        return [message for message in self.told if message.get("type") == kind]

    async def close(self):
        pass


async def events(session, *messages):
    """What a session makes of a vendor's messages, and the vendor's end of it."""
    session._socket = peer = Peer(*messages)
    found = [event async for event in session.events()]
    return [event for event in found if not (isinstance(event, Ended) and event.reason == "close_1000")], peer
