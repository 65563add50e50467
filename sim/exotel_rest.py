"""A fake of Exotel's REST API: strict about requests, and with a simulated telephone network.

An ordered call rings at a `Person`, who is connected to the stream URL over the real protocol by sim/exotel.py, or
(`dials=False`) just talks for a while. Faults are set with `plant`, one request each.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from sim.applets import IST, NOBODY, Outcome, Person
from sim.caller import Step
from sim.exotel import CallPlan, CallResult, FakeExotel, new_sid
from sim.exotel_order import FORMS, complaint, time_limit_s
from sim.timeline import Timeline

PAGE_SIZE = 50


class Fault(Enum):
    """What can happen to a request. The PLACED_ faults are the worst: the call is placed, but the answer is lost."""

    WRONG_KEY = 401
    NO_MONEY = 402
    NOT_ENABLED = 403
    NO_SUCH = 404
    TOO_MANY = 429
    BROKEN = 500
    AWAY = 503
    SILENT = "no answer, nothing done"
    PLACED_SILENT = "placed, no answer"
    PLACED_CUT = "placed, connection cut"
    PLACED_BROKEN = "placed, answered 500"
    PLACED_GARBLED = "placed, answered with garbage"


@dataclass
class RestCall:
    """A call as the network knows it."""

    sid: str
    form: Mapping[str, Sequence[str]]
    created: datetime
    status: str = "in-progress"
    ended: datetime | None = None
    talked_s: float = 0.0
    throttled: bool = False
    media: CallResult | None = None

    @property
    def number(self) -> str:
        return self.form["From"][0]


@dataclass
class FakeExotelRest:
    """One account. Times come from `now`; `answer_s`: how long a silent request is held."""

    sid: str = "acmehealth1"
    api_key: str = "key-1"
    api_token: str = "token-1"
    numbers: Sequence[Mapping[str, Any]] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    scripts: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    stream_limit: int = 100
    other_streams: int = 0
    balance: str = "1543.75"
    a_minute: int = 200
    dials: bool = True
    custom_field_in_details: bool = True
    silent_s: float = 120.0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    timeline: Timeline = field(default_factory=Timeline)

    def __post_init__(self) -> None:
        self.calls: list[RestCall] = []
        self.requests: list[tuple[datetime, str, str]] = []
        self._planted: dict[str, list[Fault | None]] = {}
        self._ringing: set[asyncio.Task[None]] = set()

    # --- for tests ---------------------------------------------------------------------------------------

    def plant(self, what: str, *faults: Fault | None) -> None:
        """Faults of the next requests for `what` (connect, call, calls, streams, balance, numbers); None: no fault."""
        self._planted.setdefault(what, []).extend(faults)

    @property
    def streams(self) -> int:
        """Open media sockets, including other people's calls."""
        return self.other_streams + sum(call.status == "on-stream" for call in self.calls)

    def calls_of(self, number: str) -> list[RestCall]:
        """Calls that were placed to a number; there should never be more than one."""
        return [call for call in self.calls if call.number == number]

    async def settled(self) -> None:
        """Until all calls have ended."""
        while self._ringing:
            await asyncio.gather(*self._ringing)

    def app(self) -> web.Application:
        """The application to serve."""
        app = web.Application()
        account = "/v1/Accounts/{sid}"
        app.router.add_post(account + "/Calls/connect{json:(\\.json)?}", self._route("connect", self._connect))
        app.router.add_get(account + "/Calls{json:(\\.json)?}", self._route("calls", self._calls))
        app.router.add_get(account + "/Calls/{call}", self._route("call", self._call))
        app.router.add_get(account + "/ActiveStreams", self._route("streams", self._active_streams))
        app.router.add_get(account + "/Balance{json:(\\.json)?}", self._route("balance", self._balance))
        numbers = "/v2_beta/Accounts/{sid}/IncomingPhoneNumbers"
        app.router.add_get(numbers, self._route("numbers", self._numbers))
        app.on_shutdown.append(self._hang_up)
        return app

    # --- requests -----------------------------------------------------------------------------------------------

    def _route(self, what: str, handle: Any) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.requests.append((self.now(), what, request.method))
            if (status := self._not_let_in(request)) is not None:
                return _rejection(request, *status)
            planted = self._planted.get(what)
            fault = planted.pop(0) if planted else None
            if fault and isinstance(fault.value, int):
                return _rejection(request, fault.value, fault.name.replace("_", " ").capitalize())
            if fault is Fault.SILENT:
                await asyncio.sleep(self.silent_s)
                return _rejection(request, 504, "Too late")
            response: web.StreamResponse = await handle(request)
            if fault and response.status == 200:
                return await self._spoil(request, fault)
            return response

        return answer

    def _not_let_in(self, request: web.Request) -> tuple[int, str] | None:
        pair = base64.b64encode(f"{self.api_key}:{self.api_token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            return 401, "Authentication failed"
        if request.match_info["sid"] != self.sid:
            return 404, "No such account"
        minute_ago = self.now().timestamp() - 60
        if sum(at.timestamp() > minute_ago for at, _, _ in self.requests) > self.a_minute:
            return 429, "Too Many Requests"
        return None

    async def _spoil(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        """The request was carried out; only the answer is lost."""
        if fault is Fault.PLACED_BROKEN:
            return _rejection(request, 500, "Internal error")
        if fault is Fault.PLACED_GARBLED:
            return web.Response(text="<html>Bad gateway</html", content_type="text/html")
        if fault is Fault.PLACED_SILENT:
            await asyncio.sleep(self.silent_s)
        elif request.transport:
            request.transport.abort()
        return web.Response(status=504)

    async def _connect(self, request: web.Request) -> web.Response:
        if request.content_type not in FORMS:
            return _rejection(request, 400, f"{request.content_type}: expected a form")
        data = await request.post()
        form: dict[str, list[str]] = {}
        for key, value in data.items():
            form.setdefault(key, []).append(str(value))
        if wrong := complaint(form, {str(phone["phone_number"]) for phone in self.numbers}):
            return _rejection(request, 400, wrong)
        call = RestCall(new_sid(), form, self.now())
        self.calls.append(call)
        task = asyncio.create_task(self._ring(call))
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)
        return _answer(request, {"Call": self._described(call)})

    async def _call(self, request: web.Request) -> web.Response:
        sid = request.match_info["call"].removesuffix(".json")
        call = next((call for call in self.calls if call.sid == sid), None)
        if call is None:
            return _rejection(request, 404, "No such call")
        described = self._described(call)
        if request.query.get("details") == "true":
            described["Details"] = {
                "ConversationDuration": round(call.talked_s),
                "Leg1Status": described["Status"],
                "Legs": [{"Leg": {"Id": 1, "OnCallDuration": round(call.talked_s)}}],
            }
        return _answer(request, {"Call": described})

    async def _calls(self, request: web.Request) -> web.Response:
        """Bulk details; running calls are not listed."""
        known = {"From", "DateCreated", "PageSize", "SortBy", "Direction", "Status", "Sid", "To"}
        if unknown := sorted(set(request.query) - known):
            return _rejection(request, 400, f"Unknown filter {unknown[0]}")
        found = [call for call in self.calls if call.ended]
        if number := request.query.get("From"):
            found = [call for call in found if call.number == number]
        for bound in filter(None, request.query.get("DateCreated", "").split(";")):
            operator, _, text = bound.partition(":")
            try:
                moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=IST)
            except ValueError:
                return _rejection(request, 400, "DateCreated can't be read")
            found = [
                call for call in found if (call.created >= moment if operator == "gte" else call.created <= moment)
            ]
        return _answer(request, {"Metadata": {"Total": len(found)}, "Calls": [self._described(call) for call in found]})

    async def _active_streams(self, request: web.Request) -> web.Response:
        return _answer(request, {"Stream": {"ActiveStreamCount": self.streams, "ThrottleLimit": self.stream_limit}})

    async def _balance(self, request: web.Request) -> web.Response:
        data = {"Balance": self.balance, "Currency": "INR", "PricingPlan": "Pay As You Go"}
        return _answer(request, {"Account": {"AccountSid": self.sid, "BalanceData": data}})

    async def _numbers(self, request: web.Request) -> web.Response:
        page, size = int(request.query.get("Page", 0)), int(request.query.get("PageSize", PAGE_SIZE))
        listed = list(self.numbers)[page * size : (page + 1) * size]
        return web.json_response({"page": page, "page_size": size, "incoming_phone_numbers": listed})

    # --- the telephone network ----------------------------------------------------------------------------------

    async def _ring(self, call: RestCall) -> None:
        person = self.people.get(call.number, NOBODY)
        await asyncio.sleep(person.ring_s)
        if person.outcome is not Outcome.ANSWERED:
            call.status = person.outcome.value
        elif self.streams >= self.stream_limit:
            call.status, call.throttled = "failed", True
        else:
            call.status = "on-stream"
            before = asyncio.get_running_loop().time()
            if self.dials:
                call.media = await self._put_through(call)
            else:
                await asyncio.sleep(min(person.talk_s, time_limit_s(call.form)))
            call.talked_s = asyncio.get_running_loop().time() - before
            call.status = "completed"
        call.ended = self.now()

    async def _put_through(self, call: RestCall) -> CallResult:
        plan = CallPlan(
            url=call.form["StreamUrl"][0],
            script=self.scripts.get(call.number, ()),
            from_=call.form["CallerId"][0],
            to=call.number,
            call_sid=call.sid,
            account_sid=self.sid,
            max_s=min(3600.0, time_limit_s(call.form)),
        )
        return await FakeExotel(timeline=self.timeline).call(plan)

    async def _hang_up(self, _: web.Application) -> None:
        for task in self._ringing:
            task.cancel()
        await asyncio.gather(*self._ringing, return_exceptions=True)

    def _described(self, call: RestCall) -> dict[str, Any]:
        described = {
            "Sid": call.sid,
            "Status": "in-progress" if call.status == "on-stream" else call.status,
            "From": f"0{call.number[3:]}" if call.number.startswith("+91") else call.number,
            "PhoneNumberSid": call.form["CallerId"][0],
            "Direction": "outbound-api",
            "DateCreated": call.created.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S"),
            "Duration": f"{call.talked_s:.0f}" if call.ended else None,
            "RecordingUrl": None,
        }
        if self.custom_field_in_details:
            described["CustomField"] = call.form.get("CustomField", [None])[0]
        return described


def _answer(request: web.Request, body: Mapping[str, Any], status: int = 200) -> web.Response:
    """JSON for a path that ends in .json, else XML in its envelope: a common mistake of integrators (exotel.md 4.1)."""
    if request.path.endswith(".json"):
        return web.json_response(body, status=status)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<TwilioResponse>{_xml(body)}</TwilioResponse>'
    return web.Response(text=text, status=status, content_type="application/xml")


def _rejection(request: web.Request, status: int, message: str) -> web.Response:
    response = _answer(request, {"RestException": {"Status": status, "Message": message}}, status)
    if status == 429:
        response.headers["Retry-After"] = "30"
    return response


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<Item>{_xml(inner)}</Item>" for inner in value)
    return "" if value is None else escape(str(value))
