"""Whose Exotel account, and where its REST API is (exotel.md 4.1).

EXOTEL_SID, EXOTEL_API_KEY, EXOTEL_API_TOKEN   as the dashboard's page "API settings" shows them
EXOTEL_SUBDOMAIN                               api.in.exotel.com (Mumbai, the default) or api.exotel.com (Singapore)
EXOTEL_BASE_URL                                another host altogether: a proxy, a fake
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from common.env import Env, SettingError

CREDENTIALS = ("EXOTEL_SID", "EXOTEL_API_KEY", "EXOTEL_API_TOKEN")
MUMBAI, SINGAPORE = "api.in.exotel.com", "api.exotel.com"
_SID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Account:
    """`sid`: the account's name, as in every path; key and token: for HTTP Basic."""

    sid: str
    api_key: str = field(repr=False)
    api_token: str = field(repr=False)
    base_url: URL = URL(f"https://{MUMBAI}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Account":
        """Raises SettingError."""
        env = Env(environ)
        sid, key, token = (env.required(name, "what Exotel's page API settings shows") for name in CREDENTIALS)
        if not _SID.fullmatch(sid):
            raise SettingError("EXOTEL_SID", sid, "the account's SID such as acmehealth1: letters, digits, _ or -")
        return cls(sid, key, token, _base_url(env))


def is_set_up(environ: Mapping[str, str]) -> bool:
    """Whether any of the credentials is set: users who set none need no error about missing ones."""
    return any(environ.get(name, "").strip() for name in CREDENTIALS)


def _base_url(env: Env) -> URL:
    if given := env.text("EXOTEL_BASE_URL"):
        url = URL(given)
        # Every request carries Basic credentials.
        if not url.host or (url.scheme != "https" and not (url.scheme == "http" and url.host in _LOOPBACK)):
            raise SettingError("EXOTEL_BASE_URL", given, "https://…, or http:// on this machine")
        return url
    # The dashboard shows the host with an @ before it, as in a URL with credentials.
    host = env.text("EXOTEL_SUBDOMAIN", default=MUMBAI).lstrip("@")
    if host not in {MUMBAI, SINGAPORE}:
        raise SettingError("EXOTEL_SUBDOMAIN", host, f"{MUMBAI} (Mumbai) or {SINGAPORE} (Singapore)")
    return URL(f"https://{host}")
