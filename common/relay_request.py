"""Requests of a relay to the functions that have no body, and their signature.

The header is the one of events; signed is the request line, so a signature is valid for this request only. The
functions sign their answers the same way, over the body.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

AGENTS = "/relay/agents"
AGENTS_FILE = "/relay/agents/file"
LONGEST_PROBLEM = 300  # characters


def to_sign(path: str, query: Mapping[str, str]) -> bytes:
    """`path`: one of those above, also behind a proxy with a path of its own."""
    return f"GET {path}?{urlencode(sorted(query.items()))}".encode()
