"""TwiML as bots write it, and Twilio's signature by its own example."""

import pytest

from relay.agents.telephony.twiml import Answer, Dial, HangUp, read_answer, read_order, twilio_signature

STREAM = """<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <!-- as a framework writes it -->
  <Say>Hello</Say>
  <Connect><Stream url="wss://bot.example.com/ws?x=1&amp;y=2">
    <Parameter name="tenant" value="acme"/><Parameter name="flow" value="book"/>
  </Stream></Connect>
</Response>"""


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (STREAM, Answer("wss://bot.example.com/ws?x=1&y=2", {"tenant": "acme", "flow": "book"})),
        ('<Response><Connect><Stream url="ws://bot/ws"/></Connect></Response>', Answer("ws://bot/ws", {})),
        ('{"url": "wss://bot/ws", "parameters": {"n": 1}}', Answer("wss://bot/ws", {"n": "1"})),
        ('{"url": "wss://bot/ws"}', Answer("wss://bot/ws", {})),
    ],
)
def test_where_the_stream_goes(body, answer):
    assert read_answer(body.encode()) == answer


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "expected TwiML"),
        ("<html></html>", "expected <Response>, got <html>"),
        ("<Response><Say>hi</Say></Response>", "expected <Connect><Stream url=…>"),
        ("<Response><Connect><Stream/></Connect></Response>", "expected the stream's url to be a wss:// address"),
        ('<Response><Connect><Stream url="https://x"/></Connect></Response>', "wss:// address"),
        ('{"url": 5}', "wss:// address"),
        ("{", "Expecting property name"),
        ('<!DOCTYPE a [<!ENTITY b "b">]><Response>&b;</Response>', "without a doctype or entities"),
        ("<Response>\xff", "expected TwiML"),
    ],
)
def test_an_answer_that_leads_nowhere_is_named(body, problem):
    with pytest.raises(ValueError, match=problem):
        read_answer(body.encode())


@pytest.mark.parametrize(
    ("twiml", "order"),
    [
        ("<Response><Hangup/></Response>", HangUp()),
        ("<Response><Say>Bye</Say><Hangup/></Response>", HangUp()),
        ("<Response><Dial>+919876500001</Dial></Response>", Dial("+919876500001")),
        ("<Response><Dial timeout='10'><Number> billing </Number></Dial></Response>", Dial("billing")),
    ],
)
def test_what_a_bot_wants_with_a_call(twiml, order):
    assert read_order(twiml) == order


@pytest.mark.parametrize(
    "twiml", ["<Response/>", "<Response><Dial/></Response>", "<Response><Redirect/></Response>", "x"]
)
def test_what_is_not_done_here_is_named(twiml):
    with pytest.raises(ValueError, match="expected"):
        read_order(twiml)


def test_the_signature_of_twilios_own_documentation():
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio_signature(url, form, "12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
