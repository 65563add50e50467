"""A price file that says something else than expected is refused whole, by the file's name and the price's."""

import re
from datetime import date

import pytest

from common.prices import Currency, Price, load, of_text

CODE = 'expected code = "INR", per_usd = 85.0, date = 2026-11-29'


def price(**change):
    given = {"value": "0.6", "unit": '"minute"', "date": "2026-11-29", **change}
    return f"[exotel.prices]\nminute = {{ {', '.join(f'{key} = {value}' for key, value in given.items())} }}\n"


def currency(**change):
    given = {"code": '"INR"', "per_usd": "85.0", "date": "2026-11-29", **change}
    return "[currency]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("[azure]\n", "f: [azure] is not known: expected aws, gcp, "),
        ("[exotel.prices]\nhour = 1\n", 'f: exotel.hour: expected { value = 0.01, unit = "…" }'),
        (price().replace("minute =", "hour ="), "f: exotel.hour is not known: expected minute"),
        ("exotel = 7\n", "f: exotel: expected a table"),
        ("[exotel]\nprices = 7\n", "f: exotel.prices: expected a table"),
        ("[exotel]\nprice = 7\n", "f: exotel.price is not known: expected prices, region, date, source, verified"),
        (
            price(per='"x"'),
            "f: exotel.minute: per is not known: expected date, free, region, source, unit, value, verified",
        ),
        (price(value='"0.6"'), "f: exotel.minute: value = '0.6': expected a number of dollars or units, 0 or more"),
        (price(value="true"), "f: exotel.minute: value = True: expected a number of dollars or units, 0 or more"),
        (price(value="-0.1"), "f: exotel.minute: value = -0.1: expected a number of dollars or units, 0 or more"),
        (
            price(value="1e9"),
            "f: exotel.minute: value = 1000000000.0: expected a number of dollars or units, 0 or more",
        ),
        (price(free="-1"), "f: exotel.minute: free = -1: expected a number of dollars or units, 0 or more"),
        (price(unit="7"), "f: exotel.minute: unit = 7: expected a str"),
        (price(date='"today"'), "f: exotel.minute: date = 'today': expected a date"),
        (price(verified='"yes"'), "f: exotel.minute: verified = 'yes': expected a bool"),
        ("[currency]\n", f"f: currency: {CODE}"),
        ("currency = 85\n", f"f: currency: {CODE}"),
        (currency(code='"inr"'), f"f: currency: code = 'inr': {CODE}"),
        (currency(code='"RUPEE"'), f"f: currency: code = 'RUPEE': {CODE}"),
        (currency(per_usd="0"), f"f: currency: per_usd = 0: {CODE}"),
        (currency(per_usd="true"), f"f: currency: per_usd = True: {CODE}"),
        (currency(per_usd="1e9"), f"f: currency: per_usd = 1000000000.0: {CODE}"),
        (currency(date='"today"'), f"f: currency: date = 'today': {CODE}"),
        ("not toml", "f: "),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected(text, refusal):
    end = "" if refusal.endswith(" ") else "$"
    with pytest.raises(ValueError, match=f"^{re.escape(refusal)}{end}"):
        of_text(text, "f")


def test_a_price_that_says_little_is_unverified_of_no_region_and_from_the_first_unit():
    prices = of_text("[exotel.prices]\nminute = { value = 1, unit = 'minute', date = 2026-11-29 }\n", "f")
    assert prices.minute("exotel") == Price(1.0, "minute", "", date(2026, 11, 29), "", False, 0.0)
    assert prices.currency == Currency("USD", 1.0, None)
    assert prices.minute("agent") is None


def test_what_a_section_says_counts_for_its_prices_unless_they_say_otherwise():
    section = "[exotel]\nregion = 'in'\ndate = 2026-11-01\nsource = 'bill'\nverified = true\n"
    first = "[exotel.prices]\nminute = { value = 0.5, unit = 'minute', free = 10, source = 'offer' }\n"
    assert of_text(section + first, "f").of("exotel", "minute") == Price(
        0.5, "minute", "in", date(2026, 11, 1), "offer", True, 10.0
    )


def test_a_price_of_yours_instead_of_a_list_price_has_neither_its_source_nor_its_date():
    ours = load().of("aws", "balancer")
    given = "[aws]\ndate = 2026-11-30\n[aws.prices]\nbalancer = { value = 9, unit = 'hour' }\n"
    yours = of_text(given, "mine.toml").of("aws", "balancer")
    assert yours == Price(9.0, "hour", ours.region, date(2026, 11, 30), "mine.toml", False)
    assert of_text(given, "mine.toml").of("aws", "address") == load().of("aws", "address")


def test_every_price_is_listed_by_section_and_name():
    named = dict(load().all())
    assert named["aws.balancer"] == load().of("aws", "balancer")
    assert len(named) == sum(map(len, load().sections.values()))


def test_a_currency_is_kept_with_its_day():
    assert of_text(currency(per_usd="85"), "f").currency == Currency("INR", 85.0, date(2026, 11, 29))


def test_a_file_that_can_not_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.toml can't be read: No such file or directory"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe4\n")
    with pytest.raises(ValueError, match=r"latin\.toml: 'utf-8' codec can't decode"):
        load(tmp_path / "latin.toml")
