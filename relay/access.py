"""Who may open a media socket, and which agent its path asks for (design D9)."""

import binascii
import hmac
from dataclasses import dataclass
from typing import Final

from relay.agents.roster import Roster
from relay.settings import Settings

_BASIC: Final = "basic "


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may go on. `alias`: the agent its path names, empty for none."""

    alias: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that may not. `status` and `reason` for the answer, the metric and the log."""

    status: int
    reason: str


class Gate:
    """Exotel signs nothing and strips queries, so a call proves itself by a token in the path or by Basic auth."""

    def __init__(self, settings: Settings, roster: Roster) -> None:
        self._token = settings.media_token
        self._basic = settings.media_basic_auth
        self._roster = roster

    @property
    def open(self) -> bool:
        """Nothing is asked of anybody: for tests and first steps only."""
        return not self._token and not self._basic

    def judge(self, segments: list[str], authorization: str | None) -> Admission | Refusal:
        """`segments`: what the path has after the route, `[TOKEN[/ALIAS]]`; without a configured token `[ALIAS]`."""
        by_token = bool(self._token) and bool(segments) and _same(segments[0], self._token)
        rest = segments[1:] if by_token else segments
        if not (by_token or self.open or self._knows(authorization)):
            return Refusal(401, "unauthorized")
        alias = rest[-1] if rest else ""
        if alias and (len(rest) > 1 or self._roster.find(alias) is None):
            return Refusal(404, "unknown_agent")
        return Admission(alias)

    def _knows(self, authorization: str | None) -> bool:
        if not self._basic or authorization is None or not authorization.lower().startswith(_BASIC):
            return False
        try:
            given = binascii.a2b_base64(authorization[len(_BASIC) :].strip())
        except ValueError:  # not base64, or not even ASCII
            return False
        return hmac.compare_digest(given, self._basic.encode())


def bearer_matches(authorization: str | None, token: str) -> bool:
    """`Authorization: Bearer TOKEN`, compared in constant time."""
    scheme, _, given = (authorization or "").partition(" ")
    return bool(token) and scheme.lower() == "bearer" and _same(given.strip(), token)


def _same(given: str, expected: str) -> bool:
    # bytes that are no UTF-8 reach us as surrogates, from headers and from paths
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())
