"""Bots written for Twilio's Media Streams, as agents: the relay is their Twilio (other-agents.md C2).

[agents.mine]
vendor = "twilio"
options = { url = "wss://bot.example.com/ws" }                     # straight to the socket
options = { webhook = "https://bot.example.com/voice" }            # or ask first, for TwiML or JSON
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import aiohttp

from common.env import Env
from relay.agents.roster import AgentSpec
from relay.agents.seam import AgentError, CallInfo
from relay.agents.telephony.codec import base64, decode, encode
from relay.agents.telephony.dialect import FromBot
from relay.agents.telephony.options import BotOptions
from relay.agents.telephony.rest import BASE
from relay.agents.telephony.session import FRAMES_PER_SECOND, TelephonySession
from relay.agents.telephony.twiml import Answer, read_answer, twilio_signature
from relay.agents.vendor import NewSession, Vendor, VendorContext, read_options
from relay.audio.convert import AudioFormat, Encoding
from relay.outgoing import whole
from relay.settings import Settings

WEBHOOK_TIMEOUT: Final = aiohttp.ClientTimeout(total=4)
_LARGEST_ANSWER: Final = 64 * 1024
_SIGNATURE: Final = "X-Twilio-Signature"


class TwilioOptions(BotOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`webhook`: requested first, like a number's voice URL at Twilio; `url` is then not needed. `auth_token_env`: the
    variable with the token that signs webhook and upgrade, for bots that check X-Twilio-Signature. `transfer_targets`:
    number that the bot dials by REST → name of a target (rest.py).
    """

    webhook: str = ""
    auth_token_env: str = ""
    transfer_targets: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.webhook and not self.webhook.startswith(("https://", "http://")):
            raise ValueError("expected webhook to be an https:// address")
        if bool(self.webhook) == bool(self.url or self.url_env):
            raise ValueError("expected one of url, url_env and webhook")


def twilio_id(prefix: str, ours: str) -> str:
    """An id in Twilio's format, always the same for the same id of ours: bots check length and letters."""
    return prefix + sha256(ours.encode()).hexdigest()[:32]


class TwilioDialect:
    """Messages as Twilio documents them: camelCase, sequence numbers as texts, mu-law at 8 kHz."""

    def __init__(self, call: CallInfo) -> None:
        self.audio = AudioFormat(Encoding.ULAW, 8000)
        self.call_sid = twilio_id("CA", call.call_sid)
        self.stream_sid = twilio_id("MZ", call.stream_sid)
        self.account_sid = twilio_id("AC", call.to_number)
        self._sequence = 0
        self._chunk = 0

    def opening(self, call: CallInfo, parameters: Mapping[str, str]) -> list[bytes]:
        """`connected` and `start`. The numbers are sent as parameters: Twilio's own `start` has none."""
        numbers = {"from_number": call.from_number, "to_number": call.to_number, "exotel_call_sid": call.call_sid}
        start = {
            "accountSid": self.account_sid,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {**parameters, **numbers},
        }
        connected = encode({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        return [connected, self._message("start", {"start": start})]

    def media(self, data: bytes) -> bytes:
        """20 ms of the caller."""
        self._chunk += 1
        timestamp = (self._chunk - 1) * 1000 // FRAMES_PER_SECOND
        media = {"track": "inbound", "chunk": str(self._chunk), "timestamp": str(timestamp), "payload": base64(data)}
        return self._message("media", {"media": media})

    def digit(self, digit: str) -> bytes:
        """A key."""
        return self._message("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}})

    def mark(self, name: str) -> bytes:
        """An echo."""
        return self._message("mark", {"mark": {"name": name}})

    def stop(self) -> bytes:
        """The call is over."""
        return self._message("stop", {"stop": {"accountSid": self.account_sid, "callSid": self.call_sid}})

    def decode(self, message: bytes) -> FromBot | None:
        """See codec.decode."""
        return decode(message)

    def _message(self, event: str, body: Mapping[str, object]) -> bytes:
        self._sequence += 1
        head = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream_sid}
        return encode({**head, **body})


class TwilioSession(TelephonySession):
    """Requests the webhook first if there is one, and signs if there is a token."""

    def __init__(
        self,
        context: VendorContext,
        url: str,
        *,
        headers: Mapping[str, str],
        webhook: str,
        token: str,
        transfer_targets: Mapping[str, str],
    ) -> None:
        super().__init__(context.http, url, TwilioDialect, headers=headers, parameters={})
        self.transfer_targets = transfer_targets
        self._rest_calls = context.rest_calls
        self._api_url = rest_url(context.settings.public_url)
        self._webhook = webhook
        self._token = token
        self._call_sid = ""

    async def close(self) -> None:
        """As for other bots, and the bot's REST calls are refused from then on."""
        self._rest_calls.forget(self._call_sid, self)
        await super().close()

    async def _where(self, call: CallInfo) -> tuple[str, Mapping[str, str]]:
        ids = TwilioDialect(call)
        self._call_sid = ids.call_sid
        token = self._rest_calls.admit(ids.call_sid, ids.account_sid, self)
        rest = {"twilio_account_sid": ids.account_sid, "twilio_auth_token": token}
        if self._api_url:
            rest["twilio_api_url"] = self._api_url
        if not self._webhook:
            return self._url, rest
        answer = await self._ask(ids, call)
        return answer.url, {**answer.parameters, **rest}

    def _headers_for(self, url: str) -> Mapping[str, str]:
        return {**self._headers, _SIGNATURE: twilio_signature(url, {}, self._token)} if self._token else self._headers

    async def _ask(self, ids: TwilioDialect, call: CallInfo) -> Answer:
        """The request that Twilio posts for an incoming call. Raises AgentError."""
        form = {
            "AccountSid": ids.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": ids.call_sid,
            "CallStatus": "in-progress",
            "Direction": "inbound",
            "From": call.from_number,
            "To": call.to_number,
        }
        signed = {_SIGNATURE: twilio_signature(self._webhook, form, self._token)} if self._token else {}
        headers = {**self._headers, **signed}
        try:
            async with self._http.post(self._webhook, data=form, headers=headers, timeout=WEBHOOK_TIMEOUT) as response:
                body = await whole(response, _LARGEST_ANSWER)
        except TimeoutError:
            raise AgentError(
                "connect_timeout", f"no answer from the webhook within {WEBHOOK_TIMEOUT.total:g} s"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise AgentError("unreachable", f"webhook: {type(error).__name__}: {error}") from None
        if response.status != 200:
            raise AgentError(f"http_{response.status}", f"webhook answered with HTTP {response.status}")
        try:
            return read_answer(body)
        except ValueError as problem:
            raise AgentError("malformed", f"webhook: {problem}") from None


def configure(spec: AgentSpec, settings: Settings) -> NewSession:
    """Raises SettingError."""
    options = read_options(spec, TwilioOptions, settings)
    token = (
        Env(settings.environ).required(options.auth_token_env, "the token that signs") if options.auth_token_env else ""
    )
    if options.webhook:
        url, (webhook, headers) = "", options.split(options.webhook, spec, settings)
    else:
        (url, headers), webhook = options.address(spec, settings), ""
    targets = options.transfer_targets
    return lambda context: TwilioSession(
        context, url, headers=headers, webhook=webhook, token=token, transfer_targets=targets
    )


def rest_url(public_url: str) -> str:
    """Where bots find the REST API, from the relay's public wss:// address; empty if that is unknown."""
    return f"http{public_url.removeprefix('ws')}{BASE}" if public_url else ""


VENDOR = Vendor(title="a bot for Twilio's streams", configure=configure, options=TwilioOptions)
