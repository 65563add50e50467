"""Costs for the explorer's pages: one call by its parts, and the total of a period."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from common.prices import Prices, load
from console.calls.columns import Columns
from console.costs.load import Measured
from console.costs.of_call import LOAD_DAYS, Shares, as_object, parts_of, shares_by_price, shares_of


@dataclass(frozen=True, slots=True)
class Costing:
    """`cloud`: where functions and relay run, aws or gcp; empty if unknown, and then their share is unknown, too."""

    prices: Prices = field(default_factory=load)
    cloud: str = ""
    measured: Measured = field(default_factory=Measured.read)

    def shares(self, columns: Columns, today: date) -> Shares | None:
        """From the load of the last thirty days, without a cloud from the price file; None if neither is possible."""
        if not self.cloud:
            return shares_by_price(self.prices)
        now = today.toordinal()
        lately = (columns.day > now - LOAD_DAYS) & (columns.day <= now)
        minutes = float(columns.numbers["duration_s"][lately].sum()) / 60
        return shares_of(self.cloud, int(lately.sum()), minutes, self.prices, self.measured)

    def of_call(self, record: Mapping[str, Any], shares: Shares | None) -> Mapping[str, Any]:
        """See console.costs.of_call.as_object."""
        return as_object(parts_of(dict(record), self.prices, shares), self.prices)

    def of_period(self, figures: Mapping[str, float | None], shares: Shares | None) -> dict[str, float | None]:
        """Adds `cost`: in the price file's currency, for the calls whose cost is known; None if there are none."""
        calls, unknown = figures["calls"] or 0.0, figures["cost_unknown"] or 0.0
        usd = figures["cost_usd"] or 0.0
        if shares:
            usd += shares.call_usd * calls + shares.minute_usd * (figures["minutes"] or 0.0)
        known = calls > unknown
        return {**figures, "cost": round(usd * self.prices.currency.per_usd, 2) if known else None}
