"""What a call cost: the agent, Exotel's minutes, its share of functions and relay; what is not known says so.

The agent: as its vendor said (`charges` of the record), else minutes by a price. Exotel: started minutes, of a
transfer's leg, too. Functions and relay: what the planner says of a month with the load of the last thirty days, by
call and by minute; only where it is known on which cloud they run.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.documents import Document, mapping, number, objects, text
from common.times import to_unix
from console.costs.cost import MINUTES, Plan, plan_aws, plan_gcp
from console.costs.load import Load, Measured, busiest_moment
from console.costs.prices import Price, Prices

CLOUDS: Final = {"aws": plan_aws, "gcp": plan_gcp}
LOAD_DAYS: Final = 30
_BY_MINUTE: Final = frozenset({"relay", "balancer", "traffic"})
"""Parts of a plan's bill that grow with minutes; the others, functions to secrets, are shared by calls."""
_BUSY_SHARE, _BUSY_DAYS = 0.15, 22
_LONGEST_CALL_MIN: Final = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """`usd` None: not known; `how` says how it came about, or why it is not known."""

    name: str
    usd: float | None
    how: str


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the functions a call, of the relay a minute, in dollars. `how`: of which load."""

    call_usd: float
    minute_usd: float
    how: str


def parts_of(record: Document, prices: Prices, shares: Shares | None = None) -> list[Part]:
    """Agent and Exotel; with `shares` functions and relay too, else as not known."""
    minutes = (number(record, "duration_s") or 0.0) / 60
    over = bool(text(record, "ended_at"))
    found = [_agent(record, prices), _exotel(record, prices)]
    why = "the cloud is not known: say --cloud aws or gcp" if over else "the call is not over"
    for name, usd in (
        ("functions", shares.call_usd if shares else None),
        ("relay", shares.minute_usd * minutes if shares else None),
    ):
        known = shares is not None and over
        found.append(Part(name, usd if known else None, f"share {shares.how}" if shares and known else why))
    return found


def minutes_usd(record: Document, prices: Prices) -> float | None:
    """Agent and Exotel together; None where either is not known."""
    known = [part.usd for part in (_agent(record, prices), _exotel(record, prices))]
    return None if None in known else round(sum(usd for usd in known if usd is not None), 6)


def shares_of(cloud: str, calls: int, minutes: float, prices: Prices, measured: Measured) -> Shares | None:
    """Of a month with so many calls and minutes; None without any, or for what no relay could have carried."""
    if not calls or minutes <= 0:
        return None
    each = min(_LONGEST_CALL_MIN, minutes / calls)
    try:
        at_once = busiest_moment(calls, each, _BUSY_DAYS, _BUSY_SHARE)
        plan: Plan = CLOUDS[cloud](Load(at_once, minutes, call_minutes=each), measured, prices)
    except ValueError:
        return None
    by_part = {part: usd for part, usd in plan.by_part().items() if part not in MINUTES}
    relay = sum(usd for part, usd in by_part.items() if part in _BY_MINUTE)
    priced = _told(prices.of(cloud, "bucket_gib"))
    how = f"of {calls:,} calls with {minutes:,.0f} minutes in {LOAD_DAYS} days on {cloud}, {priced}"
    return Shares((sum(by_part.values()) - relay) / calls, relay / minutes, how)


def as_object(parts: list[Part], prices: Prices) -> Mapping[str, Any]:
    """For a page, in the price file's currency. `total` None while a part is not known."""
    money = prices.currency
    usd = [part.usd for part in parts if part.usd is not None]
    return {
        "currency": money.code,
        "total": round(sum(usd) * money.per_usd, 4) if len(usd) == len(parts) else None,
        "known": round(sum(usd) * money.per_usd, 4),
        "parts": [
            {
                "name": part.name,
                "amount": None if part.usd is None else round(part.usd * money.per_usd, 4),
                "how": part.how,
            }
            for part in parts
        ],
    }


def _agent(record: Document, prices: Prices) -> Part:
    said = {text(one, "conversation_id"): number(one, "usd") for one in objects(record, "charges")}
    usd, hows = 0.0, []
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
        hows.append(f"{seconds / 60:.2f} min of {vendor} × {price.value:g} USD, {_told(price)}")
    return Part("agent", usd, "; ".join(hows) or "no agent had the call")


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


def _exotel(record: Document, prices: Prices) -> Part:
    duration = number(record, "duration_s")
    if duration is None:
        return Part("exotel", None, "how long the call lasted is not known")
    price = prices.minute("exotel") or prices.minute("exotel_list")
    if price is None:
        return Part("exotel", None, "there is no price for a minute of Exotel")
    talks = [number(attempt, "duration_s") or 0.0 for attempt in objects(record, "transfer", "attempts")]
    started = math.ceil((duration + sum(talks)) / 60) + sum(math.ceil(talk / 60) for talk in talks)
    legs = ", both legs of the transfer with them" if any(talks) else ""
    how = f"{started} started minutes{legs} × {price.value:g} USD, {_told(price)}"
    return Part("exotel", started * price.value, how)


def _told(price: Price) -> str:
    checked = "checked" if price.verified else "not checked against a bill"
    return f"by a price of {price.date}, {checked}"
