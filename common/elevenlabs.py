"""ElevenLabs' hosts. A workspace with data residency has a host of its own, and its keys are valid only there."""

from types import MappingProxyType

REST_HOSTS = MappingProxyType(
    {
        "default": "https://api.elevenlabs.io",
        "us": "https://api.us.elevenlabs.io",
        "eu": "https://api.eu.residency.elevenlabs.io",
        "india": "https://api.in.residency.elevenlabs.io",
        "singapore": "https://api.sg.residency.elevenlabs.io",
    }
)
"""Region, as `ELEVENLABS_REGION` names it, to the base of its REST API. The socket has the same host."""


def rest_base(region: str = "default", override: str = "") -> str:
    """Base URL without a trailing slash; `override` (`ELEVENLABS_BASE_URL`: a proxy, a fake) wins over `region`.

    In `override`, `ws:` and `wss:` are read as `http:` and `https:`.
    """
    base = (override or REST_HOSTS[region]).rstrip("/")
    return f"http{base[2:]}" if base.startswith(("ws://", "wss://")) else base
