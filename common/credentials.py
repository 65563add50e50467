"""Secrets that whoever runs this chose: how long they are at least, how they are compared, how Basic writes them."""

import binascii
import hmac
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import quote

SECRET_LENGTH: Final = 16
"""Characters of a secret at least: whatever it is made of, guessing over a network does not get through these."""


def same(given: str, expected: str) -> bool:
    """Compared in constant time. `given` may be anything that came over the network."""
    # bytes that are no UTF-8 reach us as surrogates, from headers and from paths
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def same_as_one(given: str, accepted: str) -> bool:
    """`accepted`: one secret, or several with commas while one is rotated; empty accepts nothing."""
    return sum(same(given, secret) for secret in accepted.split(",") if secret) > 0  # all are compared, whichever fits


def bearer_matches(authorization: str | None, token: str) -> bool:
    """`Authorization: Bearer TOKEN`; `token` as `same_as_one` has it. An empty one matches nobody."""
    scheme, _, given = (authorization or "").partition(" ")
    return scheme.lower() == "bearer" and same_as_one(given.strip(), token)


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password of HTTP's Basic scheme (RFC 7617)."""

    user: str
    password: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`user:password`, both of them not empty; the password may hold colons. None for anything else."""
        user, separator, password = text.partition(":")
        return cls(user, password) if user and separator and password else None

    def matches(self, authorization: str | None) -> bool:
        """Whether a request's Authorization header carries these."""
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
        """As the Authorization header's value."""
        return f"Basic {binascii.b2a_base64(f'{self.user}:{self.password}'.encode(), newline=False).decode()}"

    @property
    def userinfo(self) -> str:
        """As it stands before the host of a URL: `user:password@`, percent-encoded."""
        return f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
