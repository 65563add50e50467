"""Reads `routes`, `holidays` and `timezone` of AGENTS_FILE, and says what is wrong with them.

timezone = "Asia/Kolkata"          # of hours that name none, and of the days of `holidays`

[holidays]
india = ["2026-01-26", "08-15", "10-02 Gandhi Jayanti"]   # with the year, or each year; or the name of a .txt file

[[routes]]
holidays = "india"                 # on those days
agent = "closed"

[[routes]]
to = ["+918047100002", "+9180471001*"]     # `*`: whatever follows; numbers in any spelling
hours = ["Mon-Fri 09:00-18:30", "Sat 09:00-13:00 Asia/Kolkata"]   # "22:00-06:00" is the night that begins that day
agent = "reception"

[[routes]]
from = "withheld"                  # a caller who shows no number
agent = "careful"

[[routes]]                         # no condition: everything else
agent = "night"
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from common.env import SettingError
from common.phone import to_e164
from relay.agents.routes import WITHHELD, Hours, Route, Routes

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FILE_SUFFIX: Final = ".txt"
LARGEST_FILE: Final = 64 * 1024  # bytes of a file of holidays
_MOST: Final = 200  # routes
_KEYS: Final = ("to", "from", "hours", "holidays", "agent")
_HOURS: Final = re.compile(r"(?:(\S+)\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})(?:\s+(\S+))?")
_DATE: Final = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})(?:\s.*)?")
_PATTERN: Final = re.compile(r"[+0-9][0-9 -]*\*?|\*")
_LIKE_HOURS: Final = '"Mon-Sat 09:00-18:30 Asia/Kolkata"'

ReadFile = Callable[[str], bytes]
"""The content of a file. Raises OSError."""


def read_from_disk(name: str) -> bytes:
    """For files that were not pushed."""
    return Path(name).read_bytes()


class _WrongError(ValueError):
    """An error in the file: the place, and the expected value."""


def read_routes(path: str, content: Mapping[str, Any], agents: Collection[str], read_file: ReadFile) -> Routes:
    """`routes`, `holidays` and `timezone` of an agents' file. Raises SettingError that names the place."""
    try:
        return _routes(content, agents, read_file)
    except _WrongError as problem:
        raise SettingError("AGENTS_FILE", path, str(problem)) from None


def _routes(content: Mapping[str, Any], agents: Collection[str], read_file: ReadFile) -> Routes:
    tables, zone = content.get("routes", []), content.get("timezone")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables) or len(tables) > _MOST:
        raise _WrongError(f"[[routes]] to be tables, {_MOST} at most")
    home = _zone("timezone", zone) if zone is not None else None
    calendars = _calendars(content.get("holidays", {}), read_file)
    return Routes([_route(f"routes[{n}]", table, agents, calendars, home) for n, table in enumerate(tables, 1)])


def _route(
    place: str,
    table: Mapping[str, Any],
    agents: Collection[str],
    calendars: Mapping[str, frozenset[str]],
    home: ZoneInfo | None,
) -> Route:
    for key in table:
        if key not in _KEYS:
            raise _WrongError(f"{place}.{key} to be one of {', '.join(_KEYS)}")
    if not isinstance(agent := table.get("agent"), str) or agent not in agents:
        raise _WrongError(f"{place}.agent to be one of {', '.join(agents)}")
    name = table.get("holidays")
    if name is not None and not (isinstance(name, str) and name in calendars):
        known = ", ".join(calendars) or "a name in [holidays], which has none"
        raise _WrongError(f"{place}.holidays to be one of {known}")
    if name is not None and home is None:
        raise _WrongError('timezone to be named, such as timezone = "Asia/Kolkata": holidays are days somewhere')
    return Route(
        agent,
        to=tuple(_pattern(f"{place}.to", text) for text in _texts(f"{place}.to", table.get("to"))),
        from_=tuple(_pattern(f"{place}.from", text) for text in _texts(f"{place}.from", table.get("from"))),
        hours=tuple(_hours(f"{place}.hours", text, home) for text in _texts(f"{place}.hours", table.get("hours"))),
        holidays=calendars[name] if name is not None else None,
        zone=home if name is not None else None,
    )


def _texts(place: str, value: Any) -> Sequence[str]:
    texts = [value] if isinstance(value, str) else value if value is not None else ()
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise _WrongError(f"{place} to be a text, or several in [ ]")
    if value is not None and not texts:
        raise _WrongError(f"{place} to have one at least, or to be left out")
    return texts


def _pattern(place: str, text: str) -> str:
    """A number as E.164, a prefix followed by `*`, or `withheld`."""
    text = text.strip()
    if text == WITHHELD:
        return text
    if not _PATTERN.fullmatch(text):
        raise _WrongError(f'{place} to be a number like "+918047100002", the beginning of one with *, or "{WITHHELD}"')
    if not text.endswith("*"):
        return to_e164(text) or text
    if text != "*" and not text.startswith("+"):
        raise _WrongError(f'{place} to begin with the country, such as "+9180*": {text} would fit no number')
    return text.replace(" ", "").replace("-", "")


def _hours(place: str, text: str, home: ZoneInfo | None) -> Hours:
    found = _HOURS.fullmatch(text.strip())
    if not found:
        raise _WrongError(f"{place} to be like {_LIKE_HOURS}, not {text!r}")
    days, *clock, zone = found.groups()
    begin_hour, begin_minute, end_hour, end_minute = map(int, clock)
    begin, end = begin_hour * 60 + begin_minute, end_hour * 60 + end_minute
    if begin >= 24 * 60 or end > 24 * 60 or begin_minute > 59 or end_minute > 59 or begin == end:
        raise _WrongError(f"{place} to be from one time of the day to another, not {text!r}")
    where = _zone(place, zone) if zone else home
    if where is None:
        raise _WrongError(f"{place} to name a time zone, such as {_LIKE_HOURS}, or timezone to name it for all")
    return Hours(_days(place, days), begin, end, where)


def _days(place: str, text: str | None) -> frozenset[int]:
    """`Mon-Fri`, `Sat,Sun`, `Fri-Mon`; every day if empty."""
    if text is None:
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.title() not in DAYS or (last or first).title() not in DAYS:
            raise _WrongError(f"{place} to name days like Mon-Fri or Sat,Sun, not {text!r}")
        begin, end = DAYS.index(first.title()), DAYS.index((last or first).title())
        days |= {day % 7 for day in range(begin, end + (7 if end < begin else 0) + 1)}
    return frozenset(days)


def _zone(place: str, name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except Exception:  # noqa: BLE001 - ValueError, KeyError and OSError, as the name goes
        raise _WrongError(f"{place} to name a time zone such as Asia/Kolkata, not {name!r}") from None


def _calendars(tables: Any, read_file: ReadFile) -> dict[str, frozenset[str]]:
    if not isinstance(tables, dict):
        raise _WrongError("[holidays] to be a table of names, each with days or a file")
    return {name: _calendar(f"holidays.{name}", value, read_file) for name, value in tables.items()}


def _calendar(place: str, value: Any, read_file: ReadFile) -> frozenset[str]:
    if isinstance(value, str):
        if not value.endswith(FILE_SUFFIX):
            raise _WrongError(f"{place} to be a list of days, or the name of a {FILE_SUFFIX} file, not {value!r}")
        try:
            content = read_file(value)
        except OSError as error:
            raise _WrongError(f"{place} to name a readable file, not {value!r} ({error.strerror})") from None
        if len(content) > LARGEST_FILE:
            raise _WrongError(f"{place} to name a file of {LARGEST_FILE} bytes at most")
        lines = content.decode(errors="replace").lstrip("\ufeff").splitlines()
        value = [line for text in lines if (line := text.partition("#")[0].strip())]
        place = f"{place}: the file"
    if not isinstance(value, list):
        raise _WrongError(f"{place} to be a list of days, or the name of a file")
    return frozenset(_day(place, text) for text in value)


def _day(place: str, text: Any) -> str:
    found = _DATE.fullmatch(str(text).strip())
    if found:
        year, month, day = found.groups()
        try:
            datetime(int(year or 2000), int(month), int(day))
        except ValueError:
            found = None
    if not found:
        raise _WrongError(
            f"{place} to hold days like 2026-01-26 or 08-15, each with a word behind it if wanted, not {text!r}"
        )
    return f"{year}-{month}-{day}" if year else f"{month}-{day}"
