"""D7: the answer to Exotel's Connect applet. Time is the test's own; nobody sleeps."""

import base64

import pytest

from common import layout
from common.documents import encode
from tests.support import calls
from tests.support.memory_store import MemoryStore


class World:
    def __init__(self, **environment):
        self.store = MemoryStore()
        self.clock = calls.Clock()
        self.webhook = calls.webhook_app(self.store, self.clock, **environment)
        self.transfer = calls.transfer_app(self.store, self.clock, **environment)

    def tell(self, *events):
        for event in events:
            assert self.webhook.handle(calls.signed_event(event)).status == 200

    def tell_webhook(self, *arguments, **more):
        request = calls.signed_webhook(calls.post_call(calls.conversation(*arguments, **more)))
        assert self.webhook.handle(request).status == 200

    def connect(self, **said):
        began = self.clock()
        response = self.transfer.handle(calls.connect(**said))
        self.waited = self.clock() - began
        return response

    def numbers(self, **said):
        response = self.connect(**said)
        assert response.status == 200
        return calls.body_of(response)["destination"]["numbers"]


@pytest.fixture
def world():
    return World()


def test_a_request_of_the_agent_is_answered_at_once(world):
    world.tell(calls.started(), calls.transfer_requested())
    assert world.numbers() == [calls.SALES]
    assert world.waited == 0


def test_connect_gives_the_same_answer_when_asked_twice(world):
    world.tell(calls.transfer_requested("support"))
    first, second = world.connect(), world.connect()
    assert first == second
    assert calls.body_of(first)["destination"]["numbers"] == [calls.SUPPORT, calls.SUPPORT_2]


def test_a_webhook_that_comes_two_and_a_half_seconds_late_is_served_by_the_first_request(world):
    world.tell(calls.started(), calls.ended())
    world.clock.at(calls.NOW + 2.5, lambda: world.tell_webhook("existing_booking"))
    assert world.numbers() == ["+919876500030"]
    assert world.waited == pytest.approx(2.5, abs=0.3)


def test_undecided_sends_the_first_request_to_the_fallback_and_the_second_gets_the_answer(world):
    world.tell(calls.started(), calls.ended())
    assert calls.refusal(world.connect()) == (503, "not decided yet, ask the fallback URL")
    assert world.waited == pytest.approx(4)
    world.clock.at(calls.NOW + 6, lambda: world.tell_webhook("sales"))
    assert world.numbers() == [calls.SALES]


def test_the_second_request_is_final(world):
    world.tell(calls.started(), calls.ended())
    assert world.connect().status == 503
    assert world.numbers() == []
    assert world.clock() - calls.NOW == pytest.approx(8)


def test_all_requests_together_wait_no_longer_than_the_budget(world):
    world.tell(calls.started(), calls.ended())
    assert world.connect().status == 503
    world.clock.now += 3  # Exotel takes its time
    assert world.numbers() == []
    assert world.clock() - calls.NOW == pytest.approx(10)
    assert world.numbers() == []
    assert world.waited == 0


def test_of_two_requests_at_once_the_second_waits_from_when_the_first_was_stored(world):
    """Both found no earlier request; the store lets one of them be the first, and its time counts for the other."""
    world.tell(calls.started(), calls.ended())
    first = layout.piece(calls.CALL, "connect", f"first-{calls.STREAM}")

    class Racing(MemoryStore):
        def create(self, key, body):
            if key == first and first not in self.objects:
                super().create(first, encode({"at": calls.NOW - 7, "stream_sid": calls.STREAM}))
            return super().create(key, body)

    racing = Racing()
    for key, body in world.store.objects.items():
        racing.create(key, body)
    transfer = calls.transfer_app(racing, world.clock)
    response = transfer.handle(calls.connect())
    assert (response.status, calls.body_of(response)["destination"]["numbers"]) == (200, [])
    assert world.clock() - calls.NOW == pytest.approx(3)  # ten seconds from the first


def test_a_call_nobody_has_spoken_of_yet_is_waited_for_too(world):
    """Exotel can be faster than the relay's event."""
    world.clock.at(calls.NOW + 0.5, lambda: world.tell(calls.started(), calls.transfer_requested()))
    assert world.numbers() == [calls.SALES]
    assert world.waited == pytest.approx(0.5, abs=0.3)


def test_no_waiting_when_it_is_switched_off():
    world = World(TRANSFER_WAIT_SECONDS="0")
    world.tell(calls.started(), calls.ended())
    assert world.numbers() == []
    assert world.waited == 0


def test_a_webhook_after_the_last_answer_is_a_failed_transfer(world):
    world.tell(calls.started(), calls.ended())
    world.connect()
    assert world.numbers() == []
    world.tell_webhook("sales")
    assert calls.record_of(world.store)["transfer"]["state"] == "failed"
    assert world.numbers() == [calls.SALES]  # should the flow ask once more, the caller is helped after all


@pytest.mark.parametrize("end_reason", ["caller_hung_up", "rejected", "caller_silent"])
def test_nobody_is_called_for_a_caller_who_hung_up(world, end_reason):
    world.tell(calls.started(), calls.ended(end_reason))
    assert world.numbers() == []
    assert world.waited == 0


def test_a_webhook_without_transfer_is_a_no(world):
    world.tell(calls.started(), calls.ended())
    world.tell_webhook("none")
    assert world.numbers() == []
    assert world.waited == 0


def test_a_webhook_without_transfer_is_a_no_although_the_relay_never_said_a_word(world):
    """The vendor's account is complete: nobody else could still ask for a human."""
    world.tell_webhook("none")
    assert world.numbers() == []
    assert world.waited == 0


def test_an_agent_that_sends_no_webhooks_is_not_waited_for(world):
    ended = calls.ended()
    agent = {**ended["agents"][0], "vendor": "openai"}
    world.tell(calls.ended(agents=[agent]))
    assert world.numbers() == []
    assert world.waited == 0


def test_of_two_conversations_both_are_waited_for(world):
    """The first agent failed and another took over: the first one's "no" decides nothing."""
    first = calls.ended()["agents"][0]
    second = {**first, "conversation_id": "conv_02"}
    world.tell(calls.ended(agents=[first, second]))
    world.tell_webhook("none")
    world.clock.at(calls.NOW + 1, lambda: world.tell_webhook("sales", conversation_id="conv_02"))
    assert world.numbers() == [calls.SALES]


@pytest.mark.parametrize(
    "end_reason", ["agent_failed", "time_limit", "unknown_agent", "shutdown", "unsupported_format", "line_lost"]
)
def test_a_call_that_broke_off_goes_to_the_human_for_that(end_reason):
    world = World(TRANSFER_ON_FAILURE="Support")
    world.tell(calls.started(), calls.ended(end_reason))
    assert world.numbers() == [calls.SUPPORT, calls.SUPPORT_2]
    assert world.waited == 0
    world.tell(calls.started())  # any news folds the record
    transfer = calls.record_of(world.store)["transfer"]
    told = ("state", "target", "reason", "summary")
    assert [transfer[name] for name in told] == ["fetched", "support", end_reason, ""]


def test_by_default_that_human_is_the_first_target(world):
    """Nobody was dialled unless TRANSFER_ON_FAILURE was set, and the caller was dropped without a word."""
    world.tell(calls.ended("agent_failed", agents=[], conversation_id=None))
    assert world.numbers() == [calls.SUPPORT, calls.SUPPORT_2]


def test_a_call_that_broke_off_is_over_where_nobody_is_to_be_dialled():
    world = World(TRANSFER_ON_FAILURE="none")
    world.tell(calls.ended("agent_failed", agents=[], conversation_id=None))
    assert world.numbers() == []
    assert world.waited == 0


def test_a_caller_whose_relay_died_is_not_dropped_either():
    """The relay told of the stream and never how it ended; Exotel only asks once it is over."""
    world = World(TRANSFER_ON_FAILURE="support")
    world.tell(calls.started())
    assert world.connect().status == 503
    assert world.numbers() == [calls.SUPPORT, calls.SUPPORT_2]
    assert world.clock() - calls.NOW == pytest.approx(8)
    world.tell(calls.started())
    assert calls.record_of(world.store)["transfer"]["reason"] == "relay_lost"


@pytest.mark.parametrize("wait_s", ["0", "2"])
def test_a_relay_whose_word_may_be_on_the_way_is_not_taken_for_dead(wait_s):
    world = World(TRANSFER_ON_FAILURE="support", TRANSFER_WAIT_SECONDS=wait_s, TRANSFER_REQUEST_SECONDS="25")
    world.tell(calls.started())
    assert world.numbers() == []


def test_a_caller_whose_agent_ended_and_whose_webhook_is_late_is_not_sent_there():
    world = World(TRANSFER_ON_FAILURE="support")
    world.tell(calls.started(), calls.ended())
    assert world.connect().status == 503
    assert world.numbers() == []


def test_a_stream_that_never_came_up_goes_there_too():
    world = World(TRANSFER_ON_FAILURE="support")
    failed = calls.exotel("passthru", CallSid=calls.CALL, Stream__Status="failed", Stream__Error="3009 no ws conn")
    assert world.transfer.handle(failed).status == 302
    assert world.numbers() == [calls.SUPPORT, calls.SUPPORT_2]
    assert calls.record_of(world.store)["streams"][0]["error"] == "3009 no ws conn"


def test_the_agent_s_wish_comes_before_the_one_for_failures():
    world = World(TRANSFER_ON_FAILURE="support")
    world.tell(calls.transfer_requested("sales"), calls.ended("line_lost"))
    assert world.numbers() == [calls.SALES]


def test_closed_for_a_hand_over_to_nobody_we_know_goes_there_as_well():
    """The relay had no answer in time and closed; the target turned out unknown."""
    world = World(TRANSFER_ON_FAILURE="support")
    world.tell(calls.transfer_requested("billing"), calls.ended("transferred"))
    assert world.numbers() == [calls.SUPPORT, calls.SUPPORT_2]


def test_a_replaced_stream_is_not_the_end(world):
    world.tell(calls.ended("replaced"), calls.started(7, stream_sid="second", started_at="2026-11-23T09:59:00.000Z"))
    world.clock.at(calls.NOW + 1, lambda: world.tell(calls.transfer_requested(number=8, stream_sid="second")))
    assert world.numbers() == [calls.SALES]


def test_a_target_removed_from_the_settings_calls_nobody_and_says_so(world, caplog):
    world.tell(calls.transfer_requested("sales"))
    lacking = calls.transfer_app(world.store, world.clock, TRANSFER_TARGETS='{"support": "+919876500020"}')
    assert calls.body_of(lacking.handle(calls.connect()))["destination"]["numbers"] == []
    assert "'sales' is not in TRANSFER_TARGETS" in caplog.text


def test_every_field_is_there_and_cut_to_exotel_s_limits():
    world = World(
        CONNECT_FETCH_AFTER_ATTEMPT="no",
        CONNECT_RECORD="true",
        CONNECT_RECORDING_CHANNELS="single",
        CONNECT_RINGING_SECONDS="75",
        CONNECT_CONVERSATION_SECONDS="9000",
        CONNECT_MUSIC_ON_HOLD="https://cdn.example.in/hold.wav",
        CONNECT_OUTGOING_NUMBER="08047100002",
        CONNECT_PARALLEL="9",
        CONNECT_PLAYBACK="summary",
        CONNECT_PLAYBACK_TO="both",
        CONNECT_EVENTS_URL="https://other.example.in/events",
    )
    world.tell(calls.transfer_requested("support"))
    assert calls.body_of(world.connect()) == {
        "fetch_after_attempt": False,
        "destination": {"numbers": [calls.SUPPORT, calls.SUPPORT_2]},
        "record": True,
        "recording_channels": "single",
        "max_ringing_duration": 60,
        "max_conversation_duration": 4500,
        "music_on_hold": {"type": "custom_tone", "value": "https://cdn.example.in/hold.wav"},
        "outgoing_phone_number": "+918047100002",
        "parallel_ringing": {"activate": True, "max_parallel_attempts": 5},
        "start_call_playback": {"playback_to": "both", "type": "text", "value": "Caller asks for a price of ten."},
        "dial_passthru_event_url": "https://other.example.in/events",
    }


def test_what_is_off_is_left_out(world):
    world.tell(calls.transfer_requested())
    answer = calls.body_of(world.connect())
    assert set(answer) == {
        "fetch_after_attempt",
        "destination",
        "record",
        "max_ringing_duration",
        "max_conversation_duration",
        "music_on_hold",
        "dial_passthru_event_url",
    }
    assert (
        answer["dial_passthru_event_url"]
        == f"https://calls.example.in/exotel/dial-events?token={calls.TOKEN}&stream_sid={calls.STREAM}"
    )


def test_with_basic_auth_the_events_url_carries_it():
    world = World(EXOTEL_TOKEN="", EXOTEL_BASIC_AUTH="exotel:p@ss:word-of-nobody")
    world.tell(calls.transfer_requested())
    request = calls.connect()
    credentials = base64.b64encode(b"exotel:p@ss:word-of-nobody").decode()
    headers = {**request.headers, "authorization": f"Basic {credentials}"}
    answer = calls.body_of(world.transfer.handle(type(request)("GET", request.path, {"CallSid": calls.CALL}, headers)))
    assert (
        answer["dial_passthru_event_url"]
        == f"https://exotel:p%40ss%3Aword-of-nobody@calls.example.in/exotel/dial-events?stream_sid={calls.STREAM}"
    )


def test_with_token_and_password_both_are_needed():
    """A URL's token stands in many a log: where there is a password as well, the token alone must not open."""
    world = World(EXOTEL_BASIC_AUTH="exotel:right-password-of-nobody")
    world.tell(calls.transfer_requested())
    request = calls.connect()
    password = {"authorization": "Basic " + base64.b64encode(b"exotel:right-password-of-nobody").decode()}
    tokenless = {"CallSid": calls.CALL}
    statuses = {
        (bool(query.get("token")), bool(headers)): world.transfer.handle(
            type(request)("GET", request.path, query, {**request.headers, **headers})
        ).status
        for query in (request.query, tokenless)
        for headers in (password, {})
    }
    assert statuses == {(True, True): 200, (True, False): 401, (False, True): 401, (False, False): 401}


@pytest.mark.parametrize(
    ("proto", "scheme"), [("https,http", "https"), ("HTTPS", "https"), ("http, https", "http"), ("", "https")]
)
def test_the_events_url_has_the_clients_scheme(proto, scheme):
    world = World()
    world.tell(calls.transfer_requested())
    request = calls.connect()
    headers = {**request.headers, "x-forwarded-proto": proto}
    answer = calls.body_of(world.transfer.handle(type(request)("GET", request.path, request.query, headers)))
    assert answer["dial_passthru_event_url"].startswith(f"{scheme}://calls.example.in/")


def test_playback_may_be_a_sound_and_is_left_out_when_there_is_nothing_to_say():
    world = World(CONNECT_PLAYBACK="https://cdn.example.in/whisper.wav", CONNECT_EVENTS_URL="off")
    world.tell(calls.transfer_requested())
    answer = calls.body_of(world.connect())
    assert answer["start_call_playback"]["type"] == "audio_url"
    assert "dial_passthru_event_url" not in answer
    silent = World(CONNECT_PLAYBACK="summary")
    silent.tell(calls.transfer_requested(transfer={"target": "sales", "reason": "", "summary": " "}))
    assert "start_call_playback" not in calls.body_of(silent.connect())


def test_the_next_number_after_a_failed_attempt():
    world = World(CONNECT_FETCH_AFTER_ATTEMPT="true")
    world.tell(calls.transfer_requested("support"))
    assert world.numbers() == [calls.SUPPORT]
    assert world.numbers() == [calls.SUPPORT]  # asked again before anything happened
    assert world.numbers(DialWhomNumber="09876500020", DialCallStatus="no-answer") == [calls.SUPPORT_2]
    assert world.numbers(DialWhomNumber="09876500021", DialCallStatus="busy") == []
    transfer = calls.record_of(world.store)["transfer"]
    assert [attempt["state"] for attempt in transfer["attempts"]] == ["no_answer", "busy"]
    assert transfer["state"] == "busy"


def test_a_number_that_only_rang_is_not_taken_for_one_that_answered():
    """Live, an account was told CallType and DialCallDuration alone: 30 s of ringing counted as a conversation, so the
    second number was never dialled, and the record said answered."""
    world = World(CONNECT_FETCH_AFTER_ATTEMPT="true")
    world.tell(calls.transfer_requested("support"))
    assert world.numbers() == [calls.SUPPORT]
    rang = {"CallType": "incomplete", "DialCallDuration": "30"}
    assert world.numbers(**rang, DialWhomNumber="09876500020") == [calls.SUPPORT_2]
    rejected = {"CallType": "incomplete", "DialCallDuration": "5", "DialCallStatus": "busy"}
    assert world.numbers(**rejected, DialWhomNumber="09876500021") == []
    attempts = calls.record_of(world.store)["transfer"]["attempts"]
    assert [(one["state"], one["duration_s"]) for one in attempts] == [("no_answer", 0), ("busy", 0)]


def test_dial_events_move_on_to_the_next_number_too():
    world = World(CONNECT_FETCH_AFTER_ATTEMPT="true")
    world.tell(calls.transfer_requested("support"))
    world.numbers()
    over = calls.exotel(
        "dial-events", CallSid=calls.CALL, EventType="Terminal", DialCallStatus="busy", DialWhomNumber=calls.SUPPORT
    )
    world.transfer.handle(over)
    assert world.numbers() == [calls.SUPPORT_2]


def test_nobody_else_is_called_once_somebody_answered():
    world = World(CONNECT_FETCH_AFTER_ATTEMPT="true")
    world.tell(calls.transfer_requested("support"))
    world.numbers()
    assert world.numbers(DialWhomNumber=calls.SUPPORT, DialCallStatus="completed") == []


@pytest.mark.parametrize("token", ["", "wrong", calls.TOKEN + "x", calls.TOKEN[:-1], "\u00e4"])
def test_a_wrong_token_gets_no_number(world, token):
    world.tell(calls.transfer_requested())
    response = world.transfer.handle(calls.exotel("connect", token=token, CallSid=calls.CALL))
    assert calls.refusal(response) == (401, "token or password is wrong")
    assert not [key for key in world.store.objects if "/connect/" in key]


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic ZXhvdGVsOndyb25n", f"Bearer {calls.TOKEN}"])
def test_a_wrong_basic_auth_password_gets_401(header):
    world = World(EXOTEL_TOKEN="", EXOTEL_BASIC_AUTH="exotel:right-password-of-nobody")
    world.tell(calls.transfer_requested())
    request = calls.connect()
    got = world.transfer.handle(type(request)("GET", request.path, request.query, {"authorization": header}))
    assert calls.refusal(got) == (401, "token or password is wrong")
    assert got.headers["www-authenticate"] == 'Basic realm="exotel"'


def test_a_store_that_fails_sends_exotel_to_the_fallback(world):
    from functions.common.store import StoreError

    def broken(prefix):
        raise StoreError("no bucket")

    world.store.keys = broken
    assert calls.refusal(world.connect()) == (503, "temporarily unavailable, try again")
