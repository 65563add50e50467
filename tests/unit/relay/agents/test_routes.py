"""Routes: which agent a call gets by its numbers, the hour and the day, and what is said of a file that is wrong."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.env import SettingError
from relay.agents.agents_file import parse_agents_file
from relay.agents.routes import Hours
from relay.agents.routes_file import DAYS

INDIA = ZoneInfo("Asia/Kolkata")
MONDAY = datetime(2026, 11, 23, tzinfo=INDIA)  # midnight
AGENTS = "".join(f'[agents.{alias}]\nvendor = "echo"\n' for alias in ("day", "night", "closed"))
OFFICE, LINE, CALLER = "+918047100002", "08047100002", "09876500001"


def roster(text, files=None):
    def read_file(name):
        if name not in (files or {}):
            raise FileNotFoundError(2, "No such file or directory", name)
        return files[name]

    return parse_agents_file((text + AGENTS).encode(), "agents.toml", {"echo": None}, read_file)


def chosen(text, *, caller=CALLER, called=LINE, at=MONDAY, files=None):
    """The number of the route that a call gets, and its agent."""
    return roster(text, files).routes.find(caller, called, at)


def on(day, clock="12:00", zone=INDIA):
    hour, minute = map(int, clock.split(":"))
    return (MONDAY + timedelta(days=DAYS.index(day))).replace(hour=hour, minute=minute, tzinfo=zone)


def test_without_routes_nobody_is_chosen():
    assert chosen("") is None


def test_the_first_that_fits_is_taken():
    text = '[[routes]]\nto = "+911"\nagent = "closed"\n[[routes]]\nagent = "day"\n[[routes]]\nagent = "night"\n'
    assert chosen(text) == (2, "day")


@pytest.mark.parametrize(
    ("pattern", "number", "fits"),
    [
        (OFFICE, "08047100002", True),
        ("080 4710 0002", "918047100002", True),
        (OFFICE, "08047100003", False),
        ("+9180*", "08047100002", True),
        ("+91 80 47*", "08047100002", True),
        ("+44*", "08047100002", False),
        ("+44*", "+442079460000", True),
        ("*", "", True),
        ("18001234567", "18001234567", True),
        ("withheld", "", True),
        ("withheld", "anonymous", True),
        ("withheld", "08047100002", False),
        (OFFICE, "", False),
    ],
)
def test_patterns_of_numbers(pattern, number, fits):
    """As the line writes them, whatever the spelling."""
    assert (chosen(f'[[routes]]\nto = "{pattern}"\nagent = "day"\n', called=number) is not None) == fits
    assert (chosen(f'[[routes]]\nfrom = ["+17*", "{pattern}"]\nagent = "day"\n', caller=number) is not None) == fits


def test_all_that_a_route_asks_for_must_be_so():
    text = f'[[routes]]\nto = "{OFFICE}"\nfrom = "+9198*"\nhours = "09:00-18:00 Asia/Kolkata"\nagent = "day"\n'
    noon = on("Mon")
    assert chosen(text, at=noon) == (1, "day")
    assert chosen(text, at=noon, caller="+447700900123") is None
    assert chosen(text, at=noon, called="+447700900123") is None
    assert chosen(text, at=on("Mon", "18:00")) is None


@pytest.mark.parametrize(
    ("hours", "day", "clock", "open_"),
    [
        ("Mon-Sat 09:00-18:30 Asia/Kolkata", "Mon", "09:00", True),
        ("Mon-Sat 09:00-18:30 Asia/Kolkata", "Mon", "08:59", False),
        ("Mon-Sat 09:00-18:30 Asia/Kolkata", "Sat", "18:29", True),
        ("Mon-Sat 09:00-18:30 Asia/Kolkata", "Sat", "18:30", False),
        ("Mon-Sat 09:00-18:30 Asia/Kolkata", "Sun", "12:00", False),
        ("Mon,Wed-Thu 9:00-18:00 Asia/Kolkata", "Tue", "12:00", False),
        ("Mon,Wed-Thu 9:00-18:00 Asia/Kolkata", "Thu", "12:00", True),
        ("Fri-Mon 09:00-18:00 Asia/Kolkata", "Sun", "12:00", True),
        ("Fri-Mon 09:00-18:00 Asia/Kolkata", "Tue", "12:00", False),
        ("00:00-24:00 Asia/Kolkata", "Sun", "23:59", True),
        # across midnight: the night belongs to the day on which it begins
        ("Fri 22:00-06:00 Asia/Kolkata", "Fri", "22:00", True),
        ("Fri 22:00-06:00 Asia/Kolkata", "Sat", "05:59", True),
        ("Fri 22:00-06:00 Asia/Kolkata", "Sat", "06:00", False),
        ("Fri 22:00-06:00 Asia/Kolkata", "Fri", "05:00", False),
        ("Sun 22:00-06:00 Asia/Kolkata", "Mon", "01:00", True),
        ("mon 09:00 - 18:00 Asia/Kolkata", "Mon", "12:00", True),
    ],
)
def test_hours(hours, day, clock, open_):
    assert (chosen(f'[[routes]]\nhours = "{hours}"\nagent = "day"\n', at=on(day, clock)) is not None) == open_


def test_several_hours_and_one_zone_for_all():
    hours = 'hours = ["Mon-Fri 09:00-18:30", "Sat 09:00-13:00", "Mon-Fri 09:00-17:00 Europe/London"]'
    text = f'timezone = "Asia/Kolkata"\n[[routes]]\n{hours}\nagent = "day"\n'
    for day, clock, open_ in (("Sat", "12:59", True), ("Sat", "13:00", False), ("Mon", "22:29", True)):
        assert (chosen(text, at=on(day, clock)) is not None) == open_, (day, clock)
    assert chosen(text, at=on("Mon", "22:30")) is None  # five in London


def test_the_zone_counts_and_not_where_the_relay_is():
    text = '[[routes]]\nhours = "Mon 09:00-10:00 Asia/Kolkata"\nagent = "day"\n'
    assert chosen(text, at=datetime(2026, 11, 23, 4, 0, tzinfo=UTC)) == (1, "day")
    assert chosen(text, at=datetime(2026, 11, 23, 9, 30, tzinfo=UTC)) is None


def test_summer_time_by_the_clock_on_the_wall():
    """Nine in New York is nine, whatever that is in UTC."""
    text = '[[routes]]\nhours = "09:00-10:00 America/New_York"\nagent = "day"\n'
    assert chosen(text, at=datetime(2026, 7, 1, 13, 30, tzinfo=UTC))
    assert chosen(text, at=datetime(2026, 12, 1, 14, 30, tzinfo=UTC))
    assert not chosen(text, at=datetime(2026, 12, 1, 13, 30, tzinfo=UTC))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.frozensets(st.integers(0, 6)),
)
def test_hours_and_the_rest_of_the_week_are_the_whole_of_it(moment, begin, end, days):
    """Of a stretch and of what is left of the day at every moment exactly one holds; one across midnight is two."""
    if begin == end:
        return
    now = moment.replace(tzinfo=INDIA)
    if begin < end:
        inside = Hours(days, begin, end, INDIA).hold(now)
        parts = [Hours(days, *part, INDIA).hold(now) for part in ((0, begin), (end, 1440)) if part[0] != part[1]]
        assert [inside, *parts].count(True) == (now.weekday() in days)
    else:
        next_days = frozenset((day + 1) % 7 for day in days)
        tail = Hours(next_days, 0, end, INDIA).hold(now) if end else False
        assert Hours(days, begin, end, INDIA).hold(now) == (Hours(days, begin, 1440, INDIA).hold(now) or tail)


HOLIDAYS = """timezone = "Asia/Kolkata"
[holidays]
india = ["2026-11-24", "08-15", "10-02 Gandhi Jayanti"]
shop = "days.txt"
[[routes]]
holidays = "india"
agent = "closed"
[[routes]]
holidays = "shop"
agent = "night"
[[routes]]
agent = "day"
"""
FILE = "\ufeff# closed\n2026-11-25 stock-taking\n\n12-25   # each year\n".encode()


@pytest.mark.parametrize(
    ("at", "agent"),
    [
        (datetime(2026, 11, 24, 0, 0, tzinfo=INDIA), "closed"),
        (datetime(2026, 11, 23, 18, 30, tzinfo=UTC), "closed"),  # it is the 24th in India
        (datetime(2027, 11, 24, 12, 0, tzinfo=INDIA), "day"),
        (datetime(2031, 8, 15, 12, 0, tzinfo=INDIA), "closed"),
        (datetime(2026, 10, 2, 12, 0, tzinfo=INDIA), "closed"),
        (datetime(2026, 11, 25, 23, 59, tzinfo=INDIA), "night"),
        (datetime(2028, 12, 25, 12, 0, tzinfo=INDIA), "night"),
        (datetime(2026, 11, 26, 0, 0, tzinfo=INDIA), "day"),
    ],
)
def test_holidays(at, agent):
    assert chosen(HOLIDAYS, at=at, files={"days.txt": FILE})[1] == agent


HOURS = '"Mon-Sat 09:00-18:30 Asia/Kolkata"'
DAYS_LIKE = "days like 2026-01-26 or 08-15, each with a word behind it if wanted"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("routes = 5\n", "[[routes]] to be tables, 200 at most"),
        ('[[routes]]\nagent = "nobody"\n', "routes[1].agent to be one of day, night, closed"),
        ('[[routes]]\nagent = "day"\nwhen = "now"\n', "routes[1].when to be one of to, from, hours, holidays, agent"),
        ('[[routes]]\nagent = "day"\n[[routes]]\nagent = 5\n', "routes[2].agent to be one of day, night, closed"),
        ('[[routes]]\nagent = "day"\nto = 5\n', "routes[1].to to be a text, or several in [ ]"),
        ('[[routes]]\nagent = "day"\nto = []\n', "routes[1].to to have one at least, or to be left out"),
        (
            '[[routes]]\nagent = "day"\nto = "sales"\n',
            'routes[1].to to be a number like "+918047100002", the beginning of one with *, or "withheld"',
        ),
        (
            '[[routes]]\nagent = "day"\nfrom = "080*"\n',
            'routes[1].from to begin with the country, such as "+9180*": 080* would fit no number',
        ),
        (
            '[[routes]]\nagent = "day"\nhours = "nine to five"\n',
            f"routes[1].hours to be like {HOURS}, not 'nine to five'",
        ),
        (
            '[[routes]]\nagent = "day"\nhours = "9:00-17:00"\n',
            f"routes[1].hours to name a time zone, such as {HOURS}, or timezone to name it for all",
        ),
        (
            '[[routes]]\nagent = "day"\nhours = "9:00-17:00 Mars/Olympus"\n',
            "routes[1].hours to name a time zone such as Asia/Kolkata, not 'Mars/Olympus'",
        ),
        (
            '[[routes]]\nagent = "day"\nhours = "9:00-17:00 ../../etc/passwd"\n',
            "routes[1].hours to name a time zone such as Asia/Kolkata, not '../../etc/passwd'",
        ),
        (
            '[[routes]]\nagent = "day"\nhours = "Mo-Fr 9:00-17:00 Asia/Kolkata"\n',
            "routes[1].hours to name days like Mon-Fri or Sat,Sun, not 'Mo-Fr'",
        ),
        (
            '[[routes]]\nagent = "day"\nhours = "9:00-25:00 Asia/Kolkata"\n',
            "routes[1].hours to be from one time of the day to another, not '9:00-25:00 Asia/Kolkata'",
        ),
        (
            '[[routes]]\nagent = "day"\nhours = "9:60-17:00 Asia/Kolkata"\n',
            "routes[1].hours to be from one time of the day to another, not '9:60-17:00 Asia/Kolkata'",
        ),
        (
            '[[routes]]\nagent = "day"\nhours = "9:00-9:00 Asia/Kolkata"\n',
            "routes[1].hours to be from one time of the day to another, not '9:00-9:00 Asia/Kolkata'",
        ),
        ("timezone = 5\n", "timezone to name a time zone such as Asia/Kolkata, not 5"),
        (
            '[[routes]]\nagent = "day"\nholidays = "india"\n',
            "routes[1].holidays to be one of a name in [holidays], which has none",
        ),
        (
            '[holidays]\na = []\n[[routes]]\nagent = "day"\nholidays = "a"\n',
            'timezone to be named, such as timezone = "Asia/Kolkata": holidays are days somewhere',
        ),
        ("holidays = 5\n", "[holidays] to be a table of names, each with days or a file"),
        ("[holidays]\na = 5\n", "holidays.a to be a list of days, or the name of a file"),
        ('[holidays]\na = "days.csv"\n', "holidays.a to be a list of days, or the name of a .txt file, not 'days.csv'"),
        (
            '[holidays]\na = "days.txt"\n',
            "holidays.a to name a readable file, not 'days.txt' (No such file or directory)",
        ),
        ('[holidays]\na = ["26 January"]\n', f"holidays.a to hold {DAYS_LIKE}, not '26 January'"),
        ('[holidays]\na = ["2026-02-30"]\n', f"holidays.a to hold {DAYS_LIKE}, not '2026-02-30'"),
        ('[holidays]\na = "wrong.txt"\n', f"holidays.a: the file to hold {DAYS_LIKE}, not 'Republic Day'"),
        ('[holidays]\na = "large.txt"\n', "holidays.a to name a file of 65536 bytes at most"),
    ],
)
def test_what_is_wrong_is_named(text, expected):
    with pytest.raises(SettingError) as error:
        roster(text, {"wrong.txt": b"Republic Day\n", "large.txt": b"#" * 70_000})
    assert str(error.value) == f"AGENTS_FILE='agents.toml': expected {expected}"


def test_a_leap_day_is_a_day():
    assert roster('[holidays]\na = ["02-29"]\n')
