"""The look-up before the greeting: asks the user's server who is calling, once, within limits (docs/lookup.md)."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec

from common.masking import mask_text
from common.phone import to_e164
from common.signature import RELAY_HEADER, sign
from relay.agents.roster import AgentSpec
from relay.call.lookup_answer import LookupAnswer, Shape, read_answer
from relay.events.records import LookupEntry
from relay.line.exotel import Start
from relay.outgoing import AnswerError, RedirectError, whole
from relay.settings import Settings

LARGEST_ANSWER: Final = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The answer, empty if there is none, and the outcome of the request."""

    answer: LookupAnswer
    entry: LookupEntry


class Lookup:
    """Look-ups for the calls of one relay. `http` follows no redirects."""

    def __init__(self, http: aiohttp.ClientSession, settings: Settings) -> None:
        self._http = http
        self._settings = settings
        self._shape: Shape = "elevenlabs" if settings.lookup_shape == "elevenlabs" else "ours"

    def url_for(self, agent: AgentSpec) -> str:
        """The server to ask about a call for `agent`; empty: none."""
        return self._settings.lookup_url if agent.lookup_url is None else agent.lookup_url

    async def ask(self, url: str, start: Start, agent: AgentSpec) -> LookedUp:
        """Returns within LOOKUP_SECONDS, whatever the server does. Never raises."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer, outcome, problem = LookupAnswer(), "ok", ""
        try:
            async with asyncio.timeout(self._settings.lookup_s):
                answer = await self._asked(url, question(start, agent, self._shape))
            if answer.problems:
                outcome, problem = "partly", "; ".join(answer.problems)
        except TimeoutError:
            outcome, problem = "timeout", f"no answer within {self._settings.lookup_s:g} s"
        except RedirectError as error:
            outcome, problem = "redirect", f"HTTP {error.status}: redirects are not followed"
        except AnswerError as error:
            outcome, problem = "too_large", str(error)
        except _RefusedError as error:
            outcome, problem = f"http_{error.status}", f"HTTP {error.status}"
        except (aiohttp.ClientError, OSError) as error:
            outcome, problem = "failed", type(error).__name__  # the error's text may contain the URL
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            outcome, problem = "malformed", f"expected a JSON object: {error}"
        entry = LookupEntry(round((loop.time() - began) * 1000), outcome, mask_text(problem)[:500])
        return LookedUp(answer, entry)

    async def _asked(self, url: str, body: bytes) -> LookupAnswer:
        settings = self._settings
        signature = sign(body, settings.lookup_secret or settings.events_secret)
        headers = {"Content-Type": "application/json", RELAY_HEADER: signature, **dict(settings.lookup_headers)}
        async with self._http.post(url, data=body, headers=headers) as response:
            content = await whole(response, LARGEST_ANSWER)
        if response.status == 204:
            return LookupAnswer()
        if response.status != 200:
            raise _RefusedError(response.status)
        return read_answer(msgspec.json.decode(content), self._shape)


class _RefusedError(Exception):
    """The status of the answer was neither 200 nor 204."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(str(status))


def question(start: Start, agent: AgentSpec, shape: Shape = "ours") -> bytes:
    """Body of the request. Numbers are in E.164 if possible, else as the line gave them."""
    caller, called = (to_e164(number) or number for number in (start.from_number, start.to_number))
    said: dict[str, Any]
    if shape == "elevenlabs":
        agent_id = agent.id or agent.alias
        said = {"caller_id": caller, "agent_id": agent_id, "called_number": called, "call_sid": start.call_sid}
    else:
        said = {
            "call_sid": start.call_sid,
            "stream_sid": start.stream_sid,
            "from": caller,
            "to": called,
            "custom_parameters": dict(start.custom_parameters),
            "agent": agent.alias,
        }
    return msgspec.json.encode(said)
