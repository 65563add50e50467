"""The fake's end of the socket: what goes out, what comes in, and how it goes wrong.

Anything that the client does against the vendor's rules is noted in the record, and ends the conversation if the vendor
can't live with it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from sim.agent_script import AgentScript, Fault, FaultKind
from sim.flood import flood
from sim.timeline import Timeline
from sim.vendors.lenient import read_leniently
from sim.vendors.record import BrokenRuleError, VendorRecord, VendorViolation
from sim.wire import FakeSocket


class Connection:
    """One socket, or one after another. A stalled connection sends nothing more; a deaf one does not read either."""

    name: ClassVar[str]
    refusal: ClassVar[str] = ""
    """The reason in the close frame after a broken rule; the rule's name if the vendor has no text for it."""
    tolerates: ClassVar[frozenset[str]] = frozenset({"too_fast"})
    """Rules that other clients break and the real server tolerates. Our relay breaks none of them."""

    def __init__(self, script: AgentScript, timeline: Timeline, record: VendorRecord) -> None:
        self.loop = asyncio.get_running_loop()
        self.script = script
        self.record = record
        self.timeline = timeline
        self.socket = FakeSocket(self.name)
        self.transport: asyncio.BaseTransport | None = None
        self.stalled = False
        self.deaf = False
        self._tasks: set[asyncio.Task[None]] = set()

    # --- for the vendor's fake ---

    async def take(self, message: WSMessage) -> None:
        """One message from the client. Raises BrokenRuleError."""
        raise NotImplementedError

    async def tell_failure(self, fault: Fault) -> None:
        """Announce a fault, if the vendor has a message for it."""

    async def tell_broken(self, broken: BrokenRuleError) -> None:
        """Report what was wrong with the client's message."""

    async def send_too_much(self, what: str, number: int) -> None:
        """Message `number` of a flood of `what` (sim.flood)."""
        raise NotImplementedError

    # --- life ---

    async def open(self, request: web.Request) -> None:
        """Answer the upgrade; the conversation goes on over this socket."""
        self.record.sockets += 1
        await asyncio.sleep(self.script.upgrade_after_s)
        await self.socket.prepare(request)
        self.transport = request.transport
        self.timeline.note("agent", "connected", self.name)

    async def read(self, socket: web.WebSocketResponse) -> None:
        """Process messages on `socket` until it is closed."""
        while not socket.closed:
            if self.deaf:
                await asyncio.sleep(60.0)
                continue
            message = await socket.receive()
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                return
            try:
                await self.take(message)
            except BrokenRuleError as broken:
                await self.broken(broken)

    def read_shape(
        self, data: str | bytes, kind: Any, *, prepare: Callable[[Any], Any] = lambda message: message
    ) -> Any:
        """A message as `kind`; fields that it does not know are a warning. Raises BrokenRuleError."""
        try:
            read, unknown = read_leniently(data, kind, prepare=prepare)
        except msgspec.DecodeError as error:
            raise BrokenRuleError("wrong_shape", f"{error}: {data[:200]!r}") from None
        for name in unknown:
            self.note("unknown_field", name, tolerated=True)
        return read

    async def send(self, message: Mapping[str, Any], *, binary: bool = False) -> None:
        """Send JSON, unless sending has stopped."""
        await self.send_bytes(msgspec.json.encode(message), binary=binary)

    async def send_bytes(self, data: bytes, *, binary: bool = True) -> None:
        """Send a message."""
        if self.stalled or self.socket.closed:
            return
        try:
            await (self.socket.send_bytes(data) if binary else self.socket.send_str(data.decode()))
        except ConnectionError:
            self.ended("client", 1006, "connection lost")

    async def close(self, code: int, reason: str = "") -> None:
        """End the conversation from the agent's side."""
        self.ended("agent", code, reason)
        await self.socket.close(code=code, message=reason.encode())

    def ended(self, by: str, code: int | None, reason: str = "") -> None:
        """Note the end; only the first time counts."""
        record = self.record
        if record.ended_at is None:
            record.ended_at, record.ended_by = self.loop.time(), by
            record.close_code, record.close_reason = code, reason
            self.timeline.note("agent", "ended", f"by the {by}: {code} {reason}".strip())

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside reading; ends with the conversation."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, code: int | None) -> None:
        """Stop all tasks. If the conversation is not over yet, the client closed it with `code`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.ended("client", code)

    # --- going wrong ---

    async def fail(self, fault: Fault) -> None:
        """Fail at the scripted time."""
        await asyncio.sleep(fault.after_s)
        self.timeline.note("agent", "fails", f"{fault.kind} {fault.reason}".strip())
        match fault.kind:
            case FaultKind.CLOSE:
                if fault.error_type:
                    await self.tell_failure(fault)
                await self.close(fault.code, fault.reason)
            case FaultKind.VANISH:
                self.ended("agent", 1006, fault.reason)
                if isinstance(self.transport, asyncio.WriteTransport):
                    self.transport.abort()
            case FaultKind.STALL:
                self.stalled = True
            case FaultKind.DEAF:
                self.stalled = self.deaf = True
            case FaultKind.FLOOD:
                what = fault.reason
                await flood(lambda number: self.send_too_much(what, number), lambda: self.socket.closed)

    async def broken(self, broken: BrokenRuleError) -> None:
        """Note a violation, and end the conversation if it is fatal."""
        tolerated = broken.tolerated or broken.rule in self.tolerates
        self.note(broken.rule, broken.detail, tolerated=tolerated)
        if broken.fatal and not tolerated:
            await self.tell_broken(broken)
            await self.close(1008, self.refusal or broken.rule)

    def note(self, rule: str, detail: str, *, tolerated: bool = False) -> None:
        """A rule that the client broke."""
        tolerated = tolerated or rule in self.tolerates
        self.record.violations.append(VendorViolation(self.loop.time(), rule, detail, tolerated))
