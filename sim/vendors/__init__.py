"""Fakes of the other vendors' agents: each speaks its protocol and holds the client to it (other-agents.md, part B)."""

from collections.abc import Mapping
from typing import Final

from sim.vendors.deepgram import FakeDeepgram
from sim.vendors.gemini import FakeGemini
from sim.vendors.openai import FakeOpenAI
from sim.vendors.server import FakeVendor

FAKES: Final[Mapping[str, type[FakeVendor]]] = {"openai": FakeOpenAI, "deepgram": FakeDeepgram, "gemini": FakeGemini}
"""By the vendor's name in AGENTS_FILE. All of them go through the test suite of the seam."""
