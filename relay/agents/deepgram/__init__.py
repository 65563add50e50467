"""Deepgram Voice Agent over its WebSocket (other-agents.md B2)."""

from relay.agents.deepgram.session import configure

__all__ = ["configure"]
