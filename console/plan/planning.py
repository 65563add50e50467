"""A plan as an object, for programs and for the page, calculated in the same way as the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.prices import Prices
from console.costs.cost import Plan
from console.costs.load import Load, Measured
from console.plan.plot import Planner
from console.plan.words import NAMES, advice, agent_sessions, assumptions, egress_mbit


@dataclass(frozen=True, slots=True)
class Planning:
    """Everything needed to plan a load. `of_clouds`: cloud → its planner."""

    measured: Measured
    prices: Prices
    of_clouds: Mapping[str, Planner]


def as_object(wanted: Load, planning: Planning, plans: Sequence[Plan]) -> Mapping[str, object]:
    """The object of `--json`."""
    return {
        "calls_a_month": round(wanted.calls_a_month),
        "call_minutes": wanted.call_minutes,
        "calls": wanted.calls,
        "minutes": wanted.minutes,
        "vendor": wanted.vendor or None,
        "agent_sessions": agent_sessions(wanted),
        "exotel_streams": wanted.calls,
        "egress_mbit_s": round(egress_mbit(wanted, planning.measured), 1),
        "clouds": {plan.cloud: _cloud(plan, wanted) for plan in plans},
        "assumptions": list(assumptions(wanted, planning.measured, planning.prices)),
        "prices": {
            name: {
                "usd": price.value,
                "unit": price.unit,
                "region": price.region,
                "date": str(price.date),
                "source": price.source,
                "verified": price.verified,
            }
            for name, price in planning.prices.all()
        },
    }


def _cloud(plan: Plan, wanted: Load) -> Mapping[str, object]:
    return {
        "name": NAMES[plan.cloud],
        "relays": plan.sizing.relays,
        "always": plan.sizing.unit.least,
        "decided_by": plan.sizing.decided_by,
        "calls_a_relay": plan.sizing.carries,
        "one_more_at": plan.sizing.one_more_at,
        "cpu_share": round(plan.sizing.cpu_share, 3),
        "memory_mib": round(plan.sizing.memory_mib),
        "usd_a_month": plan.usd,
        "infrastructure_usd_a_month": plan.infrastructure_usd,
        "with_minutes": plan.is_whole,
        "usd_a_minute": a_call_minute(plan, wanted),
        "parts": plan.by_part(),
        "items": [
            {"part": item.part, "what": item.what, "arithmetic": item.arithmetic, "usd": item.usd}
            for item in plan.items
        ],
        "advice": list(advice(plan, wanted)),
    }


def a_call_minute(plan: Plan, wanted: Load) -> float | None:
    """Dollars; None without minutes."""
    return round(plan.usd / wanted.minutes, 5) if wanted.minutes else None
