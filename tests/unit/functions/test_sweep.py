"""The repair sweep against a made-up API: what was lost is fetched, what died is closed, and nothing twice."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from common.times import rfc3339
from functions.common.fetch import Answer, FetchError
from functions.common.store import StoreError
from tests.support import calls
from tests.support.memory_store import MemoryStore

LATER = calls.NOW + 400
TICKETS = "https://tickets.example.in/hook"


class World:
    """A store, a clock, and what the vendor's API and the ticket service answer."""

    def __init__(self):
        self.store = MemoryStore()
        self.now = calls.NOW
        self.conversations = {}
        self.audio = {}
        self.pages = [[]]
        self.ticket_status = 200
        self.api_status = None
        self.asked = []
        self.tickets = []

    def fetch(self, method, url, *, headers, body=None, timeout_s=10, into=None):
        if url == TICKETS:
            self.tickets.append((body, headers))
            if self.ticket_status is None:
                raise FetchError("connection refused")
            return Answer(self.ticket_status, b"")
        assert headers == {"xi-api-key": "key"}
        self.asked.append(url)
        if self.api_status == 0:
            raise FetchError("timed out")
        if self.api_status:
            return Answer(self.api_status, b"")
        parts = urlsplit(url)
        assert parts.netloc == "api.in.residency.elevenlabs.io"
        name = parts.path.removeprefix("/v1/convai/conversations").strip("/")
        if not name:
            self.query = parse_qs(parts.query)
            number = int(self.query.get("cursor", ["0"])[0])
            last = number == len(self.pages) - 1
            page = [{"conversation_id": item, "status": "done"} for item in self.pages[number]]
            document = {"conversations": page, "has_more": not last, "next_cursor": None if last else str(number + 1)}
            return Answer(200, json.dumps(document).encode())
        if name.endswith("/audio"):
            sound = self.audio.get(name.removesuffix("/audio"))
            if sound:
                into.write(sound)
            return Answer(200 if sound else 404, b"")
        found = self.conversations.get(name)
        return Answer(200, json.dumps(found).encode()) if found else Answer(404, b"{}")

    def app(self, **environment):
        given = {"ELEVENLABS_API_KEY": "key", "ELEVENLABS_REGION": "india", **environment}
        return calls.webhook_app(self.store, lambda: self.now, self.fetch, **given)

    def tell(self, *events):
        for event in events:
            assert self.app().handle(calls.signed_event(event)).status == 200

    def sweep(self, at, **environment):
        self.now = at
        return self.app(**environment).sweep()

    def pending(self):
        """What is left to do; not what tells that a caller waits for a human."""
        others = ("pending/listed.json", "pending/live/")
        return [key for key in self.store.objects if key.startswith("pending/") and not key.startswith(others)]


@pytest.fixture
def world():
    return World()


def test_a_webhook_that_never_came_is_fetched(world):
    world.tell(calls.started(), calls.ended())
    world.conversations["conv_01"] = calls.conversation("sales")
    counts = world.sweep(LATER)
    assert (counts.repaired, counts.failed) == (1, 0)
    record = calls.record_of(world.store)
    assert record["sources"] == ["relay", "repair"]
    assert record["turns"][2]["text"] == "Let me put you through to a colleague."
    assert not world.pending()


def test_the_live_transcript_fills_the_record_until_then(world):
    world.tell(calls.started(), calls.ended())
    assert calls.record_of(world.store)["turns"][2]["heard_ms"] == 700


def test_nothing_is_asked_before_its_time(world):
    world.tell(calls.started(), calls.ended())
    world.sweep(calls.NOW + 290)
    assert not [url for url in world.asked if "conv_01" in url]
    assert world.pending()


def test_what_came_by_webhook_is_not_fetched(world):
    world.tell(calls.started(), calls.ended())
    world.app().handle(calls.signed_webhook(calls.post_call(calls.conversation())))
    world.sweep(LATER)
    assert not [url for url in world.asked if "conv_01" in url]
    assert not world.pending()


@pytest.mark.parametrize("answer", [None, {"status": "processing"}, {"status": "in-progress"}])
def test_what_is_not_ready_is_asked_for_again_with_growing_pauses(world, answer):
    world.tell(calls.started(), calls.ended())
    if answer:
        world.conversations["conv_01"] = answer
    times = []
    for minute in range(60):
        before = len(world.asked)
        world.sweep(LATER + 60 * minute)
        if any("conv_01" in url for url in world.asked[before:]):
            times.append(minute)
    assert len(times) == 5
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert gaps == sorted(gaps)
    world.conversations["conv_01"] = calls.conversation()
    assert world.sweep(LATER + 3 * 3600).repaired == 1


def test_it_is_given_up_after_a_day(world, caplog):
    world.tell(calls.started(), calls.ended())
    world.sweep(calls.NOW + 90_000)
    assert not world.pending()
    assert "repair_abandoned" in {record.event for record in caplog.records}


@pytest.mark.parametrize(("status", "times"), [(401, 1), (429, 1), (403, 3), (500, 3), (503, 3), (None, 3)])
def test_an_api_that_refuses_is_not_asked_for_ever(world, status, times, caplog):
    """401 and 429 are about us, so once is enough; the others may be about one conversation, three of them are not."""
    for number in range(5):
        call = {"call_sid": f"call-{number}", "stream_sid": f"s{number}", "conversation_id": f"conv_{number}"}
        world.tell(calls.ended(number=number, agents=[], **call))
    world.api_status = status or 0
    assert world.sweep(LATER).failed == times
    assert len(world.asked) == times
    assert len(world.pending()) == 5
    if status == 401:
        assert "refuses ELEVENLABS_API_KEY with 401" in caplog.text


def test_what_was_not_tried_is_tried_in_the_next_run(world):
    """Three that fail for good must not hold up those behind them, whose turn comes with the same pauses."""
    for number in range(6):
        call = {"call_sid": f"call-{number}", "stream_sid": f"s{number}", "conversation_id": f"conv_{number}"}
        world.tell(calls.ended(number=number, agents=[], **call))
        if number > 2:
            found = calls.conversation(conversation_id=f"conv_{number}", call_sid=f"call-{number}")
            world.conversations[f"conv_{number}"] = found
        else:
            world.conversations[f"conv_{number}"] = ["not an object"]
    assert world.sweep(LATER).repaired == 0
    assert world.sweep(LATER + 1).repaired == 3


def test_a_call_whose_relay_died_is_closed_when_the_vendor_says_it_is_over(world):
    world.tell(calls.started())
    world.app().handle(calls.signed_webhook(calls.post_call(calls.conversation())))
    assert calls.record_of(world.store)["ended_at"] is None
    assert world.sweep(LATER).closed == 1
    record = calls.record_of(world.store)
    assert (record["end_reason"], record["ended_by"]) == ("relay_lost", "relay")
    assert record["ended_at"] == rfc3339(calls.ENDED)
    assert not world.pending()


def test_a_call_whose_relay_died_and_whose_webhook_was_lost_is_closed_after_the_longest_call(world):
    world.tell(calls.started())
    world.conversations["conv_01"] = calls.conversation()
    assert world.sweep(calls.NOW + 3000).closed == 0
    world.sweep(calls.NOW + 5000)
    world.sweep(calls.NOW + 9000)
    record = calls.record_of(world.store)
    assert record["end_reason"] == "relay_lost"
    assert record["ended_at"] == rfc3339(calls.ENDED)
    assert record["sources"] == ["relay", "repair"]


def test_a_running_call_is_left_alone(world):
    world.tell(calls.started())
    assert world.sweep(LATER).closed == 0
    assert calls.record_of(world.store)["ended_at"] is None


def test_audio_is_fetched_when_wanted(world):
    world.tell(calls.started(), calls.ended())
    world.conversations["conv_01"] = calls.conversation()
    world.sweep(LATER, FETCH_AUDIO="true")  # not there yet
    world.audio["conv_01"] = b"ID3 sound"
    world.sweep(LATER + 130, FETCH_AUDIO="true")
    assert world.store.objects[f"audio/{calls.CALL}.mp3"] == b"ID3 sound"
    assert not world.pending()


def test_an_agent_of_another_vendor_is_not_asked_for_at_elevenlabs(world):
    agent = {**calls.ended()["agents"][0], "vendor": "openai"}
    world.tell(calls.ended(agents=[agent]))
    world.sweep(LATER)
    assert not [url for url in world.asked if "conv_01" in url]
    assert not world.pending()


def test_without_a_key_a_call_is_done_when_it_is_over(world):
    world.tell(calls.started(), calls.ended())
    world.sweep(LATER, ELEVENLABS_API_KEY="")
    assert not world.asked
    assert not world.pending()


def test_unreported_conversations_are_found_in_the_list_page_by_page(world):
    known = calls.conversation(conversation_id="conv_02")
    world.app().handle(calls.signed_webhook(calls.post_call(known)))
    world.pages = [["conv_01", "conv_02"], ["conv_03"]]
    world.conversations["conv_01"] = calls.conversation(call_sid="lost-call")
    chat = calls.conversation(conversation_id="conv_03", conversation_initiation_client_data={})  # on a web page
    world.conversations["conv_03"] = chat
    assert world.sweep(LATER).repaired == 1
    assert calls.record_of(world.store, "lost-call")["sources"] == ["repair"]
    assert not [url for url in world.asked if url.endswith("conv_02")]
    assert not [key for key in world.store.objects if "conv_03" in key]


def test_the_list_is_looked_through_once_an_hour_and_overlaps(world):
    world.sweep(LATER)
    assert float(world.query["call_start_after_unix"][0]) - LATER == pytest.approx(-86_400 - 7200, abs=1)
    asked = len(world.asked)
    world.sweep(LATER + 1800)
    assert len(world.asked) == asked
    world.sweep(LATER + 3700)
    assert float(world.query["call_start_after_unix"][0]) - LATER == pytest.approx(-300 - 7200, abs=1)


def test_the_original_bytes_and_signature_are_forwarded_once(world):
    request = calls.signed_webhook(calls.post_call(calls.conversation()))
    tickets = {"TICKET_SERVICE_URL": TICKETS}
    assert world.app(**tickets).handle(request).status == 200
    assert not world.tickets  # neither before the answer nor in its way
    assert world.sweep(calls.NOW + 1, **tickets).forwarded == 1
    assert [body for body, _ in world.tickets] == [request.body]
    assert world.tickets[0][1]["elevenlabs-signature"] == request.headers["elevenlabs-signature"]
    world.app(**tickets).handle(request)  # delivered again
    world.sweep(calls.NOW + 500, **tickets)
    assert len(world.tickets) == 1
    assert not world.pending()


@pytest.mark.parametrize("status", [500, 401, None])
def test_forwarding_is_tried_again_for_a_day(world, status, caplog):
    tickets = {"TICKET_SERVICE_URL": TICKETS}
    world.ticket_status = status
    world.app(**tickets).handle(calls.signed_webhook(calls.post_call(calls.conversation())))
    for minute in range(120):
        world.sweep(calls.NOW + 60 * minute, **tickets)
    assert 5 <= len(world.tickets) <= 8
    world.ticket_status = 200
    assert world.sweep(calls.NOW + 4 * 3600, **tickets).forwarded == 1
    assert not world.pending()


def test_forwarding_is_given_up_loudly(world, caplog):
    tickets = {"TICKET_SERVICE_URL": TICKETS}
    world.ticket_status = 500
    world.app(**tickets).handle(calls.signed_webhook(calls.post_call(calls.conversation())))
    world.sweep(calls.NOW + 90_000, **tickets)
    assert not world.pending()
    assert "forward_abandoned" in {record.event for record in caplog.records}


def test_two_sweeps_at_once_share_the_work(world):
    """The second one starts while the first is in the middle of its request."""
    tickets = {"TICKET_SERVICE_URL": TICKETS}
    world.tell(calls.started(), calls.ended())
    world.conversations["conv_01"] = calls.conversation()
    other = calls.signed_webhook(calls.post_call(calls.conversation(call_sid="x", conversation_id="conv_x")))
    world.app(**tickets).handle(other)
    fetch, nested = world.fetch, []

    def interrupted(*arguments, **more):
        if len(nested) < 3:
            nested.append(1)
            world.app(**tickets).sweep()
        return fetch(*arguments, **more)

    world.fetch = interrupted
    world.sweep(LATER, **tickets)
    assert len(world.tickets) == 1
    assert len([url for url in world.asked if url.endswith("conv_01")]) == 1
    assert calls.record_of(world.store)["sources"] == ["relay", "repair"]


def test_a_marker_that_makes_us_stumble_does_not_stop_the_others(world, caplog):
    world.store.create("pending/calls/aaa/broken.json", b'{"next_at": 0, "attempts": 0, "stream_sid": []}')
    world.store.create("pending/webhooks/aaa.json", b"\x00")
    world.store.create("pending/calls/aab/x.json", b'{"next_at": 0, "stream_sid": "s"}')
    world.store.create("calls/aab/requests/x.json", b'{"target": 7, "at": []}')
    world.tell(calls.started(), calls.ended())
    world.conversations["conv_01"] = calls.conversation()
    assert world.sweep(LATER).repaired == 1


def test_it_stops_when_its_time_is_up(world):
    for number in range(5):
        call = {"call_sid": f"call-{number}", "stream_sid": f"s{number}", "conversation_id": f"conv_{number}"}
        world.tell(calls.ended(number=number, agents=[], **call))
        world.conversations[f"conv_{number}"] = calls.conversation(
            conversation_id=f"conv_{number}", call_sid=f"call-{number}"
        )
    fetch = world.fetch

    def slow(*arguments, **more):
        world.now += 30
        return fetch(*arguments, **more)

    world.fetch = slow
    assert world.sweep(LATER).repaired == 2
    assert world.sweep(LATER + 1000).repaired == 2


def test_the_many_markers_of_one_call_cost_one_fold(world):
    world.tell(calls.started(), calls.transfer_requested(), calls.ended("transferred"))
    world.app().handle(calls.signed_webhook(calls.post_call(calls.conversation())))
    transfer = calls.transfer_app(world.store, calls.Clock())
    transfer.handle(calls.connect())
    for state in ("Dial", "Ringing", "Answered"):
        transfer.handle(calls.exotel("dial-events", CallSid=calls.CALL, EventType=state, DialWhomNumber=calls.SALES))
    assert len(world.pending()) == 5
    read, reads = world.store.read, []
    world.store.read = lambda key: reads.append(key) or read(key)
    world.sweep(LATER)
    assert not world.pending()
    assert len([key for key in reads if key.startswith("logs/")]) <= 3


@pytest.mark.parametrize(
    "answer",
    [
        {**calls.conversation(), "conversation_id": "conv_other"},
        {"conversation_id": "conv_01", "status": "done"},
        {**calls.conversation(), "conversation_id": "../x"},
    ],
)
def test_an_answer_about_something_else_is_not_taken_for_the_call(world, answer):
    """It would be kept as another call's words, or as an empty account after which nobody asks again."""
    world.tell(calls.started(), calls.ended())
    world.conversations["conv_01"] = answer
    assert world.sweep(LATER).failed == 1
    assert not [key for key in world.store.objects if key.startswith("conversations/") and key.endswith(".json")]
    world.conversations["conv_01"] = calls.conversation()
    assert world.sweep(LATER + 200).repaired == 1


def test_a_listed_conversation_that_was_not_tried_has_its_turn_in_the_next_run(world):
    names = [f"conv_{number}" for number in range(6)]
    world.pages = [names]
    for name in names[:3]:
        world.conversations[name] = ["not an object"]
    for name in names[3:]:
        world.conversations[name] = calls.conversation(conversation_id=name, call_sid=f"call-{name}")
    assert world.sweep(LATER).repaired == 0
    assert world.sweep(LATER + 1).repaired == 3


def test_a_long_list_is_continued_in_the_next_run(world):
    world.pages = [[f"conv_{number}"] for number in range(4)]
    for (name,) in world.pages:
        world.conversations[name] = calls.conversation(conversation_id=name, call_sid=f"call-{name}")
    fetch = world.fetch

    def slow(*arguments, **more):
        world.now += 30
        return fetch(*arguments, **more)

    world.fetch = slow
    world.sweep(LATER)
    assert world.query["cursor"] == ["1"]
    window = world.query["call_start_after_unix"], world.query["call_start_before_unix"]
    world.sweep(LATER + 300)
    assert world.query["cursor"] == ["3"]
    assert (world.query["call_start_after_unix"], world.query["call_start_before_unix"]) == window
    asked = len(world.asked)
    for minute in range(10, 50, 10):
        world.sweep(LATER + 60 * minute)
    assert "cursor" not in str(world.asked[asked:])  # seen to its end, so not before the next hour
    assert {key for key in world.store.objects if key.startswith("logs/")} == {
        f"logs/call-conv_{number}.json" for number in range(4)
    }


def test_a_ticket_service_that_is_down_leaves_time_for_the_calls(world):
    """With ten seconds of patience for each webhook, the calls behind them would never have their turn."""
    tickets = {"TICKET_SERVICE_URL": TICKETS}
    world.ticket_status = None
    for number in range(9):
        one = calls.conversation(call_sid=f"call-{number}", conversation_id=f"conv_x{number}")
        world.app(**tickets).handle(calls.signed_webhook(calls.post_call(one)))
    assert world.sweep(calls.NOW + 1, **tickets).failed == 3
    assert len(world.tickets) == 3
    world.ticket_status = 200
    assert world.sweep(calls.NOW + 2, **tickets).forwarded == 6  # those that had not been tried
    assert world.sweep(calls.NOW + 500, **tickets).forwarded == 3


def test_a_key_that_the_store_fails_on_concerns_that_key(world, caplog):
    for number in range(3):
        call = {"call_sid": f"call-{number}", "stream_sid": f"s{number}", "conversation_id": f"conv_{number}"}
        world.tell(calls.ended(number=number, agents=[], **call))
        found = calls.conversation(conversation_id=f"conv_{number}", call_sid=f"call-{number}")
        world.conversations[f"conv_{number}"] = found
    swap = world.store.swap

    def contended(key, *arguments):
        if key == "logs/call-0.json":
            raise StoreError(f"{key} has too many concurrent writers")
        return swap(key, *arguments)

    world.store.swap = contended
    assert world.sweep(LATER).repaired == 2
    assert "store_failed" in {record.event for record in caplog.records}


def test_a_store_that_is_down_ends_the_run(world):
    for number in range(5):
        call = {"call_sid": f"call-{number}", "stream_sid": f"s{number}", "conversation_id": f"conv_{number}"}
        world.tell(calls.ended(number=number, agents=[], **call))

    def down(*_):
        raise StoreError("no such bucket")

    world.store.create = down
    world.conversations = {
        f"conv_{number}": calls.conversation(conversation_id=f"conv_{number}") for number in range(5)
    }
    with pytest.raises(StoreError):
        world.sweep(LATER)
    assert len(world.asked) == 3


def test_work_that_makes_us_stumble_for_a_day_is_given_up(world, monkeypatch, caplog):
    """A marker that could never be worked on stayed for ever, and was tried every hour."""
    world.tell(calls.started(), calls.ended())
    monkeypatch.setattr("functions.webhook.sweep.repair_call", lambda *_: 1 / 0)
    for hour in range(30):
        world.sweep(LATER + 3600 * hour)
    assert not world.pending()
    assert "repair_abandoned" in {record.event for record in caplog.records}


def test_a_conversation_that_has_only_just_ended_is_left_to_its_webhook(world):
    """The marker is as old as the stream's start, so it is due before the webhook has had its time."""
    now = rfc3339(calls.NOW + 250)
    agent = {**calls.ended()["agents"][0], "ended_at": now}
    world.tell(calls.started(), {**calls.ended(ended_at=now, agents=[agent]), "at": now})
    world.conversations["conv_01"] = calls.conversation()
    world.sweep(calls.NOW + 310)
    assert not [url for url in world.asked if "conv_01" in url]
    assert world.sweep(calls.NOW + 560).repaired == 1


def test_a_relay_is_given_time_to_say_how_the_call_ended(world):
    """The vendor's word that a conversation is over can come before the relay's, which is worth more."""
    world.tell(calls.started())
    data = calls.conversation(metadata={"start_time_unix_secs": calls.NOW + 150, "call_duration_secs": 100})
    world.app().handle(calls.signed_webhook(calls.post_call(data)))
    assert world.sweep(calls.NOW + 310).closed == 0
    assert world.sweep(calls.NOW + 560).closed == 1


@pytest.mark.parametrize(("ended_at", "first"), [("soon", 0), (rfc3339(calls.ENDED), 1)])
def test_a_report_without_the_time_of_the_end_counts_from_when_it_was_sent(world, ended_at, first):
    """A call must not be repaired while its webhook may still come. The end counts, if the report names it."""
    world.tell(calls.started(), {**calls.ended(ended_at=ended_at), "at": rfc3339(calls.NOW + 250)})
    world.conversations["conv_01"] = calls.conversation()
    assert world.sweep(calls.NOW + 310).repaired == first
    assert world.sweep(calls.NOW + 560).repaired == 1 - first


def missed(caplog):
    return [record.fields for record in caplog.records if record.event == "transfer_missed"]


def test_a_missed_transfer_is_logged_once(world, caplog):
    """The flow had no Connect applet behind the Voicebot: every hand-over ended in silence, and no alarm knew."""
    world.tell(calls.started(), calls.transfer_requested(), calls.ended("transferred"))
    world.app().handle(calls.signed_webhook(calls.post_call(calls.conversation())))
    for at in (LATER, LATER + 600, LATER + 7200):
        world.sweep(at)
    assert missed(caplog) == [{"call_sid": calls.CALL, "target": "sales"}]
    assert "Exotel never requested" in caplog.text


def test_a_decision_that_came_too_late_is_logged(world, caplog):
    """Exotel asked, waited in vain and went on; the webhook that wanted a human came a minute later."""
    world.tell(calls.started(), calls.ended())
    transfer = calls.transfer_app(world.store, calls.Clock())
    transfer.handle(calls.connect())
    transfer.handle(calls.connect())
    world.app().handle(calls.signed_webhook(calls.post_call(calls.conversation("sales"))))
    world.sweep(LATER)
    assert [fields["target"] for fields in missed(caplog)] == ["sales"]
    assert "decided too late" in caplog.text


@pytest.mark.parametrize("end_reason", ["caller_hung_up", "transferred"])
def test_a_caller_who_was_connected_or_hung_up_is_not_missed(world, caplog, end_reason):
    world.tell(calls.started(), calls.transfer_requested(), calls.ended(end_reason))
    if end_reason == "transferred":
        assert calls.transfer_app(world.store, calls.Clock()).handle(calls.connect()).status == 200
    world.app().handle(calls.signed_webhook(calls.post_call(calls.conversation())))
    world.sweep(LATER)
    assert missed(caplog) == []
    assert not [key for key in world.pending() if key.startswith("pending/calls/")]
