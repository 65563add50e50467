"""All that a vendor's server may say is read, or ignored for a reason: a new SDK with a new event fails here.

The SDK is asked for its events; the codec says in READERS what it reads and in IGNORED what it does not, and why.
"""

import importlib
from collections.abc import Iterator

import pytest

from relay.agents import HOSTED
from sim.vendors.registry import FAKES
from tests.support.sdk_models import SdkModels

VENDORS = tuple(
    name
    for name, vendor in HOSTED.items()
    if (not vendor.codec or name == "azure_voice_live") and not FAKES[name].no_sdk
)
"""Those with a codec of their own, or an SDK."""

BEYOND_THE_SDK = {
    "openai": {"ping": "Grok's"},
    "gemini": {},
    "deepgram": {},
    "azure_voice_live": {},
    "sarvam": {},
    "elevenlabs": {
        "error": "the older name of client_error",
        "queue_status": "of ElevenLabs' JavaScript client",
        "agent_reasoning_response_part": "of ElevenLabs' JavaScript client",
        "agent_typing": "of ElevenLabs' JavaScript client",
        "external_agent_connected": "of ElevenLabs' JavaScript client",
        "external_agent_disconnected": "of ElevenLabs' JavaScript client",
        "rich_content": "of ElevenLabs' JavaScript client",
    },
}
"""What is said without the Python SDK knowing it, by the documents that are named."""


@pytest.fixture(scope="module")
def models() -> Iterator[SdkModels]:
    models = SdkModels()
    yield models
    models.close()


def listed(vendor):
    """What the codec reads, and what it ignores."""
    codec = importlib.import_module(f"relay.agents.{HOSTED[vendor].codec or vendor}.codec")
    read = set(codec.READERS) | {f"serverContent.{name}" for name in getattr(codec, "CONTENT_READERS", ())}
    return read, set(codec.IGNORED)


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_event_of_the_sdk_is_unknown(models, vendor):
    read, ignored = listed(vendor)
    new = set(models.server_events(vendor)) - read - ignored
    folder = HOSTED[vendor].codec or vendor
    assert not new, f"new in the SDK: read them in relay/agents/{folder}/codec.py, or say there why not: {sorted(new)}"


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_event_is_listed_that_the_sdk_does_not_have(models, vendor):
    """A name that the vendor has dropped, or that was misspelled, would be waited for in vain.

    Vendors that share a codec share its list: a name of any of them will do.
    """
    read, ignored = listed(vendor)
    kin = [one for one in VENDORS if (HOSTED[one].codec or one) == (HOSTED[vendor].codec or vendor)]
    known = {event for one in kin for event in (*models.server_events(one), *BEYOND_THE_SDK[one])}
    gone = (read | ignored) - known
    assert not gone, f"not in the SDK: {sorted(gone)}"


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_event_is_read_or_ignored_and_never_both(vendor):
    read, ignored = listed(vendor)
    assert not read & ignored
