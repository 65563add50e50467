"""OpenAI Realtime, in the shapes of its general availability (other-agents.md B1)."""

from relay.agents.openai.session import configure

__all__ = ["configure"]
