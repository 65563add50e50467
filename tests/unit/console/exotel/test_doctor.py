"""The doctor's Exotel part against the fake, with every single fault planted."""

import aiohttp
import pytest

from console.checks.finding import Verdict
from console.checks.subject import Subject
from console.doctor.exotel import examine
from sim.exotel_rest import FakeExotelRest, Fault
from sim.serving import serving
from tests.support.virtual import virtual

NUMBER = "+918047100002"
FLOW = "http://my.exotel.com/acmehealth1/exoml/start_voice/412233"
PHONE = {"sid": "x", "phone_number": NUMBER, "capabilities": {"voice": True, "sms": False}, "voice_url": FLOW}
SETTINGS = {
    "EXOTEL_SID": "acmehealth1",
    "EXOTEL_API_KEY": "key-1",
    "EXOTEL_API_TOKEN": "token-1",
    "EXOTEL_CALLER_ID": "08047100002",
    "MAX_CALLS": "100",
}


async def found(fake, **settings):
    """check → finding."""
    async with serving(fake.app()) as url, aiohttp.ClientSession() as session:
        environ = {**SETTINGS, "EXOTEL_BASE_URL": url, **settings}
        findings = [finding async for finding in examine(Subject(environ, session))]
    by_name = {finding.check: finding for finding in findings}
    assert len(by_name) == len(findings)
    for finding in findings:
        assert "token-1" not in finding.found + finding.advice
        assert NUMBER[3:] not in finding.found + finding.advice
        assert finding.verdict is not Verdict.SKIPPED or finding.advice, "skipped without saying what to do"
    return by_name


@virtual
async def test_a_healthy_account_passes_and_what_the_api_does_not_show_is_skipped():
    findings = await found(FakeExotelRest(numbers=[PHONE]))
    assert {name: finding.verdict.value for name, finding in findings.items()} == {
        "exotel.credentials": "pass",
        "exotel.streams": "pass",
        "exotel.balance": "pass",
        "exotel.number": "pass",
        "exotel.flow": "pass",
        "exotel.applet": "skipped",
        "exotel.enabled": "skipped",
    }
    assert "412233" in findings["exotel.flow"].found


def phones(**changed):
    return {"numbers": [{**PHONE, **changed}]}


FAULTS = {
    "no credentials": ({}, dict.fromkeys(SETTINGS, ""), "exotel.credentials", "skipped", "not set"),
    "half the credentials": ({}, {"EXOTEL_API_TOKEN": ""}, "exotel.credentials", "fail", "EXOTEL_API_TOKEN is not set"),
    "wrong token": ({"api_token": "another"}, {}, "exotel.credentials", "fail", "401"),
    "wrong SID": ({}, {"EXOTEL_SID": "acmehealth2"}, "exotel.credentials", "fail", "404"),
    "odd SID": ({}, {"EXOTEL_SID": "acme/health"}, "exotel.credentials", "fail", "EXOTEL_SID='acme/health'"),
    "odd host": (
        {},
        {"EXOTEL_BASE_URL": "", "EXOTEL_SUBDOMAIN": "api.example.com"},
        "exotel.credentials",
        "fail",
        "EXOTEL_SUBDOMAIN='api.example.com'",
    ),
    "credentials in the clear": (
        {},
        {"EXOTEL_BASE_URL": "http://203.0.113.7"},
        "exotel.credentials",
        "fail",
        "https://",
    ),
    "nobody there": ({}, {"EXOTEL_BASE_URL": "http://127.0.0.1:9"}, "exotel.credentials", "fail", "can't be reached"),
    "no streams": ({"stream_limit": 0}, {}, "exotel.streams", "fail", "no streams"),
    "all streams in use": ({"other_streams": 100}, {}, "exotel.streams", "warn", "would be throttled"),
    "fewer streams than calls": ({"stream_limit": 10}, {}, "exotel.streams", "warn", "MAX_CALLS=100"),
    "no money": ({"balance": "-3.5"}, {}, "exotel.balance", "fail", "-3.50 INR"),
    "another account's number": (phones(phone_number="+918047100009"), {}, "exotel.number", "fail", "not among"),
    "a number for messages": (phones(capabilities={"voice": False}), {}, "exotel.number", "fail", "not for voice"),
    "a number that can't be": ({}, {"EXOTEL_CALLER_ID": "1800123456"}, "exotel.number", "fail", "E.164"),
    "no number": ({}, {"EXOTEL_CALLER_ID": ""}, "exotel.number", "skipped", "not set"),
    "no flow": (phones(voice_url=None), {}, "exotel.flow", "warn", "No flow"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(fault):
    account, settings, check, verdict, says = FAULTS[fault]

    @virtual
    async def run():
        finding = (await found(FakeExotelRest(**{"numbers": [PHONE], **account}), **settings))[check]
        assert finding.verdict == verdict
        assert says in finding.found + finding.advice

    run()


@pytest.mark.parametrize(
    ("what", "fault", "check", "verdict", "says"),
    [
        ("streams", Fault.TOO_MANY, "exotel.credentials", "warn", "429"),
        ("streams", Fault.NOT_ENABLED, "exotel.credentials", "fail", "403"),
        ("streams", Fault.AWAY, "exotel.credentials", "fail", "503"),
        ("streams", Fault.SILENT, "exotel.credentials", "fail", "no answer"),
        ("streams", Fault.PLACED_GARBLED, "exotel.credentials", "fail", "neither JSON nor XML"),
        ("balance", Fault.NO_SUCH, "exotel.balance", "skipped", "404"),
        ("numbers", Fault.BROKEN, "exotel.number", "skipped", "500"),
    ],
)
def test_an_answer_that_goes_wrong_is_named(what, fault, check, verdict, says):
    @virtual
    async def run():
        fake = FakeExotelRest(numbers=[PHONE])
        fake.plant(what, fault)
        finding = (await found(fake))[check]
        assert finding.verdict == verdict
        assert says in finding.found

    run()


@virtual
async def test_the_number_is_found_on_a_later_page_and_a_flow_that_is_not_told_is_skipped():
    others = [{**PHONE, "phone_number": f"+9180471{n:05}"} for n in range(100, 170)]
    mine = {key: value for key, value in PHONE.items() if key != "voice_url"}
    findings = await found(FakeExotelRest(numbers=[*others, mine]))
    assert findings["exotel.number"].verdict == "pass"
    assert findings["exotel.flow"].verdict == "skipped"
