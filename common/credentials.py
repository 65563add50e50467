"""Secrets chosen by the operator: their minimal length, comparing them, and writing them for HTTP Basic."""

import binascii
import hmac
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import quote

SECRET_LENGTH: Final = 16
"""Characters of a secret at least: whatever it is made of, guessing over a network does not get through these."""


def same(given: str, expected: str) -> bool:
    """Compared in constant time. `given` may be anything that came over the network."""
    # bytes that are not UTF-8 arrive as surrogates, from headers and from paths
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def same_as_one(given: str, accepted: str) -> bool:
    """`accepted`: one secret, or several separated by commas during a rotation; empty accepts nothing."""
    # compare all of them, in constant time
    return sum(same(given, secret) for secret in accepted.split(",") if secret) > 0


def bearer_matches(authorization: str | None, token: str) -> bool:
    """`Authorization: Bearer TOKEN`; `token` as in `same_as_one`. An empty one matches no request."""
    scheme, _, given = (authorization or "").partition(" ")
    return scheme.lower() == "bearer" and same_as_one(given.strip(), token)


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password of HTTP's Basic scheme (RFC 7617)."""

    user: str
    password: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`user:password`, neither empty; the password may contain colons. None for anything else."""
        user, separator, password = text.partition(":")
        return cls(user, password) if user and separator and password else None

    def matches(self, authorization: str | None) -> bool:
        """Whether a request's Authorization header carries these credentials."""
        scheme, _, encoded = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = binascii.a2b_base64(encoded.strip())
        except ValueError:  # not base64, or not even ASCII
            return False
        return hmac.compare_digest(given, f"{self.user}:{self.password}".encode())

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Basic {binascii.b2a_base64(f'{self.user}:{self.password}'.encode(), newline=False).decode()}"

    @property
    def userinfo(self) -> str:
        """The part before the host of a URL: `user:password@`, percent-encoded."""
        return f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
