"""Simulates a network that delivers messages whole and in order, like TCP, but late.

Pure: a `Path` is one direction of one connection, and computes when a message that is sent now will arrive.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """All times in seconds. `stalls`: (from, for how long) nothing arrives; then everything at once.

    `jitter_s`: standard deviation of each message's delay, cut off at four deviations. `burst_s`: delay of messages
    within a burst; bursts begin every `burst_every_s` on average and last `burst_length_s`. `drift_ppm`: how much
    faster the other end's clock is than ours: not a property of the network, but simulated with it.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    burst_s: float = 0.0
    burst_every_s: float = 5.0
    burst_length_s: float = 0.3
    stalls: tuple[tuple[float, float], ...] = ()
    drift_ppm: float = 0.0

    @property
    def usual_s(self) -> float:
        """The longest delay of a message, without stalls."""
        return self.latency_s + 4 * self.jitter_s + self.burst_s

    def path(self, seed: int) -> "Path":
        """One direction of a connection; the same seed makes the same faults."""
        return Path(self, seed)


class Path:
    """One direction. Times are seconds of one clock, beginning at 0 with the connection."""

    def __init__(self, network: Network, seed: int) -> None:
        self._network = network
        self._random = random.Random(seed)
        self._last = 0.0
        self._burst_from = self._next_burst(0.0)

    def arrival(self, sent_at: float) -> float:
        """When a message arrives that is sent at `sent_at`; calls come in the order of sending."""
        network = self._network
        late = network.latency_s
        if network.jitter_s:
            late += min(abs(self._random.gauss(0.0, network.jitter_s)), 4 * network.jitter_s)
        if network.burst_s:
            while sent_at >= self._burst_from + network.burst_length_s:
                self._burst_from = self._next_burst(self._burst_from + network.burst_length_s)
            if sent_at >= self._burst_from:
                late += self._random.uniform(0.0, network.burst_s)
        arrives = sent_at + late
        for begins, seconds in network.stalls:
            if begins <= arrives < begins + seconds:
                arrives = begins + seconds
        self._last = max(self._last, arrives)
        return self._last

    def _next_burst(self, after: float) -> float:
        return after + self._random.expovariate(1 / self._network.burst_every_s)
