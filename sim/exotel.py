"""A fake Exotel: places calls to a relay over the real protocol, checks its rules, and hears what the caller hears.

One `call` is one call from ringing to the end of the flow behind the stream. Errors of the relay are data in the
result, not exceptions; a hundred calls run in one process.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp
from yarl import URL

from sim.applets import Applet, CallFacts, FlowResult, Voicebot
from sim.caller import Caller, ScriptedCaller, Step
from sim.exotel_rules import Violation
from sim.exotel_spelling import Spelling, StreamStart
from sim.exotel_stream import LineFaults, LineRules, Stream
from sim.flow import FlowRunner
from sim.line_playout import Gap, MarkEcho
from sim.sound import Pcm
from sim.timeline import Timeline

HANDSHAKE_S = 10.0
MAX_CUSTOM_PARAMETERS = 3
MAX_QUERY_CHARACTERS = 256
MACHINE_LATE_S = 0.05


def new_sid() -> str:
    """An id in Exotel's format for calls and streams."""
    return uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """A call to place. `url`: as in the Voicebot applet: ws, wss, http or https, with user:password@ and a query if
    wanted. `script`: what the caller does; `caller`: makes a caller of your own for a given rate."""

    url: str
    script: Sequence[Step] = ()
    caller: Callable[[int], Caller] | None = None
    from_: str = "09876500001"
    to: str = "08047100002"
    call_sid: str = field(default_factory=new_sid)
    account_sid: str = "acmehealth1"
    frame_ms: float = 20.0
    max_s: float = 3600.0
    retry_after_s: float = 1.0
    spelling: Spelling = Spelling()
    rules: LineRules = LineRules()
    faults: LineFaults = LineFaults()
    flow: Applet | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """Everything about a call, to the sample. Times in seconds since the stream's `start` unless noted.

    `said` and `heard` are the caller's mouth and ear on one clock, at `rate_hz`. `ended_by`: caller, bot, nobody (never
    connected), fault. `close_code`: what the relay closed with, None if it did not. `late_max_s`: how late this fake
    itself was with a frame; if that is much, the gaps may be its own.
    """

    call_sid: str
    stream_sid: str
    rate_hz: int
    started_at: float
    duration_s: float
    ended_by: str
    close_code: int | None
    handshakes: int
    error: str
    said: Pcm
    heard: Pcm
    said_lines: tuple[tuple[float, str], ...]
    gaps: tuple[Gap, ...]
    marks: tuple[MarkEcho, ...]
    clears: tuple[float, ...]
    media_messages: int
    first_sound_s: float | None
    ahead_max_s: float
    late_max_s: float
    violations: tuple[Violation, ...]
    flow: FlowResult

    @property
    def holes(self) -> tuple[Gap, ...]:
        """The relay's gaps: one no longer than this process was late with a frame may be its own."""
        return tuple(gap for gap in self.gaps if gap.length_s >= max(0.001, self.late_max_s))

    @property
    def machine_was_late(self) -> bool:
        """Holes in the sound may be caused by this process, not by the relay."""
        return self.late_max_s > MACHINE_LATE_S


class FakeExotel:
    """Places calls. `ssl`: as in aiohttp, for a relay whose certificate was not signed by a public authority."""

    def __init__(self, *, timeline: Timeline | None = None, ssl: Any = True) -> None:
        self.timeline = timeline or Timeline()
        self._ssl = ssl

    async def call(self, plan: CallPlan) -> CallResult:
        """Place one call and follow it to its end. Raises ValueError for a URL that Exotel would refuse."""
        started = datetime.now(UTC)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._ssl)) as http:
            stream, url, handshakes, error = await self._converse(http, plan)

            async def again(applet: Voicebot) -> dict[str, str] | None:
                there = replace(plan, script=applet.script, url=applet.url or plan.url)
                more, address, _, failure = await self._converse(http, there)
                return None if more.ended_by == "caller" else _stream_values(more, address, failure)

            facts = CallFacts(plan.call_sid, plan.from_, plan.to, "412233", started, _stream_values(stream, url, error))
            runner = FlowRunner(http, facts, self.timeline, again)
            if stream.ended_by in {"bot", "nobody"}:  # a caller who hung up is not connected to anybody
                await runner.run(plan.flow)
        return _result(plan, stream, handshakes, error, runner.result)

    async def _converse(self, http: aiohttp.ClientSession, plan: CallPlan) -> tuple[Stream, URL, int, str]:
        """One stream: the stream, its address, the number of handshakes, and why there was no stream."""
        # A connector of its own: closing it drops the call's TCP connection without a close frame, as Exotel does.
        connector = aiohttp.TCPConnector(ssl=self._ssl)
        async with aiohttp.ClientSession(connector=connector) as media:
            url = URL(plan.url)
            error = ""
            if url.scheme in {"http", "https"}:
                url, error = await self._dynamic_url(http, url, plan)
            rate_hz, parameters = _applet_query(url)
            stream = self._stream(plan, rate_hz, parameters)
            handshakes = 0
            while not error and handshakes < 2:  # one automatic retry (exotel.md 1.10)
                handshakes += 1
                socket, failure = await _handshake(media, url)
                if socket is not None:
                    self.timeline.note("line", "connected", url.path)
                    await stream.run(socket)
                    await connector.close()
                    await socket.close()  # nothing more is sent: this only releases it
                    break
                self.timeline.note("line", "handshake_failed", failure)
                if handshakes == 2:
                    error = failure
                else:
                    await asyncio.sleep(plan.retry_after_s)
        return stream, url, handshakes, error

    def _stream(self, plan: CallPlan, rate_hz: int, parameters: dict[str, str]) -> Stream:
        start = StreamStart(
            new_sid(), plan.call_sid, plan.account_sid, plan.from_, plan.to, rate_hz, parameters, plan.frame_ms
        )
        caller = plan.caller(rate_hz) if plan.caller else ScriptedCaller(plan.script, rate_hz)
        return Stream(
            start,
            caller,
            spelling=plan.spelling,
            rules=plan.rules,
            faults=plan.faults,
            max_s=plan.max_s,
            timeline=self.timeline,
        )

    async def _dynamic_url(self, http: aiohttp.ClientSession, url: URL, plan: CallPlan) -> tuple[URL, str]:
        """The socket's address, which an http(s) applet URL returns (exotel.md 1.12), else an error text."""
        values = {"CallSid": plan.call_sid, "CallFrom": plan.from_, "CallTo": plan.to, "Direction": "incoming"}
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                async with http.get(url.update_query(values), allow_redirects=False) as response:
                    if response.status != 200:
                        return url, f"dynamic URL answered {response.status}"
                    answer = await response.json(content_type=None)
            return URL(answer["url"]), ""
        except (TimeoutError, aiohttp.ClientError, ValueError, KeyError, TypeError) as error:
            return url, f"dynamic URL gave no address: {type(error).__name__}: {error}"


async def _handshake(
    session: aiohttp.ClientSession, url: URL
) -> tuple[aiohttp.ClientWebSocketResponse[bool] | None, str]:
    """Open the socket like the Voicebot applet: without the query, with credentials in the Authorization header."""
    headers = {"Authorization": aiohttp.encode_basic_auth(url.user, url.password or "")} if url.user else {}
    bare = url.with_query(None).with_user(None)
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            return await session.ws_connect(bare, headers=headers, max_msg_size=0), ""
    except aiohttp.WSServerHandshakeError as error:
        return None, f"3009 failed to establish ws conn: status {error.status}"
    except (TimeoutError, aiohttp.ClientError) as error:
        return None, f"3009 failed to establish ws conn: {type(error).__name__}"


def _applet_query(url: URL) -> tuple[int, dict[str, str]]:
    """The line's rate and the custom parameters, from the applet URL's query (exotel.md 1.7, 1.11)."""
    if len(url.query_string) > MAX_QUERY_CHARACTERS:
        raise ValueError(f"the query has {len(url.query_string)} characters: Exotel takes {MAX_QUERY_CHARACTERS}")
    parameters = {key: value for key, value in url.query.items() if key not in {"sample-rate", "sample_rate"}}
    if len(parameters) > MAX_CUSTOM_PARAMETERS:
        raise ValueError(f"{len(parameters)} custom parameters: Exotel takes {MAX_CUSTOM_PARAMETERS}")
    rate = url.query.get("sample-rate", url.query.get("sample_rate", "8000"))
    if rate not in {"8000", "16000", "24000"}:
        raise ValueError(f"sample-rate={rate}: Exotel takes 8000, 16000 or 24000")
    return int(rate), parameters


def _stream_values(stream: Stream, url: URL, error: str) -> dict[str, str]:
    """The stream's outcome as a Passthru reports it (table in exotel.md 2.1); the URL with its credentials."""
    status, by = {"bot": ("completed", "bot"), "caller": ("cancelled", "user")}.get(stream.ended_by, ("failed", "NA"))
    return {
        "StreamSID": stream.start.stream_sid,
        "Status": status,
        "Duration": f"{stream.duration_s:.0f}",
        "StreamUrl": str(url.with_query(None)),
        "DisconnectedBy": by,
        **({"Error": error} if error else {}),
    }


def _result(plan: CallPlan, stream: Stream, handshakes: int, error: str, flow: FlowResult) -> CallResult:
    return CallResult(
        call_sid=plan.call_sid,
        stream_sid=stream.start.stream_sid,
        rate_hz=stream.start.rate_hz,
        started_at=stream.started_at,
        duration_s=stream.duration_s,
        ended_by=stream.ended_by,
        close_code=stream.close_code,
        handshakes=handshakes,
        error=error,
        said=stream.said(),
        heard=stream.playout.heard(stream.duration_s),
        said_lines=tuple(stream.said_lines),
        gaps=tuple(stream.playout.gaps),
        marks=tuple(stream.playout.echoes),
        clears=tuple(stream.clears),
        media_messages=stream.media_messages,
        first_sound_s=stream.playout.first_s,
        ahead_max_s=stream.ahead_max_s,
        late_max_s=stream.late_max_s,
        violations=tuple(stream.book.violations),
        flow=flow,
    )
