"""What a relay asks the functions without a body, and how it proves that it is one.

The header is that of its events; what is signed is the request's own line, so that a signature is good for this
question alone. The functions sign what they answer in the same way, over the body.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

AGENTS = "/relay/agents"
AGENTS_FILE = "/relay/agents/file"
LONGEST_PROBLEM = 300  # characters


def to_sign(path: str, query: Mapping[str, str]) -> bytes:
    """`path`: one of those above, wherever it stands behind a proxy."""
    return f"GET {path}?{urlencode(sorted(query.items()))}".encode()
