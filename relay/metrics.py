"""Prometheus metrics of one relay. Calls keep plain numbers; they are added here at their end, or read when scraped."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from relay.events.records import EndReason, Quality

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_ANSWERS: Final = (0.2, 0.3, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 8, 12)
_LATENCIES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """All metrics, in a separate registry, so that tests can run several relays in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.refused = Counter("relay_calls_refused", "Calls refused", ["reason"], registry=self.registry)
        self.ended = Counter("relay_calls_ended", "Calls that ended", ["vendor", "reason"], registry=self.registry)
        self.started = Counter("relay_calls_started", "Calls whose start was received", registry=self.registry)
        self.agent_failed = Counter(
            "relay_agent_failures",
            "Agents that could not be reached or failed",
            ["vendor", "reason"],
            registry=self.registry,
        )
        self.agents = Info("relay_agents", "Version of the agents that new calls get", registry=self.registry)
        self.agents_refused = Counter(
            "relay_agents_refused", "Versions of the agents that could not be used", registry=self.registry
        )
        self.first_audio = self._histogram("relay_first_audio_seconds", "From start to the first agent speech heard")
        self.agent_connect = self._histogram("relay_agent_connect_seconds", "Until the agent was ready")
        self.answer = Histogram(
            "relay_answer_seconds",
            "From the end of the caller's speech, keys or a tool to the agent's first speech heard",
            ["vendor"],
            buckets=_ANSWERS,
            registry=self.registry,
        )
        self.lookups = Counter("relay_lookups", "Look-ups before the greeting", ["outcome"], registry=self.registry)
        self.lookup_time = self._histogram("relay_lookup_seconds", "Until a look-up was answered or given up")
        self.clear = self._histogram("relay_interruption_to_clear_seconds", "Worst of a call, per call")
        self.loop_lag = self._histogram("relay_event_loop_lag_seconds", "How late a timer fires")
        self.gaps = Counter("relay_gaps", "Holes in the sound sent", registry=self.registry)
        self.interruptions = Counter("relay_interruptions", "Interruptions", registry=self.registry)
        self.malformed = Counter(
            "relay_malformed_messages", "Messages that could not be interpreted", registry=self.registry
        )
        self.recording_pieces = Counter(
            "relay_recording_pieces",
            "Pieces of recordings that were kept or dropped",
            ["outcome"],
            registry=self.registry,
        )
        self.frames_in = Counter("relay_frames_in", "Media messages received", registry=self.registry)
        self.frames_out = Counter("relay_frames_out", "Media messages sent", registry=self.registry)

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A gauge that is read when scraped."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def call_ended(self, vendor: str, reason: EndReason, quality: Quality) -> None:
        """Add one call."""
        self.ended.labels(vendor, reason).inc()
        self.gaps.inc(quality.gaps)
        self.interruptions.inc(quality.interruptions)
        self.malformed.inc(quality.malformed)
        self.frames_in.inc(quality.frames_in)
        self.frames_out.inc(quality.frames_out)
        for histogram, milliseconds in (
            (self.first_audio, quality.first_audio_ms),
            (self.agent_connect, quality.agent_connect_ms),
            (self.clear, quality.clear_ms_max),
        ):
            if milliseconds is not None:
                histogram.observe(milliseconds / 1000)

    def render(self) -> bytes:
        """The text for Prometheus."""
        return generate_latest(self.registry)

    def total(self, counter: Counter) -> float:
        """A counter's sum over its labels."""
        samples = (sample for metric in counter.collect() for sample in metric.samples)
        return sum(sample.value for sample in samples if sample.name.endswith("_total"))

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, buckets=_LATENCIES, registry=self.registry)
