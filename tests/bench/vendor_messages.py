"""The vendors' sides in the benchmark: the load's agent with the few messages that each vendor's fake says."""

from sim.vendors.registry import MEASURED
from tests.bench.load import Agent


class VendorAgent(Agent):
    """A vendor's side of a call."""

    def fail(self) -> None:
        """Gone, without a word."""
        if self.transport is not None:
            self.transport.abort()

    def say_one_thing(self) -> None:
        """A quarter of a second."""
        self._event_id += 1
        self.say_words(self._event_id, "Sorry, we were cut off.")
        self.say_sound(self._event_id, last=True)


SAID_BY = {name: type(f"{measured.__name__}Agent", (measured, VendorAgent), {}) for name, measured in MEASURED.items()}
"""By the vendor whose messages they are (`codec` of those that speak another's)."""
