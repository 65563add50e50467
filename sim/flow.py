"""What Exotel does with a call after the stream: it walks through the applets, asks, and dials (exotel.md 2, 3)."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
from yarl import URL

from sim.applets import (
    CONNECT_PATIENCE_S,
    NOBODY,
    Applet,
    Attempt,
    CallFacts,
    Connect,
    Converse,
    Encoding,
    Exchange,
    FlowResult,
    Outcome,
    Passthru,
    Voicebot,
)
from sim.timeline import Timeline

MAX_RINGING_S = 60
MAX_CONVERSATION_S = 4500
MAX_FETCHES = 10
_E164 = re.compile(r"\+[1-9][0-9]{8,14}")
_ANSWER_KEYS = {
    "fetch_after_attempt": bool,
    "destination": dict,
    "outgoing_phone_number": str,
    "record": bool,
    "recording_channels": str,
    "max_ringing_duration": int,
    "max_conversation_duration": int,
    "music_on_hold": dict,
    "start_call_playback": dict,
    "parallel_ringing": dict,
    "dial_passthru_event_url": str,
}


class FlowRunner:
    """Walks one call through its applets, once."""

    def __init__(
        self, session: aiohttp.ClientSession, facts: CallFacts, timeline: Timeline, converse: Converse | None = None
    ) -> None:
        self._converse = converse
        self.result = FlowResult()
        self._session = session
        self._facts = facts
        self._timeline = timeline
        self._last_attempt: Attempt | None = None
        self._tells_status = True
        self._background: set[asyncio.Task[Any]] = set()

    async def run(self, first: Applet | None) -> FlowResult:
        """From `first` to the end of a branch. Network errors are outcomes, not exceptions."""
        applet = first
        while applet is not None:
            match applet:
                case Passthru():
                    applet = await self._passthru(applet)
                case Connect():
                    applet = await self._connect(applet)
                case Voicebot():
                    applet = await self._back_to_the_bot(applet)
        await asyncio.gather(*self._background)
        return self.result

    async def _back_to_the_bot(self, applet: Voicebot) -> Applet | None:
        stream = await self._converse(applet) if self._converse else None
        if stream is None:
            return None
        self._facts = replace(self._facts, stream=stream)
        self._last_attempt = None  # an applet gets the results of the applets since the stream
        return applet.then

    async def _passthru(self, applet: Passthru) -> Applet | None:
        values = self._facts.query() | self._dial_values()
        if applet.encoding is Encoding.BRACKETS:
            values |= {f"Stream[{key}]": value for key, value in self._facts.stream.items()}
        else:
            values["Stream"] = json.dumps(dict(self._facts.stream))
        request = self._request("passthru", applet.method, applet.url, values)
        if not applet.waits:
            self._later(request)
            return applet.if_200
        exchange = await request
        if exchange.status == 200:
            return applet.if_200
        if exchange.status == 302:
            return applet.if_302
        self._broken(f"passthru answered {exchange.status}: only 200 and 302 are defined")
        return None

    async def _connect(self, applet: Connect) -> Applet | None:
        self._tells_status = applet.tells_status
        for _ in range(MAX_FETCHES):
            answer = await self._whom_to_dial(applet)
            numbers = _numbers(answer)
            for number in numbers:
                if await self._dial(applet, number, answer):
                    self.result.transfer = "answered"
                    return applet.if_answered
            if not numbers or not answer.get("fetch_after_attempt"):
                break
        self.result.transfer = "nobody" if self._last_attempt else "not_dialled"
        return applet.if_nobody if self._last_attempt else applet.if_not_dialled

    async def _whom_to_dial(self, applet: Connect) -> dict[str, Any]:
        """The first usable answer of the primary and the fallback URL; empty if there is none."""
        for url in filter(None, (applet.url, applet.fallback_url)):
            headers = {"Exotel-Version": "1.0"}
            values = self._facts.query() | self._dial_values()
            exchange = await self._request("connect", "GET", url, values, headers, CONNECT_PATIENCE_S)
            if exchange.status == 200 and (answer := self._checked_answer(exchange.body)) is not None:
                return answer
        return {}

    def _checked_answer(self, body: str) -> dict[str, Any] | None:
        """The answer if it can be dialled from; every error in it becomes a violation."""
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("destination"), dict):
            self._broken("connect answer is not a JSON object with a destination")
            return None
        usable = True
        for key, value in answer.items():
            expected = _ANSWER_KEYS.get(key)
            if expected is None:
                self._broken(f"connect answer has the unknown key {key!r}")
            elif type(value) is not expected:
                self._broken(f"connect answer: {key} must be {expected.__name__}, not {value!r}")
                usable = False
        for key, limit in (
            ("max_ringing_duration", MAX_RINGING_S),
            ("max_conversation_duration", MAX_CONVERSATION_S),
        ):
            if type(answer.get(key)) is int and not 0 < answer[key] <= limit:
                self._broken(f"connect answer: {key} is {answer[key]}, at most {limit}")
        wrong = [number for number in _numbers(answer) if not _E164.fullmatch(str(number))]
        if wrong:
            self._broken(f"connect answer: {len(wrong)} numbers are not E.164")
        return answer if usable and not wrong else None

    async def _dial(self, applet: Connect, number: str, answer: Mapping[str, Any]) -> bool:
        person = applet.people.get(number, NOBODY)
        event_url = str(answer.get("dial_passthru_event_url", ""))

        def tell(event: str, status: str = "") -> None:
            self._timeline.note("flow", status if event == "Terminal" else event.lower(), number)
            if event_url:
                values = {**self._facts.query(), "EventType": event, "DialWhomNumber": number}
                if applet.tells_status or event != "Terminal":
                    values["Status"] = status
                if event == "Terminal":
                    values |= self._dial_values()
                self._later(self._request("dial-events", applet.event_method, event_url, values))

        tell("Dial", "queued")
        tell("Ringing", "ringing")
        ringing_s = float(answer.get("max_ringing_duration", MAX_RINGING_S))
        in_time = person.ring_s <= ringing_s
        await asyncio.sleep(min(person.ring_s, ringing_s))
        outcome = person.outcome if in_time else Outcome.NO_ANSWER
        talk_s = person.talk_s if outcome is Outcome.ANSWERED else 0.0
        attempt = Attempt(number, outcome, talk_s, min(person.ring_s, ringing_s) + talk_s)
        if outcome is Outcome.ANSWERED:
            tell("Answered", "in-progress")
            await asyncio.sleep(person.talk_s)
        self.result.attempts.append(attempt)
        self._last_attempt = attempt
        tell("Terminal", outcome)
        return outcome is Outcome.ANSWERED

    def _dial_values(self) -> dict[str, str]:
        """What is known of the last number dialled, as a second fetch or a Passthru after Connect reports it."""
        last = self._last_attempt
        if last is None:
            return {}
        answered = last.outcome is Outcome.ANSWERED
        values = {
            "DialWhomNumber": last.number,
            "DialCallStatus": last.outcome.value,
            "CallType": "completed" if answered else "incomplete",
            "DialCallDuration": f"{last.dialled_s:.0f}",
        }
        if not self._tells_status:
            del values["DialCallStatus"]
        return values | ({"Legs[0][OnCallDuration]": f"{last.talk_s:.0f}"} if answered else {})

    async def _request(
        self,
        applet: str,
        method: str,
        url: str,
        values: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        patience_s: float = CONNECT_PATIENCE_S,
    ) -> Exchange:
        loop = asyncio.get_running_loop()
        at = loop.time()
        # Unlike the socket's, an HTTP applet's own query is kept and added to (exotel.md 3.1).
        place = {"data": values} if method == "POST" else {"params": [*URL(url).query.items(), *values.items()]}
        target = URL(url) if method == "POST" else URL(url).with_query(None)
        status, body = 0, ""
        try:
            async with asyncio.timeout(patience_s):
                async with self._session.request(
                    method, target, headers=headers, allow_redirects=False, **place
                ) as response:
                    body = await response.text()
                    status = response.status
        except (TimeoutError, aiohttp.ClientError) as error:
            body = f"{type(error).__name__}: {error}"
        exchange = Exchange(at, applet, method, url, status, body, loop.time() - at)
        self.result.exchanges.append(exchange)
        self._timeline.note("flow", applet, f"{status} after {exchange.took_s:.2f} s")
        return exchange

    def _later(self, request: Any) -> None:
        task = asyncio.ensure_future(request)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _broken(self, what: str) -> None:
        self.result.violations.append(what)


def _numbers(answer: Mapping[str, Any]) -> Sequence[str]:
    numbers = answer.get("destination", {}).get("numbers", ())
    return numbers if isinstance(numbers, list) else ()
