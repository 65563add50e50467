"""Metrics, alerts and dashboard fit each other and the log lines that docs/contracts.md promises."""

import pytest

from tests.terraform.gcp.policy import Plan
from tests.terraform.gcp.watching import LogMetric, contract, log_metrics, problems, queries
from tests.terraform.gcp.workspace import SECRETS


@pytest.fixture(scope="session")
def watched(plan: dict) -> Plan:
    return Plan(plan, SECRETS)


def test_metrics_read_what_the_parts_log(watched: Plan):
    promised = contract()
    wrong = {
        metric.name: metric
        for metric in log_metrics(watched).values()
        if metric.event is not None and (metric.event not in promised or not metric.fields <= promised[metric.event])
    }
    assert wrong == {}


def test_every_event_of_the_contract_is_measured(watched: Plan):
    """`relay_event_received` is left out: each event it counts is counted where it was made. So are the parts of an
    undelivered event, which has a line of its own."""
    measured = {metric.event for metric in log_metrics(watched).values()} - {None}
    assert measured == set(contract()) - {"relay_event_received", "event_undelivered_part"}


def test_queries_ask_for_what_there_is(watched: Plan):
    metrics = log_metrics(watched)
    wrong = {(place, query): found for place, query in queries(watched) if (found := problems(query, metrics))}
    assert wrong == {}


def test_every_metric_is_looked_at(watched: Plan):
    asked = " ".join(query for _, query in queries(watched))
    assert [name for name in log_metrics(watched) if f"user_voice_bridge_{name}" not in asked] == []


RUN = 'monitored_resource="cloud_run_revision"'
MISTAKES = {
    "sum(increase(logging_googleapis_com:user_voice_bridge_call_ended{%s}[5m])": "unclosed",
    "sum(logging_googleapis_com:user_voice_bridge_calls_ended{%s})": "there is no metric",
    "sum(logging_googleapis_com:user_voice_bridge_call_ended_sum{%s})": "no distribution",
    "sum(logging_googleapis_com:user_voice_bridge_gaps{%s})": "a distribution",
    'sum(logging_googleapis_com:user_voice_bridge_call_ended{%s,cause="x"})': "no label cause",
    "sum by (vendor) (logging_googleapis_com:user_voice_bridge_call_ended{%s})": "the label vendor",
    "sum(run_googleapis_com:request_counts{%s})": "there is no metric",
}


@pytest.mark.parametrize("query", MISTAKES)
def test_planted_mistake_is_found(query: str):
    metrics = {
        "call_ended": LogMetric("call_ended", "call_ended", frozenset(), frozenset({"end_reason"}), distribution=False),
        "gaps": LogMetric("gaps", "call_ended", frozenset({"gaps"}), frozenset(), distribution=True),
    }
    assert any(MISTAKES[query] in problem for problem in problems(query % RUN, metrics))


def test_dashboard_shows_what_people_ask_for(watched: Plan):
    titles = " ".join(place for place, _ in queries(watched)).lower()
    for wanted in (
        "calls running",
        "refused",
        "ended",
        "first audio",
        "answer times",
        "gaps",
        "transfer",
        "webhook lag",
        "errors",
        "cost",
    ):
        assert wanted in titles


def test_alarms_say_what_to_do(watched: Plan):
    for address, policy in watched.all("google_monitoring_alert_policy").items():
        assert len(policy["documentation"][0]["content"]) > 30, address
        assert policy["severity"] in {"CRITICAL", "ERROR", "WARNING"}, address
