"""The price file: every price with its unit, region, date and source, and whether it was checked."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

DEFAULT = Path(__file__).parent / "prices.toml"
CLOUD = "cloud"
"""The section with the prices of functions and relay, per call and per minute. `make plan` computes them."""
OWN = {"exotel": ("minute",), "agent": ("minute",), CLOUD: ("call", "minute")}
"""Sections that are empty until a user enters their own prices, and the names that may be in each."""
VENDORS = ("elevenlabs", "openai", "deepgram", "gemini")
"""Sections with a vendor's list price of a minute, used where `agent` has none."""
CURRENCY = "currency"
"""The section with the currency in which costs of calls are shown; prices are in dollars."""
_NOTES = {"region": str, "date": date, "source": str, "verified": bool}
_KEYS = {"value", "unit", "free", *_NOTES}


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per `unit`; the first `free` units of a month are free, once per account."""

    value: float
    unit: str
    region: str
    date: date
    source: str
    verified: bool
    free: float = 0.0


@dataclass(frozen=True, slots=True)
class Currency:
    """`code` in ISO 4217; `per_usd` of it were worth one dollar on `day`."""

    code: str = "USD"
    per_usd: float = 1.0
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """Section (aws, gcp, exotel, agent) → name → price."""

    sections: Mapping[str, Mapping[str, Price]]
    currency: Currency = Currency()

    def of(self, section: str, name: str) -> Price:
        """A price that the planner needs."""
        return self.sections[section][name]

    def minute(self, section: str) -> Price | None:
        """The price of a minute of Exotel or of the agent's vendor, if the file has it."""
        return self.sections.get(section, {}).get("minute")

    def all(self) -> Iterator[tuple[str, Price]]:
        """(`section.name`, price)."""
        for section, prices in self.sections.items():
            for name, price in prices.items():
                yield f"{section}.{name}", price


def load(path: Path | None = None) -> Prices:
    """The default prices, replaced by those in the file `path`, if any. Raises ValueError that names the price."""
    return of_text(_text(path), str(path)) if path else of_text("", "")


def of_text(given_text: str, path: str) -> Prices:
    """As `load`, from a price file's text; `path`: its name in errors."""
    ours = _parsed(_text(DEFAULT), str(DEFAULT))
    sections = {name: _section(str(DEFAULT), name, table, {}) for name, table in ours.items()}
    given_file = dict(_parsed(given_text, path))
    currency = _currency(f"{path}: {CURRENCY}", given_file.pop(CURRENCY)) if CURRENCY in given_file else Currency()
    for name, table in given_file.items():
        known = sections.get(name, {})
        if name not in sections and name not in OWN:
            raise ValueError(f"{path}: [{name}] is not known: expected {', '.join((*sections, *OWN, CURRENCY))}")
        notes = {key: ours.get(name, {}).get(key) for key in _NOTES}
        given = _section(path, name, table, {key: value for key, value in notes.items() if value is not None})
        expected = OWN.get(name) or tuple(known)
        if unknown := sorted(set(given) - set(expected)):
            raise ValueError(f"{path}: {name}.{unknown[0]} is not known: expected {', '.join(expected)}")
        sections[name] = {**known, **given}
    return Prices(sections, currency)


def _currency(where: str, table: object) -> Currency:
    expected = 'expected code = "INR", per_usd = 85.0, date = 2026-11-29'
    if not isinstance(table, dict) or set(table) != {"code", "per_usd", "date"}:
        raise ValueError(f"{where}: {expected}")
    code, rate, day = table["code"], table["per_usd"], table["date"]
    if not (isinstance(code, str) and len(code) == 3 and code.isascii() and code.isupper()):
        raise ValueError(f"{where}: code = {code!r}: {expected}")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 1e9:
        raise ValueError(f"{where}: per_usd = {rate!r}: {expected}")
    if not isinstance(day, date):
        raise ValueError(f"{where}: date = {day!r}: {expected}")
    return Currency(code, float(rate), day)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: {error}") from None


def _parsed(given: str, path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(given)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None


def _section(path: str, name: str, table: object, inherited: Mapping[str, Any]) -> dict[str, Price]:
    """`[name]` may give region, date, source and verified for all of `[name.prices]`; a price may give its own."""
    if not isinstance(table, dict):
        raise ValueError(f"{path}: {name}: expected a table")
    if unknown := sorted(set(table) - {"prices", *_NOTES}):
        raise ValueError(f"{path}: {name}.{unknown[0]} is not known: expected prices, {', '.join(_NOTES)}")
    # A user's price must not appear with our date and source.
    notes = {**inherited, **({"source": path, "verified": False} if inherited else {})}
    notes |= {key: value for key, value in table.items() if key in _NOTES}
    prices = table.get("prices", {})
    if not isinstance(prices, dict):
        raise ValueError(f"{path}: {name}.prices: expected a table")
    return {key: _price(f"{path}: {name}.{key}", price, notes) for key, price in prices.items()}


def _price(where: str, given: object, notes: Mapping[str, Any]) -> Price:
    if not isinstance(given, dict):
        raise ValueError(f'{where}: expected {{ value = 0.01, unit = "…" }}')
    if unknown := sorted(set(given) - _KEYS):
        raise ValueError(f"{where}: {unknown[0]} is not known: expected {', '.join(sorted(_KEYS))}")
    whole = {"verified": False, "region": "", "source": "", "free": 0, **notes, **given}
    for key in ("value", "free"):
        amount = whole.get(key)
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < 1e9:
            raise ValueError(f"{where}: {key} = {amount!r}: expected a number of dollars or units, 0 or more")
    for key, kind in {"unit": str, **_NOTES}.items():
        if not isinstance(whole.get(key), kind):
            raise ValueError(f"{where}: {key} = {whole.get(key)!r}: expected a {kind.__name__}")
    return Price(
        float(whole["value"]),
        whole["unit"],
        whole["region"],
        whole["date"],
        whole["source"],
        whole["verified"],
        float(whole["free"]),
    )
