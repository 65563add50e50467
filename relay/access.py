"""Who may open a media socket, and which agent its path names (design D9)."""

from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import web

from common.credentials import bearer_matches, same_as_one
from common.forwarded import proxied, secure
from relay.agents.roster import Roster
from relay.settings import Settings


@dataclass(frozen=True, slots=True)
class Admission:
    """The request is allowed. `alias`: the agent that its path names, empty for none."""

    alias: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request is refused. `status` and `reason` for the answer, the metric and the log."""

    status: int
    reason: str


class Gate:
    """Exotel signs nothing and strips queries, so a call proves itself by a token in the path, by Basic auth, or both.

    If both are set both are needed: paths appear in many logs, so the token alone must not be enough.
    """

    def __init__(self, settings: Settings) -> None:
        self._token = settings.media_token
        self._basic = settings.media_basic_auth

    @property
    def open(self) -> bool:
        """No proof is needed; for tests and first steps only."""
        return not self._token and self._basic is None

    def judge(self, segments: list[str], authorization: str | None, roster: Roster) -> Admission | Refusal:
        """`segments`: the rest of the path after the route, `[TOKEN[/ALIAS]]`; without a configured token `[ALIAS]`.

        `roster`: the agents that a call may ask for now.
        """
        rest = segments
        if self._token:
            if not segments or not same_as_one(segments[0], self._token):
                return Refusal(401, "unauthorized")
            rest = segments[1:]
        if self._basic is not None and not self._basic.matches(authorization):
            return Refusal(401, "unauthorized")
        alias = rest[-1] if rest else ""
        if alias and (len(rest) > 1 or roster.find(alias) is None):
            return Refusal(404, "unknown_agent")
        return Admission(alias)


def socket_url(request: web.Request, settings: Settings) -> str:
    """The media socket's address for a client that asked at the same path, with the password that it needs."""
    base = settings.public_url
    if not base:
        scheme = "wss" if secure(request.headers, request.secure) else "ws"
        base = f"{scheme}://{request.host}"
    scheme, _, place = base.partition("://")
    userinfo = settings.media_basic_auth.userinfo if settings.media_basic_auth else ""
    return f"{scheme}://{userinfo}{place}{request.path}"


def may_operate(request: web.Request, settings: Settings) -> bool:
    """Whether the request is an operator's: it has METRICS_TOKEN or CONTROL_TOKEN, or is local and came through no
    proxy.
    """
    authorization = request.headers.get("Authorization")
    if bearer_matches(authorization, settings.metrics_token) or bearer_matches(authorization, settings.control_token):
        return True
    if proxied(request.headers) or request.remote is None:
        return False
    try:
        return ip_address(request.remote).is_loopback
    except ValueError:
        return False
