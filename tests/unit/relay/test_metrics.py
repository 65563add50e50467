"""Metrics as Prometheus reads them."""

import re

from prometheus_client import Counter, Histogram
from prometheus_client.parser import text_string_to_metric_families

from relay.events.records import EndReason, Quality
from relay.metrics import CONTENT_TYPE, Metrics
from tests.support.processes import ROOT


def scraped(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Sample name and label values, in the order of the labels' names, to value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_a_call_adds_up():
    metrics = Metrics()
    quality = Quality(
        first_audio_ms=700,
        agent_connect_ms=400,
        frames_in=50,
        frames_out=60,
        gaps=2,
        interruptions=3,
        malformed=1,
        clear_ms_max=1.5,
    )
    metrics.call_ended("elevenlabs", EndReason.AGENT_ENDED, quality)
    metrics.call_ended("elevenlabs", EndReason.AGENT_ENDED, quality)
    metrics.call_ended("none", EndReason.UNKNOWN_AGENT, Quality())
    found = scraped(metrics)
    assert found["relay_calls_ended_total", "agent_ended", "elevenlabs"] == 2
    assert found["relay_calls_ended_total", "unknown_agent", "none"] == 1
    assert found[("relay_frames_in_total",)] == 100
    assert found[("relay_frames_out_total",)] == 120
    assert found[("relay_gaps_total",)] == 4
    assert found[("relay_interruptions_total",)] == 6
    assert found[("relay_malformed_messages_total",)] == 2
    assert found[("relay_first_audio_seconds_sum",)] == 1.4
    assert found[("relay_first_audio_seconds_count",)] == 2
    assert found["relay_interruption_to_clear_seconds_bucket", "0.001"] == 0
    assert found["relay_interruption_to_clear_seconds_bucket", "0.002"] == 2
    assert found[("relay_agent_connect_seconds_count",)] == 2


def test_what_was_not_measured_is_not_counted_as_fast():
    metrics = Metrics()
    metrics.call_ended("none", EndReason.LINE_LOST, Quality())
    found = scraped(metrics)
    for name in ("relay_first_audio_seconds", "relay_agent_connect_seconds", "relay_interruption_to_clear_seconds"):
        assert found[(f"{name}_count",)] == 0


def test_a_watched_number_is_read_when_it_is_asked_for():
    metrics, calls = Metrics(), []
    metrics.watch("relay_calls", "Calls", lambda: len(calls))
    assert scraped(metrics)[("relay_calls",)] == 0
    calls.append("one")
    assert scraped(metrics)[("relay_calls",)] == 1


def test_metrics_have_the_labels_that_are_documented():
    page = (ROOT / "docs/tracing.md").read_text()
    rows = re.findall(r"^\| `(relay_\w+?)(?:_total)?` \| (?:counter|histogram) \| ([^|]*)\|", page, re.MULTILINE)
    documented = {name: re.findall(r"`(\w+)`", labels) for name, labels in rows}
    for metric in vars(Metrics()).values():
        if isinstance(metric, Counter | Histogram):
            if labels := documented[metric.describe()[0].name]:
                metric = metric.labels(**dict.fromkeys(labels, "x"))
            metric.inc() if isinstance(metric, Counter) else metric.observe(1)


def test_times_are_told_apart_where_a_caller_would_notice():
    """Answers from 0.2 s to 12 s, and what the relay itself takes from 1 ms to 5 s."""
    metrics = Metrics()
    metrics.answer.labels("openai").observe(0.4)
    metrics.first_audio.observe(0.004)
    found = scraped(metrics)
    answers = {float(key[1]): value for key, value in found.items() if key[0] == "relay_answer_seconds_bucket"}
    edges = [0.2, 0.3, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 8, 12, float("inf")]
    assert answers == {edge: float(edge >= 0.5) for edge in edges}
    times = {float(key[1]): value for key, value in found.items() if key[0] == "relay_first_audio_seconds_bucket"}
    edges = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, float("inf")]
    assert times == {edge: float(edge >= 0.005) for edge in edges}


def test_the_total_is_over_all_labels():
    metrics = Metrics()
    assert metrics.total(metrics.refused) == 0
    metrics.refused.labels("full").inc()
    metrics.refused.labels("unauthorized").inc(2)
    assert metrics.total(metrics.refused) == 3


def test_two_relays_in_one_process_do_not_share_numbers():
    one, other = Metrics(), Metrics()
    one.started.inc()
    assert scraped(other)[("relay_calls_started_total",)] == 0


def test_prometheus_knows_the_format():
    assert CONTENT_TYPE.startswith("text/plain")
