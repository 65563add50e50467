"""Bots that already exist, written for a carrier's streams: they become agents, the relay is their carrier."""
