"""An agent that says what it hears: for testing a line, by ear or by measurement, without an account anywhere."""

from collections.abc import Awaitable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from relay.agents.local import LocalSession
from relay.agents.roster import AgentSpec
from relay.agents.seam import Audio, CallInfo, Formats
from relay.agents.vendor import NewSession, Vendor, read_options
from relay.at_once import DONE
from relay.settings import Settings

_UTTERANCE: Final = "echo"


class EchoOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`delay_ms`: extra delay of the echo. Below 100, a line with jitter causes holes in it."""

    delay_ms: Annotated[int, Meta(ge=0, le=5000)] = 200


class EchoSession(LocalSession):
    """One call's echo, in the line's own format, sample by sample."""

    def __init__(self, options: EchoOptions) -> None:
        super().__init__()
        self._delay_ms = options.delay_ms

    async def connect(self, call: CallInfo) -> Formats:
        """Nothing to connect to. The delay is silence before everything else."""
        self._begin(call)
        silence = bytes(2 * (call.line.rate_hz * self._delay_ms // 1000))
        if silence:
            self._say(silence, _UTTERANCE, call.line)
        return Formats(call.line, call.line)

    def send_audio(self, data: bytes) -> Awaitable[None]:
        """Return it."""
        self._put(Audio(data, _UTTERANCE))
        return DONE


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError."""
    options = read_options(spec, EchoOptions, settings)
    return lambda context: EchoSession(options)


VENDOR = Vendor(title="Echo", configure=configure, options=EchoOptions)
