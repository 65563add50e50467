"""Proof that a conversation belongs to a call: the relay gives it to the agent, and the functions check it.

Anybody who starts a conversation with a public agent can choose its variables, `call_sid` among them, and its webhook
is signed like any other. A stranger can't make this proof: an HMAC over the ids of call and stream, with a key derived
from `EVENTS_SECRET`, which relay and functions share.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

VARIABLE: Final = "call_proof"
"""Name of the dynamic variable."""


def prove(call_sid: str, stream_sid: str, secret: str) -> str:
    """The variable's value for one stream of a call."""
    return f"{stream_sid}:{_digest(call_sid, stream_sid, secret)}"


def proves(value: str, call_sid: str, secrets: Sequence[str]) -> bool:
    """Whether `value` was made for a stream of `call_sid` with one of `secrets` (several during a rotation)."""
    stream_sid, separator, digest = value.rpartition(":")
    given = digest.encode(errors="surrogatepass")
    found = [hmac.compare_digest(given, _digest(call_sid, stream_sid, secret).encode()) for secret in secrets]
    return bool(separator) and any(found)


def _digest(call_sid: str, stream_sid: str, secret: str) -> str:
    key = hmac.new(secret.encode(), b"proof of a conversation", sha256).digest()
    return hmac.new(key, f"{call_sid}\n{stream_sid}".encode(errors="surrogatepass"), sha256).hexdigest()
