"""The applet's address, taken apart."""

import aiohttp
import pytest

from console.checks.finding import Verdict
from console.checks.relay_address import RelayAddress, check_address
from console.checks.subject import Subject
from tests.support.virtual import virtual

PARTS = {
    "wss://relay.example.com/media/TOKEN": ("wss://relay.example.com/media/TOKEN", "TOKEN", "/ready"),
    "wss://relay.example.com/media/TOKEN/front?a=b": ("wss://relay.example.com/media/TOKEN/front", "TOKEN", "/ready"),
    "https://relay.example.com/media/TOKEN": ("wss://relay.example.com/media/TOKEN", "TOKEN", "/ready"),
    "wss://me:secret@relay.example.com/media": ("wss://relay.example.com/media", "", "/ready"),
    "ws://127.0.0.1:8080/v1/convai/conversation/exotel/TOKEN": (
        "ws://127.0.0.1:8080/v1/convai/conversation/exotel/TOKEN",
        "TOKEN",
        "/ready",
    ),
    "wss://example.com/voice/media/TOKEN": ("wss://example.com/voice/media/TOKEN", "TOKEN", "/voice/ready"),
    "wss://media.example.com/media/media": ("wss://media.example.com/media/media", "media", "/ready"),
}


@pytest.mark.parametrize("text", PARTS)
def test_a_relay_address_is_split_into_socket_token_and_ready_path(text):
    socket, token, ready = PARTS[text]
    address = RelayAddress.parse(text)
    assert (str(address.socket), address.token, address.at("/ready").path) == (socket, token, ready)
    assert address.dynamic is text.startswith("http")


OTHERS = {
    "wss://relay.example.com/media/TOKEN": ("/media/guess", "/media"),
    "wss://relay.example.com/media/TOKEN/front": ("/media/guess/front", "/media"),
    "wss://relay.example.com/media": ("/media/guess", "/media"),
    "wss://relay.example.com/media/media": ("/media/guess", "/media"),
}


@pytest.mark.parametrize("text", OTHERS)
def test_the_same_with_a_guess_and_with_nothing(text):
    address = RelayAddress.parse(text)
    assert (address.with_token("guess").path, address.with_token("").path) == OTHERS[text]


def test_a_password_goes_into_the_header_and_nowhere_else():
    address = RelayAddress.parse("wss://me:s%C3%A9cret@relay.example.com/media")
    assert address.headers == {"Authorization": "Basic bWU6c8OpY3JldA=="}
    assert "cret" not in str(address.socket) + str(address.http)


@pytest.mark.parametrize("text", ["relay.example.com/media/TOKEN", "ftp://relay.example.com/TOKEN", "wss://[TOKEN"])
@virtual
async def test_an_invalid_address_is_reported_without_showing_it(text):
    async with aiohttp.ClientSession() as session:
        (finding,) = [one async for one in check_address(Subject({}, session, relay_url=text))]
    assert finding.verdict is Verdict.FAIL
    assert "TOKEN" not in finding.found


@virtual
async def test_without_tls_exotel_takes_it_for_tests_only():
    async with aiohttp.ClientSession() as session:
        subject = Subject({}, session, relay_url="ws://127.0.0.1:8080/media/TOKEN")
        (finding,) = [one async for one in check_address(subject)]
    assert finding.verdict is Verdict.WARN
