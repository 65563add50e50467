"""What went wrong, as a person would say it, and what to do about it."""

import socket
import ssl

import aiohttp
from yarl import URL

_STATUS = {
    401: "The relay refused the call: the token in its address is wrong or missing. Copy the whole address again, as "
    "the deployment or make run printed it.",
    403: "Something in front of the relay refused the WebSocket (403). Balancers that can't carry one do that, AWS App "
    "Runner for instance: use the address of one that can.",
    404: "The relay knows no such path or agent (404). The path is /media, then the token, then an agent's alias if "
    "you want a certain one.",
    502: "The balancer is there, but the relay behind it is not (502). Is a task running?",
    503: "The relay takes no calls now (503): it is full, or it is being shut down. Try again in a minute.",
    504: "The balancer waited for the relay in vain (504).",
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
        return f"Nobody listens at {place}. Is the relay running, and is the port right?"
    return f"The relay at {place} can't be reached: {error or type(error).__name__}."


def ended(by: str, close_code: int | None) -> str:
    """How a call ended. `by`: caller, bot, dropped."""
    if by == "caller":
        return "You hung up."
    if by == "dropped":
        return "The line was dropped without a goodbye, as when a phone loses its network."
    if close_code == 1000:
        return (
            "The relay closed the call: the agent said goodbye or handed over. Exotel would go on with the next applet."
        )
    if close_code in {1001, 1012}:
        return f"The relay was shut down and ended the call ({close_code}). Exotel would go on with the next applet."
    return (
        "The relay broke off in the middle of the call: it crashed, or the network between it and here did. "
        "Exotel would go on with the next applet."
    )


_REASONS = {
    "caller_hung_up": "You hung up.",
    "line_lost": "The relay noticed that the line was gone.",
    "agent_ended": "The agent said goodbye, and its last words were played out.",
    "transferred": "The agent handed the call over to a human: Exotel would now dial.",
    "agent_failed": "No agent could be had or kept.",
    "time_limit": "The call reached MAX_CALL_SECONDS.",
    "shutdown": "The relay was shut down.",
}


def recorded(end_reason: str) -> str:
    """What the relay's own record says of the end; empty when it has nothing to add."""
    return _REASONS.get(end_reason, "")


def _cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
