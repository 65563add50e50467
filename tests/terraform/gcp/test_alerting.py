"""Log lines go through the filters, the metrics and the queries as deployed: each alert rings, and is silent on a good
day."""

from dataclasses import replace

import pytest

from tests.terraform.gcp.alerting import World, logged
from tests.terraform.gcp.policy import Plan
from tests.terraform.gcp.watching import contract
from tests.terraform.gcp.workspace import SECRETS
from tests.terraform.log_lines import BAD, GOOD_DAY, Line, part

REQUESTS = "run_googleapis_com:request_count"
INSTANCES = "run_googleapis_com:container_instance_count"
CPU = "run_googleapis_com:container_cpu_utilizations_bucket"
# Cloud Run's own word on a revision, by reading its documentation.
REVISION_FAILED = {
    "log_id": "cloudaudit.googleapis.com/system_event",
    "severity": "ERROR",
    "protoPayload": {
        "status": {"message": "Ready condition status changed to False for Revision voice-bridge-relay-00002-abc."}
    },
}
REVISION_READY = {
    **{"log_id": "cloudaudit.googleapis.com/system_event", "severity": "INFO"},
    "protoPayload": {"status": {"message": "Ready condition status changed to True for Revision x."}},
}
FULL = {"event": "relay_stats", "calls": 190, "utilisation": 95}
# What only this cloud's alerts look at: lines, and metrics of Cloud Run's own. The last of the lines is needed.
OWN: dict[str, tuple[list[Line], dict[str, float]]] = {
    "near-capacity": ([FULL, FULL], {}),
    "deployment-failed": ([REVISION_FAILED], {}),
    "few-healthy-instances": ([], {INSTANCES: 0}),
    "requests-turned-away": ([], {REQUESTS: 1}),
    "relay-5xx": ([], {REQUESTS: 5}),
    "functions-5xx": ([], {REQUESTS: 4}),  # one of them the undecided answer of the good day
    "relay-cpu": ([], {CPU: 0.9}),
}
SILENCE = {"sweep-not-run", "webhook-silence", "no-calls"}


def lines(*told: Line) -> list[dict]:
    return [logged(f"voice-bridge-{part(one) if 'event' in one else 'relay'}", **one) for one in told]


@pytest.fixture(scope="module")
def good(plan: dict) -> World:
    return World(Plan(plan, SECRETS), lines(*GOOD_DAY, REVISION_READY), {REQUESTS: 0, INSTANCES: 1, CPU: 0.3})


def alerts(world: World) -> set[str]:
    found = world.plan.all("google_monitoring_alert_policy")
    return {address.split('"')[1] for address in found if '"' in address}


def test_a_good_day_is_silent(good: World):
    assert [alert for alert in sorted(alerts(good)) if good.rings(alert)] == []


@pytest.mark.parametrize("alert", sorted(BAD | OWN))
def test_it_rings_when_it_should_and_not_before(good: World, alert: str):
    bad, given = OWN.get(alert, (BAD.get(alert, []), {}))
    assert replace(good, lines=good.lines + lines(*bad), given={**good.given, **given}).rings(alert)
    assert not replace(good, lines=good.lines + lines(*bad[:-1])).rings(alert)


def test_silence_rings(good: World):
    def without(*events: str) -> World:
        return replace(good, lines=[one for one in good.lines if one.get("jsonPayload", {}).get("event") not in events])

    old = lines({"event": "call_ended", "call_sid": "a", "end_reason": "caller_hung_up", "ago_s": 1500})
    assert without("sweep_done").rings("sweep-not-run")
    assert replace(good, lines=old).rings("webhook-silence")
    assert without("call_ended").rings("no-calls")
    for night in (replace(without("call_ended"), hour=5), replace(without("call_ended"), day=0)):
        assert not night.rings("no-calls")


def test_every_alert_has_been_rung(good: World):
    assert alerts(good) == set(BAD) | set(OWN) | SILENCE


def test_the_lines_are_the_parts_own():
    promised = contract()
    for line in [*GOOD_DAY, *(line for bad in BAD.values() for line in bad), FULL]:
        assert set(line) - {"event", "ago_s"} <= promised[line["event"]], line
