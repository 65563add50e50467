"""The one signature scheme of both our webhooks: ``t=UNIX,v0=HEX``.

ElevenLabs signs its post-call webhooks this way (header ``ElevenLabs-Signature``), and the relay its events (header
``Relay-Signature``): HMAC-SHA256, keyed with the whole secret as UTF-8, over ``t + "." + body``, where `body` is the
exact bytes on the wire. A re-serialised body never verifies.
"""

import hmac
import time
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256

RELAY_HEADER = "Relay-Signature"
ELEVENLABS_HEADER = "ElevenLabs-Signature"


class Verdict(StrEnum):
    """Why a signature was accepted or not; logged, and never sent to the sender."""

    VALID = "valid"
    MISSING = "missing"
    MALFORMED = "malformed"
    TOO_OLD = "too_old"
    IN_THE_FUTURE = "in_the_future"
    MISMATCH = "mismatch"


def sign(body: bytes, secret: str, at: float | None = None) -> str:
    """Header value for `body`; `at` is Unix seconds, now by default."""
    stamp = str(int(time.time() if at is None else at))
    return f"t={stamp},v0={_digest(stamp, body, secret)}"


def verify(
    body: bytes,
    header: str | None,
    secrets: Sequence[str],
    *,
    now: float | None = None,
    max_age_s: float = 1800,
    max_future_s: float = 300,
) -> Verdict:
    """Check `header` over the raw `body` against every secret (several are valid during a rotation).

    The window has two sides: `max_age_s` back, because the sender may retry for half an hour, and `max_future_s` ahead,
    for clocks that differ. Never raises; the comparison takes the same time for every wrong digest.
    """
    stamp, digests = _parse(header or "")
    if stamp is None or not digests:
        return Verdict.MALFORMED if header else Verdict.MISSING
    matched = False
    for secret in secrets:
        expected = _digest(stamp, body, secret)
        for digest in digests:
            matched |= hmac.compare_digest(expected.encode(), digest.encode(errors="surrogatepass"))
    if not matched:
        return Verdict.MISMATCH
    return _age(stamp, now, max_age_s, max_future_s)


def verify_head(
    header: str | None, *, now: float | None = None, max_age_s: float = 1800, max_future_s: float = 300
) -> Verdict:
    """Check `header` before the body is there: VALID means only that it may still be valid."""
    stamp, digests = _parse(header or "")
    if stamp is None or not digests:
        return Verdict.MALFORMED if header else Verdict.MISSING
    return _age(stamp, now, max_age_s, max_future_s)


def _age(stamp: str, now: float | None, max_age_s: float, max_future_s: float) -> Verdict:
    age = (time.time() if now is None else now) - int(stamp)
    if age > max_age_s:
        return Verdict.TOO_OLD
    if age < -max_future_s:
        return Verdict.IN_THE_FUTURE
    return Verdict.VALID


def _digest(stamp: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, sha256).hexdigest()


def _parse(header: str) -> tuple[str | None, list[str]]:
    stamp: str | None = None
    digests: list[str] = []
    for part in header.split(","):
        key, _, value = part.strip().partition("=")
        value = value.strip()
        if key == "t" and value.isascii() and value.isdigit() and len(value) <= 12:
            stamp = value
        elif key == "v0" and value:
            digests.append(value.lower())
    return stamp, digests
