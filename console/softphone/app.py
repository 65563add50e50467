"""The server side of the softphone's page: one WebSocket per page, and one call at a time on it."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from aiohttp import WSMsgType, web

from common.documents import decode
from console.checks.shown import bare
from console.softphone import sentences
from console.softphone.address import Address
from console.softphone.call import Ended, NotConnectedError, PhoneCall
from console.softphone.handset import Beat
from console.softphone.line import Cleared, LineEvent
from console.softphone.messages import Dial, Drop, HangUp, Mute, Network, Press, Wish, happened, read_wish
from sim.sound import level_db

PAGE: Final = Path(__file__).parent / "page"
LEVELS_EVERY: Final = 2  # frames
OUTBOX: Final = 500  # messages; if a page reads nothing for ten seconds, sound is dropped to save memory
RECORD_PATIENCE_S: Final = 3.0
RECORD_CHANCE_S: Final = 1.0  # shorter for a relay that may write elsewhere


@dataclass(frozen=True, slots=True)
class Softphone:
    """`store`: where audio/ goes and, with a relay `at_home`, its records."""

    address: Address
    store: Path
    at_home: bool
    from_: str = "09876500001"
    to: str = "08047100002"
    _pages: "set[_Page]" = field(default_factory=set)

    @property
    def keeps_records(self) -> bool:
        """Whether the relay's records may be in `store`: it runs on this machine, like that of `make run`."""
        return self.at_home or self.address.url.host in {"127.0.0.1", "localhost", "::1"}

    def routes(self) -> list[web.RouteDef]:
        """Routes below the page's own address."""
        return [web.get("/call", self._converse), web.get("/sound/{call_sid:[0-9a-f]{32}}.wav", self._sound)]

    def caption(self, who: str, text: str) -> None:
        """The words of the local agent and what it recognised, for all open pages."""
        for page in self._pages:
            page.caption(who, text)

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=64 * 1024)
        await socket.prepare(request)
        page = _Page(self, socket)
        self._pages.add(page)
        try:
            await page.serve()
        finally:
            self._pages.discard(page)
        return socket

    async def _sound(self, request: web.Request) -> web.StreamResponse:
        path = self.store / "audio" / f"{request.match_info['call_sid']}.wav"
        if not path.is_file():
            raise web.HTTPNotFound(text="There is no recording of this call.")
        return web.FileResponse(path, headers={"Content-Disposition": f'attachment; filename="{path.name}"'})


class _Page:
    """One open page, and its call if there is one."""

    def __init__(self, phone: Softphone, socket: web.WebSocketResponse) -> None:
        self._phone = phone
        self._socket = socket
        self._outbox: asyncio.Queue[str | bytes] = asyncio.Queue(OUTBOX)
        self._call: PhoneCall | None = None
        self._calling: asyncio.Task[None] | None = None
        self._network = Network(0, 0)
        self._at_ms = 0.0
        self._beats = 0
        self._levels = (-100.0, -100.0)

    async def serve(self) -> None:
        """Until the page is closed; a running call is then hung up."""
        sending = asyncio.create_task(self._send())
        address = self._phone.address
        self.tell(
            {
                "is": "hello",
                "address": bare(address.url),
                "at_home": self._phone.at_home,
                "rate_hz": address.rate_hz,
            }
        )
        try:
            async for message in self._socket:
                if message.type is WSMsgType.BINARY and self._call:
                    self._call.handset.speak(message.data)
                elif message.type is WSMsgType.TEXT:
                    self._take(message.data)
        finally:
            if self._call and self._calling:
                self._call.handset.hang_up()
                await self._calling
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message to the page, in order, without waiting."""
        self._put(json.dumps(message))

    def caption(self, who: str, text: str) -> None:
        """Words of the call, if there is one."""
        if self._call:
            self.tell({"is": "caption", "at_ms": self._at_ms, "who": who, "text": text})

    def _put(self, message: str | bytes) -> None:
        with suppress(asyncio.QueueFull):
            self._outbox.put_nowait(message)

    async def _send(self) -> None:
        while True:
            message = await self._outbox.get()
            try:
                await (self._socket.send_str(message) if isinstance(message, str) else self._socket.send_bytes(message))
            except ConnectionError:
                return  # the page is gone

    def _take(self, text: str) -> None:
        try:
            wish = read_wish(text)
        except msgspec.DecodeError as error:
            return self.tell({"is": "problem", "sentence": f"The page said something the console can't read: {error}"})
        if isinstance(wish, Dial):
            if self._calling is None or self._calling.done():
                self._calling = asyncio.create_task(self._dial(wish.rate_hz))
                self._calling.add_done_callback(self._dialled)
        elif isinstance(wish, Network):
            self._network = wish
        return self._do(wish)

    def _do(self, wish: Wish) -> None:
        call = self._call
        if call is None:
            return
        match wish:
            case Press(digit):
                call.handset.press(digit)
            case Mute(on):
                call.handset.muted = on
            case Network(delay_ms, loss):
                call.handset.set_network(delay_ms, loss)
            case HangUp():
                call.handset.hang_up()
            case Drop():
                call.drop()

    async def _dial(self, rate_hz: int) -> None:
        phone = self._phone
        call = PhoneCall(phone.address, rate_hz, from_=phone.from_, to=phone.to, on_beat=self._beat, on_line=self._line)
        call.handset.set_network(self._network.delay_ms, self._network.loss)
        self._call, self._at_ms, self._beats = call, 0.0, 0
        self.tell({"is": "ringing"})
        connected = {"is": "connected", "call_sid": call.call_sid, "rate_hz": rate_hz}
        try:
            ended = await call.run(lambda: self.tell(connected))
        except NotConnectedError as problem:
            self.tell({"is": "refused", "sentence": str(problem)})
        else:
            await self._conclude(call, ended)
        finally:
            self._call = None

    def _dialled(self, calling: asyncio.Task[None]) -> None:
        """After an error in our code the page must not wait for ever."""
        if not calling.cancelled() and (error := calling.exception()):
            self.tell({"is": "refused", "sentence": f"The console made a mistake and ended the call: {error!r}"})

    async def _conclude(self, call: PhoneCall, ended: Ended) -> None:
        path = self._phone.store / "audio" / f"{call.call_sid}.wav"
        await asyncio.to_thread(call.save, path)
        record = await self._record(call.call_sid) if self._phone.keeps_records else {}
        told = sentences.conclusion(
            ended.by,
            ended.close_code,
            ended.close_reason,
            record,
            agent_heard=call.handset.talk.first_heard,
            lasted_s=ended.duration_s,
        )
        self.tell(
            {
                "is": "ended",
                "by": ended.by,
                "trouble": told.trouble,
                "sentence": told.sentence,
                "advice": told.advice,
                "at_ms": ended.duration_s * 1000,
                "wav": f"sound/{path.name}",
                "kept": str(path),
                "violations": [f"{broken.rule}: {broken.detail}" for broken in call.violations[:20]],
            }
        )

    async def _record(self, call_sid: str) -> dict[str, Any]:
        """The record of a relay on this machine, just after the call; empty if it writes elsewhere."""
        path = self._phone.store / "logs" / f"{call_sid}.json"
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + (RECORD_PATIENCE_S if self._phone.at_home else RECORD_CHANCE_S)
        while loop.time() < give_up_at:
            with suppress(OSError, ValueError):  # not there yet, or half written
                return decode(path.read_bytes())
            await asyncio.sleep(0.05)
        return {}

    def _line(self, event: LineEvent) -> None:
        if isinstance(event, Cleared) and self._call:
            self._call.handset.talk.cleared(event.at_ms)
        if message := happened(event, self._at_ms):
            self.tell(message)

    def _beat(self, beat: Beat) -> None:
        call = self._call
        if call is None:
            return
        self._at_ms = beat.at_ms
        self._put(np.asarray(beat.heard, "<i2").tobytes())
        for found in beat.found:
            if message := happened(found, beat.at_ms):
                self.tell(message)
        self._beats += 1
        self._levels = (max(self._levels[0], level_db(beat.said)), max(self._levels[1], level_db(beat.heard)))
        if self._beats % LEVELS_EVERY == 0:
            caller_db, agent_db = self._levels
            self._levels = (-100.0, -100.0)
            talk = call.handset.talk
            self.tell(
                {
                    "is": "levels",
                    "at_ms": beat.at_ms,
                    "caller_db": round(caller_db, 1),
                    "agent_db": round(agent_db, 1),
                    "caller_speaks": talk.caller.speaking_since_ms is not None,
                    "agent_speaks": talk.agent.speaking_since_ms is not None,
                    "waiting_ms": round(call.playout.waiting_ms(beat.at_ms / 1000)),
                    "gaps": len(call.playout.gaps),
                    "lost": call.handset.lost_frames,
                    "late": call.handset.late_frames,
                }
            )
