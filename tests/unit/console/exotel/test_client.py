"""The REST client against the strict fake: what it sends is taken, and what went wrong is told apart."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from common.env import SettingError
from console.exotel import answer
from console.exotel.account import Account
from console.exotel.client import ExotelClient
from console.exotel.errors import Refused, Throttled, Unanswered, Unreachable
from console.exotel.facts import CallFacts, CallStatus, Streams
from console.exotel.order import Order, stream_url
from console.exotel.pace import Pace, per_minute
from sim.applets import Outcome, Person
from sim.exotel_rest import FakeExotelRest, Fault
from sim.serving import serving
from tests.support.virtual import virtual

PHONE = {"phone_number": "+918047100002"}
ASHA = "+919876500001"
EPOCH = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def order(**changed):
    return Order(
        **{"number": ASHA, "caller_id": "+918047100002", "stream_url": "wss://relay.example/media/t", **changed}
    )


def fake(**changed):
    return FakeExotelRest(
        **{
            "numbers": [PHONE],
            "people": {ASHA: Person(Outcome.ANSWERED, ring_s=3, talk_s=40)},
            "dials": False,
            "now": lambda: EPOCH + timedelta(seconds=asyncio.get_running_loop().time()),
            **changed,
        }
    )


class Talk:
    """A client that talks to a fake."""

    def __init__(self, rest, **account):
        self.rest, self.account = rest, account

    async def __aenter__(self):
        self.serving = serving(self.rest.app())
        url = await self.serving.__aenter__()
        self.session = aiohttp.ClientSession()
        environ = {"EXOTEL_SID": "acmehealth1", "EXOTEL_API_KEY": "key-1", "EXOTEL_API_TOKEN": "token-1"}
        return ExotelClient(self.session, Account.from_env({**environ, "EXOTEL_BASE_URL": url, **self.account}))

    async def __aexit__(self, *why):
        await self.session.close()
        await self.serving.__aexit__(*why)


@virtual
async def test_a_call_is_placed_followed_and_found_afterwards():
    rest = fake()
    async with Talk(rest) as client:
        placed = await client.place(
            order(custom_field="batch 7", record=True, time_limit_s=600, status_callback="https://example.com/cb")
        )
        assert placed.status is CallStatus.IN_PROGRESS
        assert placed.number == ASHA
        await asyncio.sleep(20)
        assert (await client.call(placed.sid)).status is CallStatus.IN_PROGRESS
        assert await client.streams() == Streams(active=1, limit=100)
        assert await client.calls_to(ASHA, EPOCH, EPOCH + timedelta(hours=1)) == []  # it has not ended
        await rest.settled()
        ended = await client.call(placed.sid)
        assert (ended.status, ended.duration_s, ended.custom_field) == (CallStatus.COMPLETED, 40, "batch 7")
        assert await client.calls_to(ASHA, EPOCH, EPOCH + timedelta(hours=1)) == [ended]
        assert await client.calls_to(ASHA, EPOCH + timedelta(hours=1), EPOCH + timedelta(hours=2)) == []
    form = rest.calls[0].form
    assert form["StatusCallbackEvents[]"] == ["answered", "terminal"]
    assert form["From"] == [ASHA]
    assert form["CallerId"] == ["08047100002"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.WRONG_KEY, Refused),
        (Fault.NO_MONEY, Refused),
        (Fault.NOT_ENABLED, Refused),
        (Fault.TOO_MANY, Throttled),
        (Fault.BROKEN, Unanswered),
        (Fault.AWAY, Unanswered),
        (Fault.SILENT, Unanswered),
        (Fault.PLACED_SILENT, Unanswered),
        (Fault.PLACED_CUT, Unanswered),
        (Fault.PLACED_BROKEN, Unanswered),
        (Fault.PLACED_GARBLED, Unanswered),
    ],
)
def test_whether_a_call_may_have_been_placed_is_never_guessed(fault, error):
    @virtual
    async def run():
        rest = fake()
        rest.plant("connect", fault)
        async with Talk(rest) as client:
            with pytest.raises(error) as raised:
                await client.place(order())
        assert type(raised.value) is error
        assert "token-1" not in str(raised.value)
        assert "/media/t" not in str(raised.value)
        assert not rest.calls or error is Unanswered
        if error is Throttled:
            assert raised.value.retry_after_s == 30

    run()


@virtual
async def test_nobody_there_means_that_nothing_was_sent():
    async with Talk(fake(), EXOTEL_BASE_URL="http://127.0.0.1:9") as client:
        with pytest.raises(Unreachable):
            await client.place(order())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"number": "09876500001"}, "From is not a number"),
        ({"caller_id": ASHA}, "CallerId is not an ExoPhone"),
        ({"custom_field": "x" * 129}, "CustomField is too long"),
        ({"time_limit_s": 14_401}, "TimeLimit"),
        ({"stream_url": "https://relay.example/media"}, "StreamUrl"),
    ],
)
def test_the_fake_refuses_what_exotel_would_not_take(changed, says):
    @virtual
    async def run():
        async with Talk(fake()) as client:
            with pytest.raises(Refused, match=says) as raised:
                await client.place(order(**changed))
        assert raised.value.status == 400
        assert "98765" not in str(raised.value)  # what Exotel says of a number is masked

    run()


@virtual
async def test_above_the_stream_limit_who_picks_up_hears_nothing():
    rest = fake(stream_limit=1, other_streams=1)
    async with Talk(rest) as client:
        placed = await client.place(order())
        await rest.settled()
        assert (await client.call(placed.sid)).status is CallStatus.FAILED
    assert rest.calls[0].throttled


@virtual
async def test_two_hundred_requests_a_minute_are_too_many_and_a_pace_keeps_below():
    rest = fake(a_minute=20)
    async with Talk(rest) as client:
        for _ in range(20):
            await client.streams()
        with pytest.raises(Throttled):
            await client.streams()
    rest = fake(a_minute=20)
    async with Talk(rest) as client:
        paced = ExotelClient(client._session, client.account, Pace(18))
        await asyncio.gather(*(paced.streams() for _ in range(60)))
    assert len(rest.requests) == 60


@virtual
async def test_a_pause_holds_those_who_wait_already():
    pace = Pace(60)
    await pace.turn()
    waiting = asyncio.create_task(pace.turn())
    await asyncio.sleep(0.5)
    pace.pause(30)
    await waiting
    assert asyncio.get_running_loop().time() == pytest.approx(30.5)


@pytest.mark.parametrize(
    ("text", "rate"), [("30/min", 30), ("2/s", 120), ("90/h", 1.5), ("0.5 / s", 30), ("30", None), ("0/min", None)]
)
def test_rates(text, rate):
    if rate is None:
        with pytest.raises(ValueError, match="expected a rate"):
            per_minute(text)
    else:
        assert per_minute(text) == rate


def test_xml_and_json_read_the_same():
    body = b'<?xml version="1.0"?><TwilioResponse><Call><Sid>a1</Sid><Status>cancelled</Status></Call></TwilioResponse>'
    from_xml = answer.parse(body, "application/xml")
    assert from_xml == answer.parse(b'{"Call": {"Sid": "a1", "Status": "cancelled"}}', "application/json")
    assert CallFacts.read(answer.section(from_xml, "Call")).status is CallStatus.CANCELED
    for broken in (b"<Call>", b"nonsense", b"[1]", b""):
        with pytest.raises(ValueError, match=r"neither JSON nor XML|expected an object"):
            answer.parse(broken, "text/plain")


def test_active_streams_in_both_documented_forms():
    xml = b"<TwilioResponse><Stream><ActiveStreamCount>3</ActiveStreamCount><ThrottleLimit>100</ThrottleLimit></Stream></TwilioResponse>"  # noqa: E501
    json = b'{"active_streams": 3, "max_allowed_streams": 100}'
    assert Streams.read(answer.parse(xml, "text/xml")) == Streams.read(answer.parse(json, "application/json"))


def test_parameters_go_into_the_stream_urls_query():
    url = stream_url("wss://relay.example/media/t?sample-rate=8000", {"name": "Asha & Ravi", "plan": "गोल्ड"})
    assert url == "wss://relay.example/media/t?sample-rate=8000&name=Asha+%26+Ravi&plan=" + "%E0%A4%97%E0%A5%8B%E0%A4%B2%E0%A5%8D%E0%A4%A1"  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    ("address", "parameters", "says"),
    [
        ("https://relay.example/media", {}, "must begin with wss://"),
        ("relay", {}, "must begin with wss://"),
        ("wss://r/media?a=1", {"a": "2"}, "'a' stands in the stream URL already"),
        ("wss://r/media?a=1", {"b": "2", "c": "3", "d": "4"}, r"4 parameters \(a, b, c, d\): Exotel takes 3"),
        ("wss://r/media", {"a": "x" * 255}, "257 characters as a query: Exotel takes 256"),
        ("wss://r/" + "x" * 600, {}, "takes fewer than 600"),
    ],
)
def test_what_exotel_would_not_take_as_a_stream_url(address, parameters, says):
    with pytest.raises(ValueError, match=says):
        stream_url(address, parameters)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("", "api.in.exotel.com"), ("@api.in.exotel.com", "api.in.exotel.com"), ("api.exotel.com", "api.exotel.com")],
)
def test_regions(host, expected):
    environ = {"EXOTEL_SID": "a", "EXOTEL_API_KEY": "k", "EXOTEL_API_TOKEN": "t", "EXOTEL_SUBDOMAIN": host}
    account = Account.from_env(environ)
    assert account.base_url.host == expected
    assert "'t'" not in repr(account)
    with pytest.raises(SettingError, match="EXOTEL_API_KEY is not set"):
        Account.from_env({**environ, "EXOTEL_API_KEY": " "})
