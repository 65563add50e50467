"""Client for the part of Exotel's REST API that the console needs (exotel.md 4, and the pages named at each method).

Every method raises only exceptions of console/exotel/errors.py. Nothing is retried here: only the caller knows whether
a retry does harm.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import aiohttp

from common.phone import mask_within
from console.exotel import answer
from console.exotel.account import Account
from console.exotel.errors import ExotelError, Refused, Throttled, Unanswered, Unreachable
from console.exotel.facts import Balance, CallFacts, ExoPhone, Streams
from console.exotel.order import Order
from console.exotel.pace import Pace

IST = timezone(timedelta(hours=5, minutes=30))  # Exotel's times are IST without a zone
PATIENCE = aiohttp.ClientTimeout(total=30, sock_connect=10)
MAX_PAGES = 20
T = TypeVar("T")


class ExotelClient:
    """`pace`, if given, delays requests: the account's limit applies to all of them together (exotel.md 4.6)."""

    def __init__(self, session: aiohttp.ClientSession, account: Account, pace: Pace | None = None) -> None:
        self.account = account
        self._session = session
        self._pace = pace
        self._headers = {"Authorization": aiohttp.encode_basic_auth(account.api_key, account.api_token)}

    async def place(self, order: Order) -> CallFacts:
        """Order a call. An answer means that the order was accepted, not that somebody picked up."""
        found = await self._request("POST", "v1", "Calls/connect.json", data=order.form())
        return _read(lambda: CallFacts.read(answer.section(found, "Call")))

    async def call(self, sid: str) -> CallFacts:
        """One call; its figures settle about two minutes after its end."""
        found = await self._request("GET", "v1", f"Calls/{sid}.json", params={"details": "true"})
        return _read(lambda: CallFacts.read(answer.section(found, "Call")))

    async def calls_to(self, number: str, since: datetime, until: datetime) -> Sequence[CallFacts]:
        """Calls in which `number` (E.164) was dialled first. Calls that have not ended yet are not among them.

        https://developer.exotel.com/docs/voice-v1/api-reference/call-details (bulk call details)
        """
        first, last = (moment.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S") for moment in (since, until))
        params = {"From": number, "DateCreated": f"gte:{first};lte:{last}", "PageSize": "100"}
        found = await self._request("GET", "v1", "Calls.json", params=params)
        calls = found.get("Calls")
        if not isinstance(calls, list):
            raise Unanswered("the list of calls has no Calls")
        return _read(lambda: [CallFacts.read(call) for call in calls])

    async def streams(self) -> Streams:
        """Media sockets now. The path's case matters, and it speaks XML only."""
        found = await self._request("GET", "v1", "ActiveStreams")
        return _read(lambda: Streams.read(found))

    async def balance(self) -> Balance:
        """https://developer.exotel.com/docs/voice-v1/api-reference/balance"""
        found = await self._request("GET", "v1", "Balance.json")

        def read() -> Balance:
            data = answer.section(found, "Account", "BalanceData")
            amount = answer.number(data.get("Balance"))
            if amount is None:
                raise ValueError("the balance is not a number")
            return Balance(amount, str(data.get("Currency") or ""), str(data.get("PricingPlan") or ""))

        return _read(read)

    async def numbers(self) -> Sequence[ExoPhone]:
        """All ExoPhones. https://developer.exotel.com/docs/exophones/api-reference/list-numbers"""
        phones: list[ExoPhone] = []
        for page in range(MAX_PAGES):
            params = {"Page": str(page), "PageSize": "50"}
            found = await self._request("GET", "v2_beta", "IncomingPhoneNumbers", params=params)
            listed = found.get("incoming_phone_numbers")
            if not isinstance(listed, list):
                raise Unanswered("the list of numbers has no incoming_phone_numbers")
            phones += [ExoPhone.read(phone) for phone in listed if isinstance(phone, dict)]
            if len(listed) < 50:
                break
        return phones

    async def _request(self, method: str, version: str, path: str, **how: Any) -> answer.Answer:
        url = self.account.base_url / version / "Accounts" / self.account.sid / path
        if self._pace:
            await self._pace.turn()
        try:
            async with self._session.request(
                method, url, headers=self._headers, timeout=PATIENCE, allow_redirects=False, **how
            ) as response:
                body = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(f"{url.host} can't be reached: {error}") from None
        except (TimeoutError, aiohttp.ClientError) as error:
            raise Unanswered(f"no answer from {url.host}: {type(error).__name__}") from None
        if response.status != 200:
            raise _error(response, body)
        try:
            return answer.parse(body, response.content_type)
        except ValueError as error:
            raise Unanswered(f"{url.host} answered 200, but {error}", 200) from None


def _read(read: Callable[[], T]) -> T:
    """If the answer can't be understood, it is unknown what the request did."""
    try:
        return read()
    except ValueError as error:
        raise Unanswered(f"Exotel answered 200, but not what was expected: {error}", 200) from None


def _error(response: aiohttp.ClientResponse, body: bytes) -> ExotelError:
    try:
        said = mask_within(answer.complaint(answer.parse(body, response.content_type)))
    except ValueError:
        said = ""
    message = f"Exotel answered {response.status}{f': {said}' if said else ''}"
    if response.status == 429:
        return Throttled(message, answer.number(response.headers.get("Retry-After")))
    if 300 <= response.status < 500 and response.status != 408:
        return Refused(message, response.status)
    return Unanswered(message, response.status)
