"""What a call cost: by what its vendor said, else by prices with a date; what is not known says so."""

from datetime import date
from pathlib import Path

import pytest

from console.calls.costing import Costing
from console.calls.index import Index
from console.calls.rows import Row
from console.costs.load import Measured
from console.costs.of_call import Shares, as_object, minutes_usd, parts_of, shares_of
from console.costs.prices import Prices, load

PRICES = """
[exotel]
date = 2026-11-29
source = "our contract"
verified = true
[exotel.prices]
minute = { value = 0.01, unit = "started minute" }

[elevenlabs.prices]
minute = { value = 0.08, unit = "minute" }

[currency]
code = "INR"
per_usd = 85.0
date = 2026-11-29
"""


@pytest.fixture
def prices(tmp_path) -> Prices:
    file = tmp_path / "prices.toml"
    file.write_text(PRICES)
    return load(file)


def record(**more):
    agent = {"vendor": "elevenlabs", "conversation_id": "conv_1"}
    times = {"started_at": "2026-11-29T10:00:00.000Z", "ended_at": "2026-11-29T10:02:30.000Z"}
    return {"duration_s": 150.0, **times, "agents": [{**agent, **times}], "charges": [], "transfer": None, **more}


def told(record, prices, shares=None):
    return {part.name: (part.usd, part.how) for part in parts_of(record, prices, shares)}


def test_what_the_vendor_says_comes_before_a_price(prices):
    said = record(charges=[{"conversation_id": "conv_1", "credits": 812, "usd": 0.173}])
    assert told(said, prices)["agent"] == (0.173, "0.173 USD, as elevenlabs says")
    usd, how = told(record(), prices)["agent"]
    assert usd == pytest.approx(2.5 * 0.08)
    assert how.startswith("2.50 min of elevenlabs × 0.08 USD, by a price of 2026-11-29, not checked")


def test_credits_alone_are_no_money(prices):
    """What a credit is worth depends on the plan."""
    said = record(charges=[{"conversation_id": "conv_1", "credits": 812, "usd": None}])
    assert told(said, prices)["agent"][0] == pytest.approx(0.2)


def test_each_agent_of_a_failover_costs_its_own_minutes(prices):
    second = {"vendor": "openai", "started_at": "2026-11-29T10:02:30.000Z", "ended_at": "2026-11-29T10:03:30.000Z"}
    two = record(agents=[*record()["agents"], second], charges=[{"conversation_id": "conv_1", "usd": 0.1}])
    assert told(two, prices)["agent"][0] == pytest.approx(0.1 + prices.of("openai", "minute").value)


def test_exotel_takes_started_minutes_and_both_legs_of_a_transfer(prices):
    usd, how = told(record(), prices)["exotel"]
    assert usd == pytest.approx(3 * 0.01)
    assert how == "3 started minutes × 0.01 USD, by a price of 2026-11-29, checked"
    attempts = [{"state": "busy", "duration_s": 0}, {"state": "answered", "duration_s": 61}]
    usd, how = told(record(transfer={"attempts": attempts}), prices)["exotel"]
    assert usd == pytest.approx((4 + 2) * 0.01)
    assert "both legs of the transfer" in how


@pytest.mark.parametrize(
    ("more", "name", "why"),
    [
        ({"agents": [{"vendor": "bot", "started_at": None}]}, "agent", "no price for a minute of bot"),
        ({"agents": [{"vendor": "elevenlabs"}] * 2}, "agent", "how long the agent had the call is not known"),
        ({"duration_s": None}, "exotel", "how long the call lasted is not known"),
        ({}, "relay", "say --cloud aws or gcp"),
        ({"ended_at": None}, "functions", "the call is not over"),
    ],
)
def test_what_is_not_known_says_so(prices, more, name, why):
    usd, how = told(record(**more), prices)[name]
    assert usd is None
    assert why in how
    assert as_object(parts_of(record(**more), prices), prices)["total"] is None


def test_the_sum_is_in_the_price_files_currency(prices):
    shares = Shares(0.001, 0.002, "of a month")
    told_in_rupees = as_object(parts_of(record(), prices, shares), prices)
    assert told_in_rupees["currency"] == "INR"
    usd = 2.5 * 0.08 + 3 * 0.01 + 0.001 + 2.5 * 0.002
    assert told_in_rupees["total"] == pytest.approx(usd * 85, abs=1e-3)
    assert told_in_rupees["total"] == pytest.approx(sum(part["amount"] for part in told_in_rupees["parts"]), abs=1e-3)
    assert minutes_usd(record(), prices) == pytest.approx(0.23)
    assert minutes_usd(record(duration_s=None), prices) is None


def test_the_shares_of_all_calls_are_the_planners_bill_of_the_month():
    """Functions by the call, the relay by the minute: together what infrastructure costs."""
    prices, measured = load(), Measured.read()
    for cloud in ("aws", "gcp"):
        shares = shares_of(cloud, 3000, 9000, prices, measured)
        from console.costs.load import Load, busiest_moment
        from console.costs.of_call import CLOUDS

        plan = CLOUDS[cloud](Load(busiest_moment(3000, 3.0, 22, 0.15), 9000, call_minutes=3.0), measured, prices)
        assert shares.call_usd * 3000 + shares.minute_usd * 9000 == pytest.approx(plan.infrastructure_usd, abs=0.02)
        assert "3,000 calls with 9,000 minutes" in shares.how
    assert shares_of("aws", 0, 0, prices, measured) is None


@pytest.mark.parametrize(
    "currency",
    [
        'code = "rupees"\nper_usd = 85.0\ndate = 2026-11-29',
        'code = "INR"\nper_usd = 0\ndate = 2026-11-29',
        'code = "INR"',
    ],
)
def test_a_currency_that_can_not_be_used_is_named(tmp_path, currency):
    file = tmp_path / "prices.toml"
    file.write_text(f"[currency]\n{currency}\n")
    with pytest.raises(ValueError, match=r'prices.toml: currency: .*expected code = "INR", per_usd = 85.0'):
        load(file)


def indexed(tmp_path: Path, prices: Prices, *rows: Row) -> Index:
    index = Index("file:x", tmp_path, prices)
    index.put([(f"logs/{row.call_sid}.json", "1", row) for row in rows])
    return index


def test_a_period_sums_what_is_known_and_counts_what_is_not(tmp_path, prices):
    from console.calls.figures import figures
    from console.calls.search import Filter

    day = date(2026, 11, 29)
    common = {"started": 1.0, "day": day.isoformat(), "duration_s": 60.0}
    rows = [Row("a", cost_usd=0.5, **common), Row("b", cost_usd=0.25, **common), Row("c", **common)]
    index = indexed(tmp_path, prices, *rows)
    with index.reading() as connection:
        columns = index.columns(connection)
        found = figures(columns, columns.of(connection, Filter()))
    without = Costing(prices).of_period(found, Costing(prices).shares(columns, day))
    shares = Costing(prices, "aws").shares(columns, day)
    assert (without["cost"], without["cost_unknown"]) == (0.75 * 85, 1)
    assert shares.how.startswith("of 3 calls with 3 minutes")
    whole = Costing(prices, "aws").of_period(found, shares)
    assert whole["cost"] == pytest.approx((0.75 + 3 * shares.call_usd + 3 * shares.minute_usd) * 85, abs=0.01)
    assert Costing(prices).of_period({**found, "cost_unknown": 3}, None)["cost"] is None


def test_other_prices_make_the_index_anew(tmp_path, prices):
    """Its rows hold costs by the prices of before."""
    first = indexed(tmp_path, prices, Row("a", cost_usd=0.5))
    assert len(Index("file:x", tmp_path, prices).known()) == 1
    assert Index("file:x", tmp_path, load()).known() == {}
    assert first.path.exists()
