"""Outgoing connections through a proxy: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, for sockets and requests.

A relay in a closed network reaches its agents through one. `wss://` uses the same proxy as `https://`. This machine,
and the addresses of a cloud's metadata service, are never reached through a proxy, regardless of NO_PROXY.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from common.env import SettingError

_PLAIN: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_SCHEMES: Final = ("http://", "https://")


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy's URL; None for a direct connection. NO_PROXY lists domains with their subdomains, addresses, networks,
    `*`.
    """
    parts = urlsplit(url)
    host, scheme = (parts.hostname or "").rstrip("."), _PLAIN.get(parts.scheme, parts.scheme)
    proxy = _read(environ, f"{scheme}_proxy") or _read(environ, "all_proxy")
    if not proxy or not host or _is_here(host):
        return None
    port = parts.port or (443 if scheme == "https" else 80)
    entries = [entry.strip().lower() for entry in _read(environ, "no_proxy").split(",") if entry.strip()]
    return None if any(_covers(entry, host, port) for entry in entries) else proxy


def check(environ: Mapping[str, str]) -> None:
    """Raises SettingError for a proxy that is not an HTTP proxy (its value may hold a password), or for NO_PROXY."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        if (proxy := _read(environ, name)) and not (proxy.startswith(_SCHEMES) and urlsplit(proxy).hostname):
            raise SettingError(name.upper(), proxy, "the http:// URL of a proxy", secret=True)
    for entry in _read(environ, "no_proxy").split(","):
        try:
            if "/" in entry:
                ip_network(entry.strip(), strict=False)
        except ValueError:
            raise SettingError("NO_PROXY", entry, "names, addresses or networks such as 10.0.0.0/8") from None


def _read(environ: Mapping[str, str], name: str) -> str:
    # lower case comes first by convention; in CGI, HTTP_PROXY could be a request's header, but this is not CGI
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _is_here(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_link_local


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, _, only_port = entry.rpartition(":")
    if name and only_port.isdigit() and ":" not in name:
        if int(only_port) != port:
            return False
        entry = name
    try:
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        entry = entry.removeprefix("*").lstrip(".")
        return bool(entry) and (host == entry or host.endswith(f".{entry}"))
