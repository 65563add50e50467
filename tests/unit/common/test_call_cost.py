"""What a call costs, part by part: which price is taken, how it is said, and what is not known."""

from datetime import date

import pytest

from common.call_cost import Part, agent_part, cloud_part, cost_of, exotel_part, quote, quoted, told, total
from common.prices import Currency, Price, Prices


def price(usd: float, day: int = 10, *, verified: bool = False) -> Price:
    return Price(usd, "", "", date(2026, 11, day), "", verified)


def prices(**sections: float) -> Prices:
    """A price of a minute for each."""
    return Prices({name: {"minute": price(usd)} for name, usd in sections.items()}, Currency())


def at(second: int) -> str:
    return f"2026-11-23T10:{second // 60:02}:{second % 60:02}Z"


def agent(vendor: str, start: int, end: int | None, conversation_id: str = "") -> dict:
    ended = {"ended_at": at(end)} if end is not None else {}
    return {"vendor": vendor, "conversation_id": conversation_id, "started_at": at(start), **ended}


BY = "by a price of 2026-11-10, not checked against a bill"


def test_which_price_it_was():
    assert told(price(1, 3)) == "by a price of 2026-11-03, not checked against a bill"
    assert told(price(1, 3, verified=True)) == "by a price of 2026-11-03, checked"


# --- the agent ---


def test_an_agent_costs_its_minutes_by_its_vendors_price():
    found = agent_part({"agents": [agent("openai", 0, 90)]}, prices(openai=0.1, exotel=9))
    assert found.name == "agent"
    assert found.usd == pytest.approx(0.15)
    assert found.how == f"1.50 min of openai × 0.1 USD, {BY}"
    assert found.prices == (price(0.1),)


def test_a_price_of_your_own_for_an_agent_wins():
    assert agent_part({"agents": [agent("openai", 0, 60)]}, prices(openai=0.1, agent=0.3)).usd == pytest.approx(0.3)


def test_agents_add_up_and_what_a_vendor_said_counts_instead():
    record = {
        "agents": [agent("openai", 0, 60, "c1"), agent("gemini", 60, 180, "c2"), agent("openai", 180, 240, "c3")],
        "charges": [{"conversation_id": "c2", "usd": 0.5}],
    }
    found = agent_part(record, prices(openai=0.1))
    assert found.usd == pytest.approx(0.7)
    hows = [f"1.00 min of openai × 0.1 USD, {BY}", "0.5 USD, as gemini says", f"1.00 min of openai × 0.1 USD, {BY}"]
    assert found.how == "; ".join(hows)
    assert found.prices == (price(0.1), price(0.1))


@pytest.mark.parametrize(
    ("record", "usd", "how"),
    [
        ({}, 0, "no agent had the call"),
        ({"agents": [agent("", 0, 60)]}, None, "there is no price for a minute of this agent"),
        ({"agents": [agent("bot", 0, 60)]}, None, "there is no price for a minute of bot"),
        ({"agents": [agent("openai", 0, None)]}, None, "how long the agent had the call is not known"),
        ({"agents": [agent("openai", 0, None)], "duration_s": 30}, 0.05, f"0.50 min of openai × 0.1 USD, {BY}"),
        (
            {"agents": [agent("openai", 0, None), agent("openai", 30, 60)], "duration_s": 60},
            *(None, "how long the agent had the call is not known"),
        ),
        ({"agents": [agent("openai", 60, 0)]}, 0, f"0.00 min of openai × 0.1 USD, {BY}"),
        ({"agent": {"vendor": "openai"}, "duration_s": 120}, 0.2, f"2.00 min of openai × 0.1 USD, {BY}"),
        (
            {"agent": {"vendor": "x"}, "conversation_id": "c", "charges": [{"conversation_id": "c", "usd": 2}]},
            *(2, "2 USD, as x says"),
        ),
    ],
)
def test_what_the_record_leaves_open_is_said(record, usd, how):
    found = agent_part(record, prices(openai=0.1))
    assert (found.usd if usd is None else pytest.approx(usd) == found.usd, found.how) == (
        usd if usd is None else True,
        how,
    )


# --- Exotel ---


@pytest.mark.parametrize(
    ("record", "minutes", "legs"),
    [
        ({"duration_s": 60}, 1, ""),
        ({"duration_s": 60.1}, 2, ""),
        ({"duration_s": 0}, 0, ""),
        ({"duration_s": 50, "transfer": {"attempts": [{"duration_s": 0}, {}]}}, 1, ""),
        (
            {"duration_s": 50, "transfer": {"attempts": [{"duration_s": 61}]}},
            *(4, ", both legs of the transfer with them"),
        ),
        (
            {"duration_s": 50, "transfer": {"attempts": [{"duration_s": 5}, {"duration_s": 61}]}},
            *(5, ", both legs of the transfer with them"),
        ),
    ],
)
def test_exotel_counts_started_minutes_of_both_legs(record, minutes, legs):
    found = exotel_part(record, prices(exotel=0.01, exotel_list=9))
    assert found == Part(
        "exotel", pytest.approx(minutes * 0.01), f"{minutes} started minutes{legs} × 0.01 USD, {BY}", (price(0.01),)
    )


def test_without_a_price_of_your_own_exotels_list_counts():
    assert exotel_part({"duration_s": 60}, prices(exotel_list=0.02)).usd == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("record", "how"),
    [({"duration_s": 60}, "there is no price for a minute of Exotel"), ({}, "how long the call lasted is not known")],
)
def test_what_is_not_known_of_exotel(record, how):
    assert exotel_part(record, prices(openai=1)) == Part("exotel", None, how)


# --- the cloud ---


def cloud(*names: str) -> Prices:
    known = {"call": price(0.001, 20, verified=True), "minute": price(0.002, 5)}
    return Prices({"cloud": {name: known[name] for name in names}}, Currency())


def test_the_cloud_costs_a_price_per_call_and_one_per_minute():
    by = "by a price of 2026-11-05, not checked against a bill"
    assert cloud_part({"duration_s": 90}, cloud("call", "minute")) == Part(
        *("cloud", pytest.approx(0.004), f"0.001 USD a call + 1.50 min × 0.002 USD, {by}"),
        (price(0.001, 20, verified=True), price(0.002, 5)),
    )


@pytest.mark.parametrize("known", [(), ("call",), ("minute",)])
def test_without_both_prices_the_cloud_is_not_known(known):
    why = "the price file has no [cloud] with call and minute"
    assert cloud_part({"duration_s": 90}, cloud(*known)) == Part("cloud", None, why)
    assert cloud_part({}, cloud("call", "minute")) == Part("cloud", None, "how long the call lasted is not known")


# --- all of it ---

RUPEES = Currency("INR", 80.0, date(2026, 11, 1))
ALL = Prices(
    {
        "openai": {"minute": price(0.1, 12)},
        "exotel": {"minute": price(0.01, 11, verified=True)},
        "cloud": {"call": price(0.001, 20), "minute": price(0.002, 15)},
        "nobody": {"minute": price(7)},
    },
    RUPEES,
)
CALL = {"agents": [agent("openai", 0, 60)], "duration_s": 60}


def test_a_quote_is_what_the_cost_needs_and_comes_back_as_it_was():
    kept = quote(ALL)
    assert kept["currency"] == {"code": "INR", "per_usd": 80.0, "date": "2026-11-01"}
    assert kept["prices"]["exotel"] == {"minute": {"usd": 0.01, "date": "2026-11-11", "verified": True}}
    assert kept["prices"].keys() == {"openai", "exotel", "cloud"}
    sections = {name: section for name, section in ALL.sections.items() if name != "nobody"}
    assert quoted(kept) == Prices(sections, RUPEES)


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"prices": 5, "currency": 5},
        {"prices": {"openai": {"minute": {"usd": "x", "date": "2026-11-11"}}}},
        {"prices": {"openai": {"minute": {"usd": 1}}}},
        {"prices": {"openai": {"minute": {"usd": 1, "date": "soon"}}}, "currency": {"code": "INR"}},
        {"currency": {"per_usd": 80.0}},
    ],
)
def test_what_can_not_be_read_of_a_quote_is_unknown(kept):
    assert quoted(kept) == Prices({}, Currency())


def test_a_cost_is_in_the_users_currency_with_each_part_and_how_it_was_found():
    found = cost_of(CALL, quote(ALL))
    how = found.pop("how")
    assert found == {
        **{"currency": "INR", "per_usd": 80.0, "vendor": 8.0, "exotel": 0.8, "cloud": 0.24},
        **{"total": 9.04, "known": 9.04, "unknown": [], "priced_at": "2026-11-01"},
    }
    assert how.keys() == {"vendor", "exotel", "cloud"}
    assert how["vendor"].startswith("1.00 min of openai × 0.1 USD")


def test_what_is_unknown_leaves_the_total_open():
    some = Prices({"exotel": {"minute": price(0.01, 11)}}, Currency())
    found = cost_of(CALL, quote(some))
    how = found.pop("how")
    assert found == {
        **{"currency": "USD", "per_usd": 1.0, "vendor": None, "exotel": 0.01, "cloud": None},
        **{"total": None, "known": 0.01, "unknown": ["vendor", "cloud"], "priced_at": "2026-11-11"},
    }
    assert how["vendor"] == "there is no price for a minute of openai"


def test_parts_add_up_if_all_are_known():
    assert total([Part("a", 0.1, ""), Part("b", 0.2, "")]) == 0.3
    assert total([Part("a", 0.1, ""), Part("b", None, "")]) is None
    assert total([]) == 0
