"""How certain a pass rate is, and whether two differ: 95 % intervals by Wilson and Newcombe."""

import math
from dataclasses import dataclass
from typing import Final

_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Rate:
    """`passed` of `runs`; `low` and `high` bound the true rate in 95 of 100 cases (Wilson 1927)."""

    passed: int
    runs: int

    @property
    def value(self) -> float:
        """0.0 to 1.0."""
        return self.passed / self.runs if self.runs else 0.0

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self._interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        if not self.runs:
            return 0.0, 1.0
        share, z2 = self.value, _Z * _Z
        middle = (share + z2 / (2 * self.runs)) / (1 + z2 / self.runs)
        half = _Z * math.sqrt(share * (1 - share) / self.runs + z2 / (4 * self.runs**2)) / (1 + z2 / self.runs)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        return f"{self.passed} of {self.runs} ({self.low:.0%} to {self.high:.0%})"


@dataclass(frozen=True, slots=True)
class Difference:
    """`new` minus `old`, with its interval (Newcombe 1998, method 10)."""

    old: Rate
    new: Rate

    @property
    def value(self) -> float:
        """-1.0 to 1.0."""
        return self.new.value - self.old.value

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        old, new = self.old, self.new
        return self.value - math.hypot(new.value - new.low, old.high - old.value)

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        old, new = self.old, self.new
        return self.value + math.hypot(new.high - new.value, old.value - old.low)

    @property
    def verdict(self) -> str:
        """Better or worse only if chance alone is an unlikely explanation."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no clear difference"
