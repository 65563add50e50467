"""What a call cost: by what its vendor said, else by prices with a date; what is not known says so."""

from datetime import date
from pathlib import Path

import pytest

from common.prices import Prices, load
from console.calls.costing import Costing
from console.calls.index import Index
from console.calls.rows import Row
from console.costs.load import Measured
from console.costs.of_call import Shares, as_object, minutes_usd, parts_of, shares_of

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


def test_other_prices_rebuild_the_index(tmp_path, prices):
    """Its rows hold costs by the prices of before."""
    first = indexed(tmp_path, prices, Row("a", cost_usd=0.5))
    assert len(Index("file:x", tmp_path, prices).known()) == 1
    assert Index("file:x", tmp_path, load()).known() == {}
    assert first.path.exists()


def costed(**more):
    """A record with a cost of its own, which no price file here would come to."""
    how = {"vendor": "as it was priced then", "exotel": "also", "cloud": "also"}
    cost = {"currency": "INR", "per_usd": 80.0, "vendor": 8.0, "exotel": 4.0, "cloud": None, "how": how, **more}
    return record(cost=cost)


def test_what_the_record_says_is_shown_as_it_says_it(prices):
    """At the dollar's rate of today it would be another amount."""
    shown = as_object(parts_of(costed(), prices, Shares(0.001, 0.002, "of a month")), prices)
    amounts = {part["name"]: part["amount"] for part in shown["parts"]}
    assert (amounts["agent"], amounts["exotel"]) == (8.0, 4.0)
    assert (amounts["functions"], amounts["relay"]) == (pytest.approx(0.085), pytest.approx(0.425))
    assert shown["parts"][0]["how"] == "as it was priced then"
    whole = as_object(parts_of(costed(cloud=1.0), prices, Shares(0.001, 0.002, "of a month")), prices)
    assert [(part["name"], part["amount"]) for part in whole["parts"]][2:] == [("cloud", 1.0)]
    assert whole["total"] == 13.0
    assert minutes_usd(costed(), prices) == pytest.approx(12 / 85, abs=1e-6)


def test_a_record_in_another_currency_is_told_in_the_explorers(prices):
    shown = as_object(parts_of(costed(currency="EUR", per_usd=0.8, cloud=1.0), prices), prices)
    assert (shown["currency"], shown["total"]) == ("INR", pytest.approx(13 / 0.8 * 85))


def test_what_a_record_does_not_know_is_not_made_up(prices):
    assert told(costed(vendor=None), prices)["agent"] == (None, "as it was priced then")
    assert minutes_usd(costed(vendor=None), prices) is None
    assert minutes_usd(costed(currency="EUR", per_usd=None), prices) is None


def test_the_price_files_cloud_is_the_share_where_no_cloud_is_named(tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text(
        '[cloud]\ndate = 2026-11-29\nsource = "make plan"\n[cloud.prices]\n'
        'call = { value = 0.004, unit = "call" }\nminute = { value = 0.008, unit = "minute" }\n'
    )
    shares = Costing(load(file)).shares(None, date(2026, 11, 29))
    assert (shares.call_usd, shares.minute_usd) == (0.004, 0.008)
    assert told(record(), load(file), shares)["relay"][0] == pytest.approx(2.5 * 0.008)
    assert Costing(load()).shares(None, date(2026, 11, 29)) is None
