"""What went wrong, in a sentence for people, and what to do about it."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from console.records.cause import SILENT_S, of_close, of_record

_STATUS = {
    401: "The relay refused the call: the token in its address is wrong or missing. Copy the whole address again, as "
    "the deployment or make run printed it.",
    403: "Something in front of the relay refused the WebSocket (403). Balancers that can't carry one do that, AWS App "
    "Runner for instance: use the address of one that can.",
    404: "The relay knows no such path or agent (404). The path is /media, then the token, then an agent's alias if "
    "you want a certain one.",
    502: "The balancer is there, but the relay behind it is not (502). Is a task running?",
    503: "The relay takes no calls now (503): it is full, or it is being shut down. Try again in a minute.",
    504: "The relay did not answer the load balancer in time (504).",
}
_REDIRECT = (
    "The address answers with a redirect ({status}). Exotel does not follow those: use the address it points to."
)


def no_connection(error: Exception, url: URL) -> str:
    """Why the media socket could not be opened."""
    place = f"{url.host}:{url.port}"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        if 300 <= error.status < 400:
            return _REDIRECT.format(status=error.status)
        return _STATUS.get(error.status, f"{place} did not open a WebSocket but answered {error.status}.")
    if isinstance(error, TimeoutError):
        return f"{place} did not answer within 10 seconds. Exotel would give up here too: is a firewall in between?"
    if isinstance(error, aiohttp.ClientConnectorDNSError) or _cause(error, socket.gaierror):
        return f"There is no host called {url.host}. Check the spelling, or wait until its DNS entry is known."
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return f"The certificate of {url.host} is not one the public trusts for this name; Exotel would refuse it too."
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return f"{place} does not speak TLS. For a relay on this machine the address begins with ws://, not wss://."
    if _cause(error, ConnectionRefusedError):
        return f"Nothing is listening at {place}. Is the relay running, and is the port right?"
    return f"The relay at {place} can't be reached: {error or type(error).__name__}."


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The message at the end of a call. `trouble`: the call should not have ended this way."""

    sentence: str
    advice: str = ""
    trouble: bool = False


def conclusion(
    by: str, close_code: int | None, close_reason: str, record: Mapping[str, Any], *, agent_heard: bool, lasted_s: float
) -> Conclusion:
    """How a call ended. `by`: caller, bot, dropped. `record`: the relay's own, empty if it can't be read.

    A relay always closes with 1000, because closing is the hand-over. The reason is in its record, else in its close
    frame; a silent agent is never taken for a goodbye.
    """
    cause = (of_record(dict(record)) if record else None) or of_close(close_reason)
    if cause is not None and not (by == "dropped" and cause.kind == "line_lost"):
        return Conclusion(cause.sentence, cause.advice, trouble=True)
    if by == "bot" and close_code != 1000:
        return Conclusion(_broken_off(close_code), trouble=True)
    unheard = not agent_heard and by != "dropped" and (by == "bot" or lasted_s >= SILENT_S)
    if unheard:
        who = "The relay closed the call" if by == "bot" else "You hung up"
        advice = "Look at the relay's log lines of this call, or run make doctor."
        return Conclusion(f"{who}, and nothing had been heard from the agent.", advice, trouble=True)
    said = _REASONS.get(str(record.get("end_reason", "")) or close_reason.partition(" ")[0], "")
    return Conclusion(said or _BY.get(by, _CLOSED))


_BY: Mapping[str, str] = {
    "caller": "You hung up.",
    "dropped": "The line was dropped without a goodbye, as when a phone loses its network.",
}
_CLOSED = "The relay closed the call: the agent said goodbye or handed over. Exotel would go on with the next applet."
_REASONS: Mapping[str, str] = {
    "caller_hung_up": "You hung up.",
    "line_lost": "The relay noticed that the line was gone.",
    "agent_ended": "The agent said goodbye, and its last words were played out.",
    "transferred": "The agent handed the call over to a human: Exotel would now dial.",
    "operator_ended": "Somebody has ended the call from the page of running calls.",
    "rejected": "The look-up said not to take this call: Exotel would go on with the next applet.",
    "caller_silent": "Nobody had said anything for idle_seconds, and the agent has said goodbye.",
    "time_limit": "The call reached MAX_CALL_SECONDS.",
    "replaced": "Another stream of the same call took over.",
}


def _broken_off(close_code: int | None) -> str:
    if close_code in {1001, 1012}:
        return f"The relay was shut down and ended the call ({close_code}). Exotel would go on with the next applet."
    return (
        "The relay broke off in the middle of the call: it crashed, or the network between it and here did. "
        "Exotel would go on with the next applet."
    )


def _cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
