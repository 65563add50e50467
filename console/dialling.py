"""Which numbers may be dialled: real ones, in allowed countries, and none that cost extra.

`phonenumbers` (Google's libphonenumber) knows whether a number can exist in its country's plan, which country that is,
and what kind of number it is.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

from common.env import Env, SettingError

_COSTLY: Final[Mapping[int, str]] = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number, which is charged like a premium one",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}
_NO_COUNTRY: Final = "001"
"""How `phonenumbers` names what belongs to no country: satellites, international networks."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """`countries`: ISO 3166 codes that may be dialled; empty: all countries, but still no number that costs extra."""

    countries: frozenset[str] = frozenset()

    @classmethod
    def from_env(cls, environ: Mapping[str, str], caller_id: str = "") -> "Dialling":
        """`COUNTRIES` (`IN,AE`), else the country of `caller_id`, a number in E.164. Raises SettingError."""
        env = Env(environ)
        given = env.text("COUNTRIES")
        if not given:
            own = country_of(caller_id)
            return cls(frozenset({own}) if own else frozenset())
        names = frozenset(name.strip().upper() for name in given.split(",") if name.strip())
        if unknown := sorted(names - phonenumbers.SUPPORTED_REGIONS):
            raise SettingError("COUNTRIES", given, f"codes of countries such as IN,AE ({unknown[0]} is none)")
        return cls(names)

    def check(self, number: str) -> None:
        """`number` in E.164. Raises ValueError with a reason that does not contain it."""
        try:
            parsed = phonenumbers.parse(number)
        except phonenumbers.NumberParseException:
            raise ValueError("not a number of any country's plan") from None
        region = phonenumbers.region_code_for_number(parsed)
        if region == _NO_COUNTRY:
            raise ValueError("a satellite or international network's number, which costs dollars a minute")
        if region is None or not phonenumbers.is_valid_number(parsed):
            raise ValueError("not a number that exists in its country's plan")
        if costly := _COSTLY.get(phonenumbers.number_type(parsed)):
            raise ValueError(f"{costly}: those are never dialled")
        if self.countries and region not in self.countries:
            allowed = ",".join(sorted(self.countries))
            raise ValueError(f"a number of {region}; allowed: {allowed} (COUNTRIES={allowed},{region} would allow it)")


def country_of(number: str) -> str:
    """The ISO 3166 code of a number in E.164; empty if it belongs to no country's plan."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ""
    return region if region and region != _NO_COUNTRY else ""


def by_country(numbers: Iterable[str]) -> Mapping[str, int]:
    """How many numbers each country has, the largest first."""
    counted: dict[str, int] = {}
    for number in numbers:
        country = country_of(number) or "?"
        counted[country] = counted.get(country, 0) + 1
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def check_all(targets: Mapping[str, Collection[str]], dialling: Dialling) -> list[str]:
    """Errors in the numbers of named targets, one line each, which names the target and no number."""
    wrong = []
    for name, numbers in targets.items():
        for number in numbers:
            try:
                dialling.check(number)
            except ValueError as error:
                wrong.append(f"{name}: a number is {error}")
    return wrong
