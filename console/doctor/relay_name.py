"""Checks the relay's public name: its DNS records, its certificate, and whether it speaks HTTP/1.1."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from console.checks.finding import Finding, Verdict
from console.checks.network import trouble
from console.checks.relay_address import RelayAddress
from console.checks.subject import Subject
from console.words import counted

EXPIRY_WARNING_DAYS = 14
_PATIENCE_S = 10.0
_ANSWER_S = 4.0
_DAY_S = 86_400.0
_HTTP1, _HTTP2 = "http/1.1", "h2"
_PUBLIC = "Exotel trusts public authorities only: get a certificate from one, such as Let's Encrypt."
_WHOLE = "Serve the whole chain (fullchain.pem): the intermediate is missing, or the authority is not a public one."
# OpenSSL's X509_V_ERR_… codes (ssl.SSLCertVerificationError.verify_code), and what each usually means.
_ADVICE = {
    9: "This machine's clock is wrong, or the certificate was made for later.",
    10: "Renew it, and see why the renewal did not come by itself.",
    18: _PUBLIC,
    19: _PUBLIC,
    20: _WHOLE,
    21: _WHOLE,
    62: "It is for another name: get one for this name, or paste the name it is for.",
}


@dataclass(frozen=True, slots=True)
class Handshake:
    """Result of a TLS handshake. `http2`: negotiated; `http1`: a request in HTTP/1.1 was answered in HTTP/1.1."""

    version: str
    certificate: dict[str, Any]
    http1: bool
    http2: bool


async def check_name(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.dns`: Exotel must be able to resolve and reach the name."""
    check, address = "relay.dns", RelayAddress.parse(subject.relay_url)
    host = address.socket.host or ""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            addresses = await subject.network.addresses(host)
    except (TimeoutError, OSError) as error:
        yield Finding(check, Verdict.FAIL, f"{host} {trouble(error)}", "Make a DNS record that points at the relay.")
        return
    private = [one for one in addresses if not ipaddress.ip_address(one.partition("%")[0]).is_global]
    listed = ", ".join(addresses)
    if private and address.secure:
        found = f"{host} resolves to {', '.join(private)}, which the internet can't reach"
        yield Finding(check, Verdict.FAIL, found, "Point the name at the balancer's public address.")
    elif all(":" in one for one in addresses):
        advice = "Add an A record: whether Exotel calls over IPv6 is not known."
        yield Finding(check, Verdict.WARN, f"{host} has IPv6 addresses only ({listed})", advice)
    else:
        yield Finding(check, Verdict.PASS, f"{host} resolves to {listed}")


async def check_tls(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.tls`, `relay.certificate`, `relay.http1`: what Exotel needs before it can request the socket."""
    address = RelayAddress.parse(subject.relay_url)
    host = address.socket.host or ""
    if not address.secure:
        for check in ("relay.tls", "relay.certificate", "relay.http1"):
            yield Finding(check, Verdict.SKIPPED, "there is no TLS at a ws:// address")
        return
    try:
        async with asyncio.timeout(_PATIENCE_S):
            met = await _meet(subject, address)
    except (TimeoutError, OSError) as error:
        yield _refusal(host, error)
        return
    yield Finding("relay.tls", Verdict.PASS, f"{host} has a trusted certificate for its name ({met.version})")
    yield _expiry(met.certificate, subject.now())
    if met.http1:
        yield Finding("relay.http1", Verdict.PASS, f"{host} speaks HTTP/1.1, which the upgrade needs")
    elif met.http2:
        advice = "Exotel upgrades over HTTP/1.1: allow it, and switch HTTP/2 end to end off at the balancer."
        yield Finding("relay.http1", Verdict.FAIL, f"{host} speaks HTTP/2 only", advice)
    else:
        advice = "Is it the relay's balancer that listens on this port?"
        yield Finding("relay.http1", Verdict.FAIL, f"{host} does not answer a request in HTTP/1.1", advice)


async def _meet(subject: Subject, address: RelayAddress) -> Handshake:
    """Raises OSError (ssl.SSLError is one)."""
    try:
        met = await _shake(subject, address, [_HTTP1])
    except ssl.SSLError as error:
        if "NO_APPLICATION_PROTOCOL" not in (error.reason or ""):
            raise
    else:
        if met.http1:
            return met
    # no HTTP/1.1, but the certificate can still be checked
    return await _shake(subject, address, [_HTTP2, _HTTP1])


async def _shake(subject: Subject, address: RelayAddress, offered: Sequence[str]) -> Handshake:
    context = subject.network.trust()
    context.set_alpn_protocols(list(offered))
    reader, writer = await subject.network.connect(address.socket.host or "", address.port, context)
    try:
        tls = writer.get_extra_info("ssl_object")
        http2 = tls.selected_alpn_protocol() == _HTTP2
        http1 = not http2 and await _speaks_http1(reader, writer, address.socket.authority)
        return Handshake(tls.version(), writer.get_extra_info("peercert"), http1, http2)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _speaks_http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> bool:
    writer.write(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
        async with asyncio.timeout(_ANSWER_S):
            return await reader.readexactly(7) == b"HTTP/1."
    return False


def _refusal(host: str, error: Exception) -> Finding:
    """The outcome of the handshake, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = _ADVICE.get(error.verify_code, "Get a certificate for this name from a public authority.")
        found = f"{host}: its certificate is refused: {error.verify_message}"
    elif isinstance(error, ssl.SSLError) and (error.reason or "").endswith(
        ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL")
    ):
        advice = "Let the balancer speak TLS 1.2 and 1.3."
        found = f"{host} speaks no TLS version from 1.2 on"
    elif isinstance(error, ConnectionResetError):  # some servers send no alert for an unknown version
        advice = "Let the balancer speak TLS 1.2 and 1.3 on this port."
        found = f"{host} hangs up during the TLS handshake"
    elif isinstance(error, ssl.SSLError):
        advice = "Is TLS what this port speaks?"
        found = f"{host}: no TLS handshake: {(error.reason or 'it failed').replace('_', ' ').lower()}"
    else:
        advice = "Is the load balancer up, and does its firewall allow connections from outside on this port?"
        found = f"{host} {trouble(error)}"
    return Finding("relay.tls", Verdict.FAIL, found, advice)


def _expiry(certificate: dict[str, Any], now: float) -> Finding:
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - now) / _DAY_S
    found = f"the certificate is valid for {counted(round(days), 'more day')}"
    if days >= EXPIRY_WARNING_DAYS:
        return Finding("relay.certificate", Verdict.PASS, found)
    return Finding("relay.certificate", Verdict.WARN, found, "Renew it: calls fail from the day it expires.")
