"""Existing bots, written for a carrier's streams, as agents: the relay acts as their carrier."""
