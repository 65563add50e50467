"""Gemini Live over its WebSocket (other-agents.md B3)."""

from relay.agents.gemini.session import configure

__all__ = ["configure"]
