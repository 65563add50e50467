"""The part of Twilio's REST API that bots use on a running call: hang up, transfer.

    POST /twilio/2010-04-01/Accounts/AC…/Calls/CA….json     Status=completed, or Twiml=<Response>…</Response>

Each call has credentials of its own, given to its bot in `customParameters` (`twilio_api_url`, `twilio_account_sid`,
`twilio_auth_token`) and good for that call only. What is asked for becomes the tools that every agent has: the end
of the call after the bot's words were heard, or a transfer to a configured target. Calls are known to the relay that
carries them: with several relays behind one name the request may reach another one, which answers 404.
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from aiohttp import web

from common.credentials import BasicAuth
from common.phone import to_e164
from relay.agents.telephony.twiml import Dial, read_order
from relay.agents.tool_descriptions import END_CALL, TRANSFER

if TYPE_CHECKING:
    from relay.agents.telephony.twilio import TwilioSession

BASE: Final = "/twilio"
PATH: Final = BASE + "/2010-04-01/Accounts/{account}/Calls/{call}.json"
_ANSWER_PATIENCE: Final = 4.0  # seconds, for the functions' answer to a transfer
_BODY_PATIENCE: Final = 5.0


class RestCalls:
    """The calls that bots may control, by Twilio's id."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[BasicAuth, TwilioSession]] = {}

    def admit(self, call_sid: str, account_sid: str, session: "TwilioSession") -> str:
        """Allow the bot of `session` to control its call; returns its token."""
        token = secrets.token_hex(16)
        self._calls[call_sid] = BasicAuth(account_sid, token), session
        return token

    def forget(self, call_sid: str, session: "TwilioSession") -> None:
        """The bot no longer has the call."""
        if (known := self._calls.get(call_sid)) is not None and known[1] is session:
            del self._calls[call_sid]

    async def update(self, request: web.Request) -> web.Response:
        """`POST …/Calls/CA….json`."""
        known = self._calls.get(request.match_info["call"])
        authorization = request.headers.get("Authorization")
        if known is None or not known[0].matches(authorization) or known[0].user != request.match_info["account"]:
            return _problem(401, 20003, "Authenticate")  # don't reveal whether the call exists
        try:
            async with asyncio.timeout(_BODY_PATIENCE):
                form = await request.post()
        except TimeoutError:
            return _problem(408, 20408, f"expected the body within {_BODY_PATIENCE:g} s")
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        try:
            await self._carry_out(texts, known[1])
        except ValueError as problem:
            return _problem(400, 21218, str(problem))
        sid = request.match_info["call"]
        said = {"sid": sid, "account_sid": known[0].user, "status": texts.get("Status", "in-progress")}
        return web.json_response({**said, "uri": request.path.removeprefix(BASE)})

    async def _carry_out(self, form: Mapping[str, str], session: "TwilioSession") -> None:
        """Raises ValueError with the expected value, or why a transfer is refused."""
        if form.get("Status") in {"completed", "canceled"}:
            return session.order(END_CALL, {})
        if "Twiml" not in form:
            raise ValueError("expected Status=completed, or Twiml with <Dial> or <Hangup/>")
        order = read_order(form["Twiml"])
        if not isinstance(order, Dial):
            return session.order(END_CALL, {})
        parameters = {
            "target": _target(order.who, session.transfer_targets),
            "reason": "requested by the bot over REST",
        }
        try:
            async with asyncio.timeout(_ANSWER_PATIENCE):
                if refusal := await session.use(TRANSFER, parameters):
                    raise ValueError(refusal)
        except TimeoutError:
            pass  # it is already in progress
        return None


def _target(who: str, targets: Mapping[str, str]) -> str:
    """A configured target's name: by its number in the agent's `transfer_targets`, or as it is."""
    number = to_e164(who)
    known = {to_e164(one) or one: name for one, name in targets.items()}
    if number is not None and number in known:
        return known[number]
    if number is not None or who.lstrip("+").replace(" ", "").isdigit():
        raise ValueError("this number is not among the agent's transfer_targets")
    return known.get(who, who)


def _problem(status: int, code: int, text: str) -> web.Response:
    headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if status == 401 else {}
    return web.json_response({"code": code, "message": text, "status": status}, status=status, headers=headers)
