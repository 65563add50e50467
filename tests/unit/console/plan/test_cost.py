"""The planner's arithmetic, by examples done by hand, and by what must hold for every load."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.prices import load as load_prices
from console.costs.cost import aws_unit, gcp_unit, plan_aws, plan_gcp, progress_usd
from console.costs.load import Load, Measured
from console.costs.sizing import Unit, added_hours, size
from console.plan.words import advice, agent_sessions, assumptions, egress_mbit
from tests.terraform.hcl import default

ROOT = Path(__file__).resolve().parents[4]
MEASURED, PRICES = Measured.read(), load_prices()
SLOWER = Measured.read(Path(__file__).parent / "slower_machine.toml")
IDLE = Load(1, 0)


def items(plan):
    return {item.what: item.usd for item in plan.items}


def test_tasks_by_hand():
    """8 kHz with TLS: 2.77 ms a call-second. Half a vCPU, 80 % of it: 400 / 2.77 = 144 calls. MAX_CALLS is 50, so that
    decides: 50 % of it is where another task starts, and 200 calls need 200 / 25 = 8, 4 of them in one zone."""
    sizing = size(aws_unit(), Load(200, 50_000, agent_rate=8000), SLOWER)
    assert (sizing.by_cpu, sizing.carries, sizing.one_more_at, sizing.relays) == (144, 50, 25, 8)
    assert sizing.decided_by == "MAX_CALLS"
    assert sizing.cpu_share == pytest.approx(200 / 8 * 2.77 / 500)
    assert sizing.memory_mib == pytest.approx(60 + 200 / 8 * 129 / 1024)
    assert (sizing.left_after_loss, sizing.for_zone) == (200, 8)


def test_tasks_by_hand_when_sound_is_resampled():
    """16 kHz with TLS: 4.95 ms. 400 / 4.95 = 80 calls, less than a MAX_CALLS of 100; 40 each. 200 / 40 = 5 tasks,
    of which 3 lie in one zone: the other 2 carry 160. Six tasks, 3 a zone, carry 240."""
    plan = plan_aws(Load(200, 50_000), SLOWER, PRICES, replace(aws_unit(), max_calls=100))
    sizing = plan.sizing
    assert (sizing.carries, sizing.one_more_at, sizing.relays, sizing.decided_by) == (80, 40, 5, "CPU")
    assert (sizing.left_after_loss, sizing.for_zone) == (160, 6)
    assert any("relay_max_calls = 80" in line for line in advice(plan, Load(200, 50_000)))


def test_memory_can_decide():
    unit = Unit("small", 1.0, 128, 200, least=1, zones=1, add_at=1.0)
    sizing = size(unit, Load(500, 0), SLOWER)
    # (128 MiB × 0.8 - 60 MiB) × 1024 / 129 KiB
    assert (sizing.by_memory, sizing.by_cpu) == (336, 161)
    assert size(replace(unit, memory_mib=80), Load(500, 0), SLOWER).decided_by == "memory"
    with pytest.raises(ValueError, match="carry no call"):
        size(replace(unit, memory_mib=64), Load(500, 0), SLOWER)


def test_hours_of_added_tasks_by_hand():
    """4 tasks, 2 of them always: 50,000 minutes are 833.3 hours of calls, of which 2 in 3 × 50 fall to an added task,
    and after each of 22 peaks both run on for a quarter of an hour."""
    load = Load(200, 50_000, agent_rate=8000)
    sizing = size(replace(aws_unit(), max_calls=100), load, SLOWER)
    assert added_hours(sizing, load, 0.25) == pytest.approx(50_000 / 60 * 2 / 150 + 22 * 2 * 0.25)
    assert added_hours(size(aws_unit(), Load(100, 50_000), SLOWER), replace(load, calls=90), 0.25) >= 0


def test_a_bill_by_hand():
    """1,000 minutes at 16 kHz. Out: 1,518,708 + 1563 × 74 + 2,663,096 + 3032 × 74 = 4,521,834 bytes a minute, 4.2113
    GiB in all. In: 1,757,820 + 3065 × 74 = 1,984,630 bytes, 1.8483 GiB. Calls: 333.33, requests: 2,666.7."""
    aws = items(plan_aws(Load(1, 1000), MEASURED, PRICES))
    assert aws["sound to Exotel and to the agent"] == 0.46  # 4.2113 × 0.1093
    assert aws["callers' sound, CloudFront to us"] == 0.3  # 1.8483 × 0.16
    assert aws["its units, one a GiB"] == 0.03  # (1.5221 + 1.8483) × 0.008
    assert aws["writes to the bucket"] == 0.1  # (8,333 + 11,000) × 0.000005
    assert aws["reads for what running calls tell"] == 0.01  # 22,000 × 0.0000004
    assert aws["requests to the API"] == 0.01  # 13,667 × 0.00000105
    assert aws["work of the Lambdas"] == 0.02  # (800 + 1,100) × 0.5 × 0.0000166667
    assert aws["log"] == 0.01  # 333.3 × 30 kB = 0.0093 GiB × 0.67
    gcp = items(plan_gcp(Load(1, 1000), MEASURED, PRICES))
    assert gcp["sound to Exotel and to the agent"] == 0.51  # 4.2113 × 0.12
    assert gcp["work of the functions"] == 0.06  # (2,666.7 × 0.3 + 11,000 × 0.1) × 0.0000336
    assert progress_usd("aws", PRICES, 1000) == pytest.approx(0.0867, abs=0.0001)  # 11,000 × 0.00000788
    assert progress_usd("gcp", PRICES, 1000) == pytest.approx(0.1008, abs=0.0001)  # 11,000 × 0.00000916


def test_sessions_and_traffic():
    assert agent_sessions(Load(200, 0)) == 210
    assert agent_sessions(Load(1, 0)) == 2
    assert egress_mbit(Load(200, 0), MEASURED) == pytest.approx(200 * 4_521_834 * 8 / 60 / 1e6, rel=1e-4)


def test_free_allowances_and_domain():
    assert plan_aws(Load(1, 20_000, free_tier=True), MEASURED, PRICES).by_part()["traffic"] == 0
    with_it, without = Load(1, 0, free_tier=True), IDLE
    saved = plan_gcp(without, MEASURED, PRICES).usd - plan_gcp(with_it, MEASURED, PRICES).usd
    assert saved == pytest.approx(240_000 * 0.0000216 + 450_000 * 0.0000024, abs=0.02)  # 6.26
    domain = Load(1, 0, domain=True)
    assert plan_aws(domain, MEASURED, PRICES).usd == pytest.approx(80.52 + 0.50)
    assert plan_gcp(domain, MEASURED, PRICES).usd == pytest.approx(79.17 + 18.25)


# --- the README, the deployment pages and Terraform -----------------------------------------------------------------


def stands_in_readme(cloud):
    """(idle, 1,000 minutes) of the README's table of costs."""
    row = re.search(rf"^\| {cloud}[^|]*\| ([\d.]+) \| ([\d.]+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return float(row[1]), float(row[2])


@pytest.mark.parametrize(("cloud", "planned"), [("AWS", plan_aws), ("Google Cloud", plan_gcp)])
def test_the_readme_agrees(cloud, planned):
    idle, thousand = stands_in_readme(cloud)
    assert planned(IDLE, MEASURED, PRICES).usd == idle
    more = planned(Load(1, 1000), MEASURED, PRICES).usd - idle
    # The README counts a share of a task in it, and was reckoned with payloads before they were counted on the wire.
    assert thousand == pytest.approx(more, rel=0.2)


@pytest.mark.parametrize(("page", "planned"), [("aws.md", plan_aws), ("gcp.md", plan_gcp)])
def test_the_deployment_pages_idle_table_agrees_line_by_line(page, planned):
    table = (ROOT / "docs" / page).read_text().split("**Idle**")[1].split("**Sum**")[0]
    amounts = [float(amount) for amount in re.findall(r"\| ([\d.]+) \|$", table, re.MULTILINE)]
    ours = sorted(usd for usd in items(planned(IDLE, MEASURED, PRICES)).values() if usd)
    assert ours == sorted(amount for amount in amounts if amount)


def test_units_are_what_terraform_builds():
    aws, gcp = aws_unit(), gcp_unit()
    assert aws.vcpu * 1024 == default("aws", "relay_cpu")
    assert aws.memory_mib == default("aws", "relay_memory")
    assert aws.least == default("aws", "relay_min_tasks")
    assert aws.zones == default("aws", "zone_count")
    relay = (ROOT / "infra/terraform/modules/aws/relay.tf").read_text()
    assert aws.add_at == default("aws", "scale_out_percent") / 100
    assert "var.scale_out_percent" in relay
    assert gcp.vcpu == default("gcp", "relay_cpu")
    assert gcp.memory_mib == default("gcp", "relay_memory")
    assert gcp.least == default("gcp", "relay_min_instances")
    assert f": {gcp.max_calls}\n" in (ROOT / "infra/terraform/modules/gcp/relay.tf").read_text()
    assert default("aws", "relay_max_tasks") == default("gcp", "relay_max_instances") == 10
    assert aws.max_calls == 50
    assert (
        f"var.relay_cpu * {aws.max_calls * 1024 // 512} / 1024"
        in (ROOT / "infra/terraform/modules/aws/main.tf").read_text()
    )


# --- what holds for every load --------------------------------------------------------------------------------------

LOADS = st.builds(
    lambda calls, share, tls, rate, peaks, headroom: Load(
        calls, share * calls * 40_000, tls, rate, headroom=headroom, peaks=peaks
    ),
    st.integers(1, 20_000),
    st.floats(0, 1),
    st.booleans(),
    st.sampled_from([8000, 16000]),
    st.integers(0, 100),
    st.floats(0, 0.6),
)


@pytest.mark.parametrize("planned", [plan_aws, plan_gcp])
@given(load=LOADS, more=st.integers(1, 500), minutes=st.floats(0, 100_000))
def test_more_load_never_costs_less(planned, load, more, minutes):
    before = planned(load, MEASURED, PRICES)
    after = planned(replace(load, calls=load.calls + more), MEASURED, PRICES)
    assert after.usd >= before.usd
    assert after.sizing.relays >= before.sizing.relays
    most = load.calls * 730 * 60
    longer = planned(replace(load, minutes=min(most, load.minutes + minutes)), MEASURED, PRICES)
    assert longer.usd >= before.usd


@pytest.mark.parametrize("planned", [plan_aws, plan_gcp])
@given(load=LOADS)
def test_every_plan_holds_what_it_promises(planned, load):
    plan = planned(load, MEASURED, PRICES)
    sizing = plan.sizing
    assert sizing.relays * sizing.one_more_at >= load.calls
    assert sizing.relays >= sizing.unit.least
    assert sizing.carries <= sizing.unit.max_calls
    assert sizing.carries * MEASURED.cpu_ms_of(load) <= sizing.unit.vcpu * 1000 * (1 - load.headroom) + 1e-6
    assert all(item.usd >= 0 for item in plan.items)
    assert sum(plan.by_part().values()) == pytest.approx(plan.usd)
    assert len(assumptions(load, MEASURED, PRICES)) >= 10


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"calls": 0}, "--at-once: expected 1 to 100,000"),
        ({"calls": 100_001}, "--at-once: expected"),
        ({"minutes": -1}, "--calls: expected 0 or more"),
        ({"minutes": float("nan")}, "--calls: expected 0 or more"),
        ({"minutes": 43_801}, "--calls: 1 call at once can last 43,800 minutes a month at most"),
        ({"agent_rate": 24_000}, "--agent-rate: expected one of 8000, 16000"),
        ({"call_minutes": 0}, "--call-minutes"),
        ({"headroom": 1.2}, "--headroom"),
        ({"peaks": -1}, "--peaks"),
    ],
)
def test_a_load_that_can_not_be(changed, says):
    with pytest.raises(ValueError, match=says):
        replace(IDLE, **changed)


@pytest.mark.parametrize(("record", "sides"), [("both", 2), ("agent", 1)])
@pytest.mark.parametrize("plan", [plan_aws, plan_gcp], ids=["aws", "gcp"])
def test_recordings_cost_their_pieces_and_their_place(plan, record, sides):
    """60,000 minutes: a piece is eight seconds, a side 8 kB a second, and twelve months are kept."""
    load = Load(50, 60_000)
    without, recorded = plan(load, SLOWER, PRICES), plan(replace(load, record=record), SLOWER, PRICES)
    items = {item.what: item.usd for item in recorded.items}
    prices = PRICES.sections[recorded.cloud]
    pieces = 60_000 * 60 / 8 + 20_000
    assert items["pieces of recordings, and files"] == pytest.approx(pieces * prices["bucket_write"].value, abs=0.01)
    kept = 60_000 * 60 * 8000 * sides * 12 / 1024**3
    assert items["recordings kept"] == pytest.approx(kept * prices["bucket_gib"].value, abs=0.01)
    assert not any("recording" in item.what for item in without.items)
    assert recorded.usd > without.usd + items["recordings kept"]
    assert any(f"--record {record}" in line for line in assumptions(replace(load, record=record), SLOWER, PRICES))


def test_only_what_can_be_recorded_is_planned_with():
    with pytest.raises(ValueError, match="--record: expected one of off, both, agent"):
        Load(50, 60_000, record="caller")
