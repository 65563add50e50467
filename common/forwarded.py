"""How the client reached us, according to the proxies in front: with or without TLS, and whether there is a proxy at
all.
"""

from collections.abc import Mapping
from typing import Final

_SECURE: Final = frozenset({"https", "wss"})
_PLAIN: Final = frozenset({"http", "ws"})
_TRACES: Final = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "via")


def secure(headers: Mapping[str, str], default: bool) -> bool:
    """Whether the client used TLS. `headers`: lower-case names, or a case-insensitive mapping.

    The first entry of `X-Forwarded-Proto` is the client's; nearer proxies append theirs. Then the first element of
    `Forwarded` (RFC 7239). A word that is not a protocol is ignored.
    """
    for word in (_first(headers.get("x-forwarded-proto", "")), _forwarded_proto(headers.get("forwarded", ""))):
        if word in _SECURE:
            return True
        if word in _PLAIN:
            return False
    return default


def proxied(headers: Mapping[str, str]) -> bool:
    """Whether a proxy says that it forwarded the request: then the peer's address is the proxy's."""
    return any(name in headers for name in _TRACES)


def _forwarded_proto(header: str) -> str:
    for pair in _first(header, lower=False).split(";"):
        name, _, value = pair.strip().partition("=")
        if name.strip().lower() == "proto":
            return value.strip().strip('"').lower()
    return ""


def _first(header: str, *, lower: bool = True) -> str:
    entry = header.partition(",")[0].strip()
    return entry.lower() if lower else entry
