"""What the proxies in front say about how the client reached us."""

import pytest

from common.forwarded import proxied, secure


@pytest.mark.parametrize(
    ("headers", "with_tls"),
    [
        ({"x-forwarded-proto": "https"}, True),
        ({"x-forwarded-proto": " WSS , http"}, True),
        ({"x-forwarded-proto": "http, https"}, False),
        ({"forwarded": 'for=192.0.2.60; Proto="HTTPS" ;by=203.0.113.43'}, True),
        ({"forwarded": "for=192.0.2.60;proto=http, for=10.0.0.1;proto=https"}, False),
        ({"forwarded": "PROTO=ws"}, False),
        ({"x-forwarded-proto": "spdy", "forwarded": "proto=wss"}, True),
        ({"x-forwarded-proto": "http", "forwarded": "proto=https"}, False),
    ],
)
def test_the_client_s_protocol_is_the_first_that_is_one(headers, with_tls):
    assert secure(headers, default=True) is with_tls
    assert secure(headers, default=False) is with_tls


@pytest.mark.parametrize(
    "headers", [{}, {"x-forwarded-proto": "spdy"}, {"forwarded": "for=https;host=wss"}, {"forwarded": "proto"}]
)
def test_without_a_protocol_the_default_counts(headers):
    assert secure(headers, default=True)
    assert not secure(headers, default=False)


@pytest.mark.parametrize("name", ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "via"])
def test_any_trace_of_a_proxy_is_one(name):
    assert proxied({"host": "relay.example", name: ""})
    assert not proxied({"host": "relay.example"})
