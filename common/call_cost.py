"""The cost of a call: its agent, Exotel's minutes, its share of functions and relay. Unknown parts are marked as such.

The agent: as its vendor reported it (`charges` of the record), else minutes by a price. Exotel: started minutes, also
of a transfer's leg. The cloud: a price per call and one per minute, if the price file has them. A record's cost is
computed with a quote: the prices that were valid when the call ended.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from common.documents import Document, mapping, number, objects, text
from common.prices import CLOUD, OWN, VENDORS, Currency, Price, Prices
from common.times import to_unix

_QUOTED: Final = (*OWN, "exotel_list", *VENDORS)


@dataclass(frozen=True, slots=True)
class Part:
    """`usd`: None if unknown; `how`: how it was computed, or why it is unknown. `prices`: which ones were used."""

    name: str
    usd: float | None
    how: str
    prices: tuple[Price, ...] = ()


def agent_part(record: Document, prices: Prices) -> Part:
    """What the vendors of all agents in the call charge."""
    said = {text(one, "conversation_id"): number(one, "usd") for one in objects(record, "charges")}
    usd, hows, used = 0.0, [], []
    for vendor, conversation_id, seconds in _conversations(record):
        charge = said.get(conversation_id)
        if charge is not None:
            usd += charge
            hows.append(f"{charge:g} USD, as {vendor} says")
            continue
        if seconds is None:
            return Part("agent", None, "how long the agent had the call is not known")
        price = prices.minute("agent") or prices.minute(vendor)
        if price is None:
            return Part("agent", None, f"there is no price for a minute of {vendor or 'this agent'}")
        usd += seconds / 60 * price.value
        used.append(price)
        hows.append(f"{seconds / 60:.2f} min of {vendor} × {price.value:g} USD, {told(price)}")
    return Part("agent", usd, "; ".join(hows) or "no agent had the call", tuple(used))


def exotel_part(record: Document, prices: Prices) -> Part:
    """Started minutes of the call, and of a transfer's leg."""
    duration = number(record, "duration_s")
    if duration is None:
        return Part("exotel", None, "how long the call lasted is not known")
    price = prices.minute("exotel") or prices.minute("exotel_list")
    if price is None:
        return Part("exotel", None, "there is no price for a minute of Exotel")
    talks = [number(attempt, "duration_s") or 0.0 for attempt in objects(record, "transfer", "attempts")]
    started = math.ceil((duration + sum(talks)) / 60) + sum(math.ceil(talk / 60) for talk in talks)
    legs = ", both legs of the transfer with them" if any(talks) else ""
    how = f"{started} started minutes{legs} × {price.value:g} USD, {told(price)}"
    return Part("exotel", started * price.value, how, (price,))


def cloud_part(record: Document, prices: Prices) -> Part:
    """The share of functions and relay, from [cloud] of a price file."""
    section = prices.sections.get(CLOUD, {})
    call, minute = section.get("call"), section.get("minute")
    if call is None or minute is None:
        return Part(CLOUD, None, "the price file has no [cloud] with call and minute")
    duration = number(record, "duration_s")
    if duration is None:
        return Part(CLOUD, None, "how long the call lasted is not known")
    minutes = duration / 60
    how = f"{call.value:g} USD a call + {minutes:.2f} min × {minute.value:g} USD, {told(min(call, minute, key=_day))}"
    return Part(CLOUD, call.value + minutes * minute.value, how, (call, minute))


def quote(prices: Prices) -> Document:
    """The prices that a call's cost needs: stored with the call, so that its cost stays the same when prices change."""
    money = prices.currency
    return {
        "currency": {"code": money.code, "per_usd": money.per_usd, "date": _iso(money.day)},
        "prices": {
            section: {
                name: {"usd": price.value, "date": _iso(price.date), "verified": price.verified}
                for name, price in prices.sections[section].items()
            }
            for section in _QUOTED
            if section in prices.sections
        },
    }


def quoted(kept: Document) -> Prices:
    """The prices of a quote; those that can't be read are unknown."""
    sections: dict[str, dict[str, Price]] = {}
    for section in mapping(kept, "prices"):
        for name, price in mapping(kept, "prices", section).items():
            usd, day = number(price, "usd"), _date(text(price, "date"))
            if usd is not None and day is not None:
                verified = price.get("verified") is True
                sections.setdefault(section, {})[name] = Price(usd, "", "", day, "", verified)
    code, per_usd = text(kept, "currency", "code"), number(kept, "currency", "per_usd")
    money = Currency(code, per_usd, _date(text(kept, "currency", "date"))) if code and per_usd else Currency()
    return Prices(sections, money)


def cost_of(record: Document, kept: Document) -> Document:
    """The record's `cost`, with the prices of a quote (docs/contracts.md)."""
    prices = quoted(kept)
    money = prices.currency
    parts = {
        "vendor": agent_part(record, prices),
        "exotel": exotel_part(record, prices),
        CLOUD: cloud_part(record, prices),
    }
    amounts = {name: _money(part.usd, money) for name, part in parts.items()}
    unknown = [name for name, amount in amounts.items() if amount is None]
    known = round(sum(amount for amount in amounts.values() if amount is not None), 4)
    days = [*(price.date for part in parts.values() for price in part.prices), *filter(None, [money.day])]
    return {
        "currency": money.code,
        "per_usd": money.per_usd,
        **amounts,
        "total": None if unknown else known,
        "known": known,
        "unknown": unknown,
        "how": {name: part.how for name, part in parts.items()},
        "priced_at": _iso(min(days, default=None)),
    }


def told(price: Price) -> str:
    """Which price this is, in words."""
    checked = "checked" if price.verified else "not checked against a bill"
    return f"by a price of {price.date}, {checked}"


def total(parts: Iterable[Part]) -> float | None:
    """US dollars; None if any part is unknown."""
    known = [part.usd for part in parts]
    return None if None in known else round(sum(usd for usd in known if usd is not None), 6)


def _conversations(record: Document) -> Iterator[tuple[str, str, float | None]]:
    """(vendor, conversation, seconds) of each agent the call had."""
    agents = objects(record, "agents")
    for agent in agents:
        began, ended = to_unix(text(agent, "started_at")), to_unix(text(agent, "ended_at"))
        seconds = None if began is None or ended is None else max(0.0, ended - began)
        if seconds is None and len(agents) == 1:
            seconds = number(record, "duration_s")
        yield text(agent, "vendor"), text(agent, "conversation_id"), seconds
    if not agents and (agent := mapping(record, "agent")):
        yield text(agent, "vendor"), text(record, "conversation_id"), number(record, "duration_s")


def _money(usd: float | None, money: Currency) -> float | None:
    return None if usd is None else round(usd * money.per_usd, 4)


def _day(price: Price) -> date:
    return price.date


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date(told_as: Any) -> date | None:
    try:
        return date.fromisoformat(told_as)
    except ValueError:
        return None
