"""Which way out: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, for requests and sockets alike."""

import pytest

from common.env import SettingError
from common.proxy import check, proxy_for

PROXY, OTHER = "http://proxy.corp:3128", "http://plain.corp:8080"
BOTH = {"HTTPS_PROXY": PROXY, "HTTP_PROXY": OTHER}


@pytest.mark.parametrize(
    ("url", "environ", "way"),
    [
        ("https://api.elevenlabs.io/x", {}, None),
        ("https://api.elevenlabs.io/x", BOTH, PROXY),
        ("wss://api.openai.com/v1", BOTH, PROXY),
        ("http://functions.internal/relay/events", BOTH, OTHER),
        ("ws://agents.internal:9000/", BOTH, OTHER),
        ("wss://api.openai.com/v1", {"https_proxy": PROXY}, PROXY),
        ("wss://api.openai.com/v1", {"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        ("wss://api.openai.com/v1", {"ALL_PROXY": PROXY}, PROXY),
        ("wss://api.openai.com/v1", {"HTTP_PROXY": OTHER}, None),
        ("wss://api.openai.com/v1", {"HTTPS_PROXY": " "}, None),
    ],
)
def test_a_socket_goes_the_way_of_its_scheme(url, environ, way):
    """`wss` is in nobody's environment: the client's own reading of it sent every agent's socket past the proxy."""
    assert proxy_for(url, environ) == way


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("events.corp", "events.corp", True),
        ("events.corp", "corp", True),
        ("events.corp", ".corp", True),
        ("events.corp", "*.corp", True),
        ("events.corp", "other, corp ,third", True),
        ("events.corp", "EVENTS.CORP", True),
        ("events.corp", "*", True),
        ("events.corp", "events.corp:443", True),
        ("events.corp", "events.corp:80", False),
        ("eventscorp", "corp", False),
        ("events.corp.example", "corp", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("[fd00::1]", "fd00::/8", True),
        ("events.corp", "", False),
        ("events.corp", ",", False),
    ],
)
def test_what_no_proxy_names_goes_directly(host, no_proxy, direct):
    environ = BOTH | {"NO_PROXY": no_proxy}
    assert proxy_for(f"https://{host}/", environ) == (None if direct else PROXY)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9", "169.254.170.2", "169.254.169.254"])
def test_this_machine_and_its_cloud_are_never_asked_through_a_proxy(host):
    """`make run` posts its events to 127.0.0.1, ECS tells a task about itself at 169.254.170.2."""
    assert proxy_for(f"http://{host}:8081/relay/events", BOTH) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize("value", ["socks5://user:hunter2@proxy:1080", "proxy.corp:3128", "http://"])
def test_a_proxy_of_another_kind_stops_the_start_without_its_password(name, value):
    with pytest.raises(SettingError) as caught:
        check({name: value})
    assert str(caught.value) == f"{name.upper()}=(hidden): expected the http:// URL of a proxy"


def test_an_invalid_network_is_named():
    with pytest.raises(SettingError) as caught:
        check({"NO_PROXY": "internal,http://internal/"})
    assert str(caught.value).startswith("NO_PROXY='http://internal/': expected names, addresses or networks")


def test_proxies_that_can_be_used():
    check({**BOTH, "ALL_PROXY": "http://user:password@proxy.corp:3128", "NO_PROXY": "anything, 10.0.0.0/8"})
