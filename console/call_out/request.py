"""The request on the command line, checked as a whole before anything is done."""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console
from yarl import URL

from common.env import Env
from common.phone import mask
from console.call_out.campaign import MARK_CHARACTERS
from console.call_out.hours import Hours
from console.call_out.limits import Limits, longest_minutes
from console.call_out.people import Callee, Reading, number_of, read_list, zone, zone_of
from console.dialling import Dialling, by_country
from console.exotel.order import MAX_CUSTOM_FIELD, MAX_TIME_LIMIT_S, Order, stream_url
from console.exotel.pace import per_minute
from console.words import counted

LIST_HOURS = "09:00-21:00"


def everybody(
    options: argparse.Namespace, environ: Mapping[str, str], console: Console
) -> tuple[Sequence[Callee], Mapping[str, Order]]:
    """The people to call, and number → order. Raises ValueError."""
    orders: dict[str, Order] = {}
    template = _template(options, environ)
    common = dict(_pair(text) for text in options.param)

    asked = {"COUNTRIES": options.countries} if options.countries else {}
    dialling = Dialling.from_env({**environ, **asked}, template.caller_id)

    def check(one: Callee) -> None:
        dialling.check(one.number)
        if one.zone is None and options.hours:
            raise ValueError("the time zone is unknown: give --timezone, or a column timezone")
        field = one.custom_field or options.field
        if len(field) > MAX_CUSTOM_FIELD - MARK_CHARACTERS:
            raise ValueError(f"custom_field has {len(field)} characters: {MAX_CUSTOM_FIELD - MARK_CHARACTERS} fit")
        url = stream_url(template.stream_url, {**common, **one.parameters})
        orders.setdefault(one.number, replace(template, number=one.number, stream_url=url, custom_field=field))

    default_zone = zone(options.timezone) if options.timezone else None
    if options.list is None:
        number = number_of(options.number)
        one = Callee(number, zone=zone_of(number, "", default_zone))
        check(one)
        return [one], orders
    options.hours = options.hours or LIST_HOURS
    only = [name.strip() for name in options.columns.split(",") if name.strip()] if options.columns else None
    reading = read_list(options.list, only=only, default_zone=default_zone, check=check)
    _report(reading, options, console)
    return reading.callees, orders


def _template(options: argparse.Namespace, environ: Mapping[str, str]) -> Order:
    """The part that all orders share. Raises ValueError."""
    env = Env(environ)
    caller = options.caller_id or env.required("EXOTEL_CALLER_ID", "the ExoPhone to call from, or --from")
    address = options.stream_url or env.required("EXOTEL_STREAM_URL", "the relay's wss:// URL, or --stream-url")
    try:
        caller_id = number_of(caller)
    except ValueError as error:
        raise ValueError(f"--from ({mask(caller)}): {error}") from None
    stream_url(address, {})
    if not 0 <= options.time_limit <= MAX_TIME_LIMIT_S:
        raise ValueError(f"--time-limit {options.time_limit}: expected 1 to {MAX_TIME_LIMIT_S} seconds")
    if options.status_callback and URL(options.status_callback).scheme not in {"http", "https"}:
        raise ValueError("--status-callback: expected an http:// or https:// URL")
    return Order("", caller_id, address, "", options.record, options.status_callback, options.time_limit)


def limits_of(options: argparse.Namespace, environ: Mapping[str, str], orders: Mapping[str, Order]) -> Limits:
    """Raises ValueError."""
    a_minute, most = per_minute(options.rate), per_minute(options.account_limit)
    if a_minute > most:
        raise ValueError(f"--rate {options.rate} is above the account's limit ({options.account_limit})")
    if options.concurrent < 1:
        raise ValueError(f"--concurrent {options.concurrent}: expected 1 or more")
    hours = Hours.parse(options.hours) if options.hours else None
    minutes = options.max_minutes or Env(environ).number("MAX_MINUTES", default=math.inf, low=1, high=math.inf)
    longest = max(map(longest_minutes, orders.values()))
    if minutes < longest:
        one = f"a single call may last {counted(longest, 'minute')}"
        raise ValueError(f"MAX_MINUTES={minutes:g}: {one}; give --time-limit SECONDS")
    waits = options.outside_hours == "wait"
    return Limits(a_minute, options.concurrent, hours, waits, options.retry_unknown, minutes)


def announced(numbers: Sequence[str], orders: Mapping[str, Order], limits: Limits) -> str:
    """What the calls to `numbers` may amount to, shown before the first of them: by country, and in minutes."""
    countries = ", ".join(f"{country} {count}" for country, count in by_country(numbers).items())
    longest = max(map(longest_minutes, orders.values()))
    most = min(len(numbers) * longest, limits.minutes)
    ceiling = "" if math.isinf(limits.minutes) else f" (MAX_MINUTES={limits.minutes:g})"
    return (
        f"{counted(len(numbers), 'number')} to call: {countries or 'none'}. Each call may last "
        f"{counted(longest, 'minute')}, all together {counted(most, 'minute')}{ceiling}."
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--param {text!r}: expected NAME=VALUE")
    return name, value


def _report(reading: Reading, options: argparse.Namespace, console: Console) -> None:
    """Problems of the list. Raises ValueError if they must be fixed first."""
    errors = Console(stderr=True, highlight=False)
    for bad in reading.bad:
        errors.print(f"call: {options.list}, line {bad.line}: {bad.why}", markup=False, soft_wrap=True)
    if reading.bad and not options.skip_bad:
        raise ValueError(
            f"{counted(len(reading.bad), 'row')} can't be used: correct them, or skip them with --skip-bad"
        )
    for line, first in reading.repeated.items():
        console.print(f"Line {line} has the number of line {first} again: called once.", highlight=False)
    if not reading.callees:
        raise ValueError(f"{options.list} has nobody to call")
