"""Every message that relay and fakes exchange in these tests must be valid in the vendor's own SDK."""

import json
import re
from collections.abc import Iterator

import pytest

from sim.wire import FakeSocket
from tests.support.sdk_models import PYTHON, SdkModels

_SOUND = re.compile(r'"(data|delta|audio|audio_base_64|audio_base64|user_audio_chunk)":"[A-Za-z0-9+/=]{8,}"')
_OF_THEIR_OWN = ("openai", "deepgram", "gemini", "elevenlabs", "azure_voice_live", "sarvam")
_SDKS = {**{name: name for name in _OF_THEIR_OWN}, "azure_openai": "openai"}
"""By vendor. xAI's has no models of this socket."""


@pytest.fixture(scope="session")
def sdk_models() -> Iterator[SdkModels | None]:
    """None where the SDKs are not installed; tests/contract says so loudly."""
    models = SdkModels() if PYTHON.exists() else None
    yield models
    if models is not None:
        models.close()


@pytest.fixture(autouse=True)
def held_to_the_sdks(sdk_models: SdkModels | None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Listens in, and asks when the test is over: once for each message, whatever its sound.

    Not for a test marked `beyond_the_sdk`: servers do say things that their SDK does not allow.
    """
    said: dict[tuple[str, str, str], None] = {}

    def tap(vendor: str, side: str, message: str | bytes) -> None:
        if vendor not in _SDKS or (isinstance(message, bytes) and vendor != "gemini"):
            return  # a binary message is sound, but for Gemini's
        text = message.decode() if isinstance(message, bytes) else message
        said[_SDKS[vendor], side, _SOUND.sub(r'"\1":"AAAA"', text)] = None

    FakeSocket.tap = tap
    yield
    FakeSocket.tap = None
    if sdk_models is None or request.node.get_closest_marker("beyond_the_sdk"):
        return
    problems = [
        f"{vendor}: {side} said {text[:300]}: {problem}"
        for vendor, side, text in said
        if (problem := sdk_models.problem(vendor, side, json.loads(text)))
    ]
    assert not problems, "\n".join(problems)
