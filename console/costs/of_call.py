"""The cost of a call for the explorer: from its record, else computed here (common.call_cost).

Functions and relay: from the record. Else, if the cloud is known, the planner's cost of a month with the load of the
last thirty days, shared by call and by minute; else the prices per call and per minute in [cloud] of the price file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.call_cost import Part, agent_part, exotel_part, told, total
from common.documents import Document, mapping, number, text
from common.prices import CLOUD, Currency, Prices
from console.costs.cost import MINUTES, Plan, plan_aws, plan_gcp
from console.costs.load import Load, Measured, busiest_moment

CLOUDS: Final = {"aws": plan_aws, "gcp": plan_gcp}
LOAD_DAYS: Final = 30
_BY_MINUTE: Final = frozenset({"relay", "balancer", "traffic"})
"""Parts of a plan's bill that grow with minutes; the others, functions to secrets, are shared by calls."""
_BUSY_SHARE, _BUSY_DAYS = 0.15, 22
_LONGEST_CALL_MIN: Final = 60.0
_RECORDED: Final = {"vendor": "agent", "exotel": "exotel"}
"""A part's name in a record → its name here."""


@dataclass(frozen=True, slots=True)
class Shares:
    """A call's share of the functions and a minute's share of the relay, in dollars. `how`: for which load."""

    call_usd: float
    minute_usd: float
    how: str


def parts_of(record: Document, prices: Prices, shares: Shares | None = None) -> list[Part]:
    """Agent and Exotel, then functions and relay, which are unknown without `shares`. If the record has its cost, that
    is used, at the record's exchange rate, so that the explorer shows the same amounts; its `cloud` stands for both."""
    minutes = (number(record, "duration_s") or 0.0) / 60
    over = bool(text(record, "ended_at"))
    if cost := mapping(record, "cost"):
        found = [_of_record(cost, said, name, prices.currency) for said, name in _RECORDED.items()]
        if (cloud := _of_record(cost, CLOUD, CLOUD, prices.currency)).usd is not None:
            return [*found, cloud]
    else:
        found = [agent_part(record, prices), exotel_part(record, prices)]
    why = "the cloud is not known: say --cloud aws or gcp" if over else "the call is not over"
    for name, usd in (
        ("functions", shares.call_usd if shares else None),
        ("relay", shares.minute_usd * minutes if shares else None),
    ):
        known = shares is not None and over
        found.append(Part(name, usd if known else None, f"share {shares.how}" if shares and known else why))
    return found


def minutes_usd(record: Document, prices: Prices) -> float | None:
    """Agent and Exotel together; None if either is unknown. For a record that has its cost, at the record's rate."""
    return total(parts_of(record, prices)[:2])


def _of_record(cost: Document, said: str, name: str, money: Currency) -> Part:
    """A part of the record's cost, in dollars that give the record's amount again when shown in its currency, although
    the record was priced at the exchange rate of another day."""
    amount, how = number(cost, said), text(cost, "how", said)
    rate = money.per_usd if text(cost, "currency") == money.code else number(cost, "per_usd") or 0.0
    return Part(name, amount / rate if amount is not None and rate > 0 else None, how)


def shares_of(cloud: str, calls: int, minutes: float, prices: Prices, measured: Measured) -> Shares | None:
    """The shares for a month with this many calls and minutes; None without any, or if no relay can carry the load."""
    if not calls or minutes <= 0:
        return None
    each = min(_LONGEST_CALL_MIN, minutes / calls)
    try:
        at_once = busiest_moment(calls, each, _BUSY_DAYS, _BUSY_SHARE)
        plan: Plan = CLOUDS[cloud](Load(at_once, minutes, call_minutes=each), measured, prices)
    except ValueError:
        return None
    priced = told(prices.of(cloud, "bucket_gib"))
    how = f"of {calls:,} calls with {minutes:,.0f} minutes in {LOAD_DAYS} days on {cloud}, {priced}"
    return Shares(*shares_of_plan(plan, calls, minutes), how)


def shares_of_plan(plan: Plan, calls: float, minutes: float) -> tuple[float, float]:
    """A month's infrastructure cost per call and per minute, as in [cloud] of a price file."""
    by_part = {part: usd for part, usd in plan.by_part().items() if part not in MINUTES}
    relay = sum(usd for part, usd in by_part.items() if part in _BY_MINUTE)
    return (sum(by_part.values()) - relay) / calls, relay / minutes


def shares_by_price(prices: Prices) -> Shares | None:
    """The shares from [cloud] of the price file; None if it has none."""
    section = prices.sections.get(CLOUD, {})
    call, minute = section.get("call"), section.get("minute")
    return Shares(call.value, minute.value, told(call)) if call and minute else None


def as_object(parts: list[Part], prices: Prices) -> Mapping[str, Any]:
    """For a page, in the price file's currency. `total`: None if a part is unknown."""
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
