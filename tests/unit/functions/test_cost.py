"""What a call cost stands in its record: by what the vendor said, else by the prices that counted when it was over."""

import itertools
import json

import pytest

from common.env import SettingError
from functions.webhook.settings import Settings
from tests.support import calls
from tests.support.memory_store import MemoryStore

PRICES = """
[currency]
code = "INR"
per_usd = 80.0
date = 2026-11-20

[exotel]
date = 2026-11-10
source = "our contract"
verified = true
[exotel.prices]
minute = { value = 0.01, unit = "started minute" }

[elevenlabs.prices]
minute = { value = 0.06, unit = "minute" }

[cloud]
date = 2026-11-15
source = "the planner"
[cloud.prices]
call = { value = 0.001, unit = "call" }
minute = { value = 0.002, unit = "minute" }
"""
MINUTES = (calls.ENDED - calls.STARTED) / 60


def cost(store):
    return calls.record_of(store)["cost"]


def send(store, *events, **environment):
    app = calls.webhook_app(store, **environment)
    for one in events:
        assert app.handle(calls.signed_event(one)).status == 200


def charged(usd: float):
    """The vendor's webhook, which says what it takes."""
    metadata = {"start_time_unix_secs": int(calls.STARTED), "call_duration_secs": 115, "cost_fiat": usd}
    return calls.signed_webhook(calls.post_call(calls.conversation(metadata=metadata)))


def test_a_call_that_is_over_says_what_it_cost_in_the_users_currency():
    store = MemoryStore()
    send(store, calls.started(), PRICES=PRICES)
    assert cost(store) is None
    send(store, calls.ended(), PRICES=PRICES)
    found = cost(store)
    vendor, exotel, cloud = MINUTES * 0.06 * 80, 2 * 0.01 * 80, (0.001 + MINUTES * 0.002) * 80
    assert (found["currency"], found["per_usd"], found["unknown"]) == ("INR", 80.0, [])
    assert (found["vendor"], found["exotel"], found["cloud"]) == pytest.approx((vendor, exotel, cloud), abs=1e-4)
    assert found["total"] == found["known"] == pytest.approx(vendor + exotel + cloud, abs=2e-4)
    assert found["how"]["exotel"] == "2 started minutes × 0.01 USD, by a price of 2026-11-10, checked"
    assert "by a price of 2026-11-15, not checked against a bill" in found["how"]["cloud"]
    assert found["priced_at"] == "2026-11-10"  # its oldest price


def test_without_a_price_file_list_prices_count_and_what_is_not_known_says_so():
    store = MemoryStore()
    send(store, calls.started(), calls.ended())
    found = cost(store)
    assert (found["currency"], found["per_usd"], found["cloud"], found["total"]) == ("USD", 1.0, None, None)
    assert min(found["vendor"], found["exotel"]) > 0
    assert found["known"] == pytest.approx(found["vendor"] + found["exotel"])
    assert found["unknown"] == ["cloud"]
    assert "no [cloud]" in found["how"]["cloud"]


def test_your_own_agent_has_no_price():
    store = MemoryStore()
    agent = {**calls.ended()["agents"][0], "vendor": "bot"}
    send(store, calls.started(), calls.ended(agents=[agent]), PRICES=PRICES)
    assert (cost(store)["vendor"], cost(store)["total"], cost(store)["unknown"]) == (None, None, ["vendor"])
    assert cost(store)["how"]["vendor"] == "there is no price for a minute of bot"


def test_the_vendors_word_comes_later_and_counts_more():
    store = MemoryStore()
    send(store, calls.started(), calls.ended(), PRICES=PRICES)
    before = cost(store)
    assert calls.webhook_app(store, PRICES=PRICES).handle(charged(0.5)).status == 200
    after = cost(store)
    assert after["vendor"] == 40.0 != before["vendor"]
    assert after["how"]["vendor"] == "0.5 USD, as elevenlabs says"
    assert (after["exotel"], after["cloud"]) == (before["exotel"], before["cloud"])


def test_a_price_that_changes_later_changes_no_call_that_is_over():
    """Whoever writes the record next, with other prices or none: what counted then stays."""
    store = MemoryStore()
    send(store, calls.started(), calls.ended(), PRICES=PRICES)
    before = cost(store)
    send(store, calls.ended(number=9), PRICES=PRICES.replace("0.06", "0.60").replace("INR", "EUR"))
    assert cost(store) == before
    ended = calls.exotel("dial-events", CallSid=calls.CALL, EventType="terminal", Status="completed")
    assert calls.transfer_app(store).handle(ended).status == 200
    assert cost(store) == before
    assert len([key for key in store.objects if "/prices/" in key]) == 1


def test_a_call_that_came_back_has_no_cost_until_it_is_over_again():
    store = MemoryStore()
    again = calls.event(
        "call.started", 11, calls.ENDED + 1, stream_sid="second", started_at=calls.rfc3339(calls.ENDED + 1)
    )
    send(store, calls.started(), calls.ended(), again, PRICES=PRICES)
    assert cost(store) is None


def test_a_call_of_which_only_the_vendor_tells_has_a_cost_too():
    store = MemoryStore()
    assert calls.webhook_app(store, PRICES=PRICES).handle(charged(0.5)).status == 200
    assert (cost(store)["vendor"], cost(store)["exotel"]) == (40.0, 1.6)


def test_the_cost_does_not_depend_on_the_order():
    found = set()
    for order in itertools.permutations(("started", "ended", "webhook")):
        store = MemoryStore()
        app = calls.webhook_app(store, PRICES=PRICES)
        for one in order:
            wanted = charged(0.5) if one == "webhook" else calls.signed_event(getattr(calls, one)())
            assert app.handle(wanted).status == 200
        found.add(json.dumps(cost(store)))
    assert len(found) == 1


def test_none_means_no_cost_and_nothing_kept_for_it():
    store = MemoryStore()
    send(store, calls.started(), calls.ended(), PRICES="none")
    assert cost(store) is None
    assert not [key for key in store.objects if "/prices/" in key]


def test_a_damaged_quote_is_as_good_as_none():
    """A piece that a person has edited must not keep the record from being written."""
    store = MemoryStore()
    damaged = {"currency": {"code": 7}, "prices": {"elevenlabs": {"minute": {"usd": "x", "date": 3}}, "exotel": []}}
    store.create(f"calls/{calls.CALL}/prices/counted.json", json.dumps(damaged).encode())
    send(store, calls.started(), calls.ended(), PRICES=PRICES)
    assert (cost(store)["known"], cost(store)["unknown"]) == (0, ["vendor", "exotel", "cloud"])


def test_a_price_file_can_be_a_file_and_its_text_comes_first(tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text(PRICES)
    environment = {**calls.ENVIRONMENT, "PRICES_FILE": str(file)}
    assert Settings.from_env(environment).quote["currency"]["code"] == "INR"
    text = PRICES.replace("INR", "EUR")
    assert Settings.from_env({**environment, "PRICES": text}).quote["currency"]["code"] == "EUR"
    with pytest.raises(SettingError, match=r"PRICES_FILE='/nowhere': expected a price file .*can't be read"):
        Settings.from_env({**calls.ENVIRONMENT, "PRICES_FILE": "/nowhere"})
    with pytest.raises(SettingError, match=r"PRICES=.*PRICES: cloud.hour is not known: expected call, minute"):
        Settings.from_env({**calls.ENVIRONMENT, "PRICES": text.replace("call = ", "hour = ")})
