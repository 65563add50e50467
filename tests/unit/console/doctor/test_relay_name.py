"""Handshakes that the catalogue of faults can't plant with asyncio's own servers: their alerts, and what is no TLS."""

import asyncio
import contextlib
import socket
import ssl
import threading

import aiohttp
import pytest

from console.checks.network import Network
from console.checks.subject import Subject
from console.doctor.relay_name import check_tls
from tests.support.doctor_world import RELAY_HOST, authority, certificate


def trust():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


@contextlib.contextmanager
def speaking(talk):
    """A server on a thread, which `talk`s to each connection; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.settimeout(10)
                    with connection, contextlib.suppress(OSError):
                        talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


async def found(port, connect=None):
    async def here(host, port, tls):
        return await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=host)

    async with aiohttp.ClientSession() as session:
        network = Network(connect=connect or here, trust=trust)
        subject = Subject({}, session, relay_url=f"wss://{RELAY_HOST}:{port}/media/TOKEN", network=network)
        return {one.check: one async for one in check_tls(subject)}


async def test_a_server_that_refuses_our_version_with_an_alert():
    old = certificate(RELAY_HOST, newest=ssl.TLSVersion.TLSv1_1)
    with speaking(lambda connection: old.wrap_socket(connection, server_side=True).close()) as port:
        finding = (await found(port))["relay.tls"]
    assert (finding.verdict.value, finding.found) == ("fail", f"{RELAY_HOST} speaks no TLS version from 1.2 on")


async def test_what_speaks_no_tls_at_all():
    def talk(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with speaking(talk) as port:
        finding = (await found(port))["relay.tls"]
    assert finding.verdict.value == "fail"
    assert finding.advice == "Is TLS what this port speaks?"


async def test_a_server_that_will_agree_on_http2_only():
    """Strict servers end the handshake with an alert when nobody offers h2; Python's own goes on without."""

    async def connect(host, port, tls):
        if "h2" not in offered[-1]:
            error = ssl.SSLError(1, "no application protocol")
            error.reason = "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
            raise error
        return await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=host)

    offered = []

    class Context(ssl.SSLContext):
        def set_alpn_protocols(self, protocols):
            offered.append(protocols)
            super().set_alpn_protocols(protocols)

    def remembering():
        context = Context(ssl.PROTOCOL_TLS_CLIENT)
        authority().configure_trust(context)
        return context

    strict = certificate(RELAY_HOST)
    strict.set_alpn_protocols(["h2"])
    with speaking(lambda connection: strict.wrap_socket(connection, server_side=True).recv(1)) as port:
        async with aiohttp.ClientSession() as session:
            network = Network(connect=connect, trust=remembering)
            subject = Subject({}, session, relay_url=f"wss://{RELAY_HOST}:{port}/media/TOKEN", network=network)
            findings = {one.check: one.verdict.value async for one in check_tls(subject)}
    assert findings == {"relay.tls": "pass", "relay.certificate": "pass", "relay.http1": "fail"}


@pytest.mark.parametrize("refused", [ConnectionRefusedError(111, "Connection refused"), TimeoutError()])
async def test_nobody_there(refused):
    async def connect(host, port, tls):
        raise refused

    finding = (await found(9, connect))["relay.tls"]
    assert finding.verdict.value == "fail"
    assert "firewall" in finding.advice
