"""ElevenLabs Agents over their WebSocket (elevenlabs.md, part A)."""

from relay.agents.elevenlabs.session import configure

__all__ = ["configure"]
