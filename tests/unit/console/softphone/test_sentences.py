"""Addresses as they are pasted, and what a person is told when one can't be called."""

import aiohttp
import pytest
from yarl import URL

from console.checks.shown import bare
from console.softphone import sentences
from console.softphone.address import Address
from console.softphone.call import NotConnectedError, PhoneCall
from sim.processes import free_port
from tests.support.relay_world import relay_world


def test_the_query_stays_with_exotel():
    address = Address.parse(" wss://relay.example.com/media/t0ken/sales?sample-rate=16000&tenant=acme ")
    assert str(address.url) == "wss://relay.example.com/media/t0ken/sales"
    assert (address.rate_hz, address.parameters) == (16000, {"tenant": "acme"})


def test_an_https_address_is_that_of_its_socket():
    assert str(Address.parse("https://relay.example.com/media").url) == "wss://relay.example.com/media"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("relay.example.com/media", "begins with wss://"),
        ("ftp://relay.example.com/media", "begins with wss://"),
        ("wss://relay.example.com/media?sample-rate=44100", "speaks 8000 or 16000"),
        ("wss://relay.example.com/media?a=1&b=2&c=3&d=4", "Exotel takes 3"),
        (f"wss://relay.example.com/media?a={'x' * 300}", "Exotel takes 256"),
        ("wss://relay.example.com:port/media", "can't be read"),
    ],
)
def test_what_exotel_would_not_take_is_refused_with_a_reason(text, says):
    with pytest.raises(ValueError, match=says):
        Address.parse(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://relay.example.com/media", "wss://relay.example.com/media"),
        ("wss://relay.example.com/media/t0ken/sales", "wss://relay.example.com/media/…"),
        ("wss://user:pa55@relay.example.com:8443/media", "wss://relay.example.com:8443/media"),
        (
            "ws://127.0.0.1:8080/v1/convai/conversation/exotel/t0ken",
            "ws://127.0.0.1:8080/v1/convai/conversation/exotel/…",
        ),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert bare(URL(url)) == shown


async def refusal(url):
    call = PhoneCall(Address.parse(url), 8000, from_="", to="", on_beat=lambda beat: None, on_line=lambda event: None)
    with pytest.raises(NotConnectedError) as caught:
        await call.run(lambda: None)
    return str(caught.value)


async def test_a_wrong_token_is_named(tmp_path):
    async with relay_world(tmp_path, settings={"media_token": "right"}) as world:
        assert "token in its address is wrong or missing" in await refusal(f"{world.media_url}/wrong")
        assert "no such path or agent" in await refusal(f"{world.media_url}/right/nobody")
        world.relay.draining = True
        assert "takes no calls now" in await refusal(f"{world.media_url}/right")
        assert "does not speak TLS" in await refusal(world.media_url.replace("ws://", "wss://"))


async def test_nobody_listening_is_named():
    port = free_port()
    assert await refusal(f"ws://127.0.0.1:{port}/media") == (
        f"Nothing is listening at 127.0.0.1:{port}. Is the relay running, and is the port right?"
    )


async def test_a_host_that_does_not_exist_is_named():
    assert "There is no host called nowhere.invalid" in await refusal("wss://nowhere.invalid/media")


def test_a_redirect_is_not_followed_by_exotel_either():
    request = aiohttp.RequestInfo(URL("ws://h/"), "GET", {}, URL("ws://h/"))
    error = aiohttp.WSServerHandshakeError(request, (), status=301)
    assert "redirect (301)" in sentences.no_connection(error, URL("wss://h/media"))


def concluded(by, code=None, reason="", record=None, *, heard=True, lasted_s=20.0):
    return sentences.conclusion(by, code, reason, record or {}, agent_heard=heard, lasted_s=lasted_s)


@pytest.mark.parametrize(
    ("arguments", "says", "trouble"),
    [
        (("caller",), "You hung up.", False),
        (("dropped",), "dropped without a goodbye", False),
        (("dropped", None, "", {"end_reason": "line_lost"}), "The relay noticed that the line was gone.", False),
        (("bot", 1000), "closed the call: the agent said goodbye or handed over", False),
        (("bot", 1000, "transferred"), "handed the call over to a human", False),
        (("bot", 1001), "was shut down", True),
        (("bot", 1006), "broke off in the middle of the call", True),
        (("bot", None), "broke off in the middle of the call", True),
        (("bot", 1000, "agent_failed elevenlabs http_401"), "ElevenLabs refused the API key.", True),
        (("bot", 1000, "", {"end_reason": "agent_failed"}), "No agent could be reached", True),
    ],
)
def test_every_end_has_a_sentence(arguments, says, trouble):
    told = concluded(*arguments)
    assert says in told.sentence
    assert told.trouble is trouble


def test_a_silent_agent_is_never_reported_as_a_goodbye():
    """A wrong vendor key closed the call with 1000 before a word: "the agent said goodbye", said the page."""
    assert concluded("bot", 1000, heard=False).trouble
    assert "nothing had been heard from the agent" in concluded("bot", 1000, heard=False).sentence
    assert "nothing had been heard" in concluded("caller", heard=False).sentence
    assert not concluded("caller", heard=False, lasted_s=1.0).trouble, "hung up before an agent could have spoken"


@pytest.mark.parametrize("text", ["wss://[T0KEN/media", "relay/T0KEN", "ftp://relay/media/T0KEN", "wss://r:x/T0KEN"])
def test_a_malformed_address_is_refused_without_being_shown(text):
    with pytest.raises(ValueError, match="expected") as caught:
        Address.parse(text)
    assert "T0KEN" not in str(caught.value)
