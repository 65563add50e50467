"""Every fault: what is done, to what, when, and what must come of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from msgspec import structs

from sim.agent_script import AgentScript
from sim.agent_script import Fault as AgentFault
from tests.chaos.world import TALKS, Answerer, ChaosWorld

MID_SENTENCE_S = 2.5
"""So long after the calls were placed the agents are greeting."""
WINDOW_BYTES = 16 * 1024
STAYS, HANDED_OVER, LOST = "caller_hung_up", "agent_failed", "line_lost"
Act = Callable[[ChaosWorld], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """`act` runs beside the calls. `ends`: the `end_reason` of a shaken call; `agents`: who had it, in order."""

    name: str
    where: str
    act: Act
    ends: str = STAYS
    agents: tuple[str, ...] = ("shaky",)
    at_s: float = MID_SENTENCE_S
    call_s: float = 16.0
    streams: int = 1
    """How often the line of a shaken call connects, one time after the other."""
    normal_s: float = 6.0
    """So long, at most, until a caller hears an agent again or the line is handed over."""
    script: AgentScript = TALKS
    """The agent behind the proxy."""

    def __str__(self) -> str:
        return f"{self.where}: {self.name}"


FAILS_OVER = ("shaky", "backup")


async def _mid_sentence() -> None:
    await asyncio.sleep(MID_SENTENCE_S)


async def nothing(world: ChaosWorld) -> None:
    """The agent's own script is the fault."""


async def refused(world: ChaosWorld) -> None:
    world.agent.refusing = True


async def silent(world: ChaosWorld) -> None:
    world.agent.stalled = True


async def reset(world: ChaosWorld) -> None:
    await _mid_sentence()
    world.agent.cut(fin=False)


async def finished(world: ChaosWorld) -> None:
    await _mid_sentence()
    world.agent.cut(fin=True)


async def half_open(world: ChaosWorld) -> None:
    """It took fifteen seconds to notice."""
    await _mid_sentence()
    world.agent.half_open()


async def slow_network(world: ChaosWorld) -> None:
    world.agent.latency_s, world.agent.jitter_s = 0.5, 0.2


async def narrow_network(world: ChaosWorld) -> None:
    world.agent.bytes_per_s = 40_000


async def stall(world: ChaosWorld) -> None:
    await _mid_sentence()
    world.agent.stalled = True
    await asyncio.sleep(5)
    world.agent.stalled = False


async def line_reset(world: ChaosWorld) -> None:
    await _mid_sentence()
    world.line.cut(fin=False)


async def line_finished(world: ChaosWorld) -> None:
    await _mid_sentence()
    world.line.cut(fin=True)


async def line_half_open(world: ChaosWorld) -> None:
    await _mid_sentence()
    world.line.half_open()


async def line_stall(world: ChaosWorld) -> None:
    await _mid_sentence()
    world.line.stalled = True
    await asyncio.sleep(5)
    world.line.stalled = False


async def line_reads_nothing(world: ChaosWorld) -> None:
    """The kernel's buffers took minutes of sound: nobody noticed, and who read again got it all at once."""
    world.line.window_bytes = WINDOW_BYTES
    await _mid_sentence()
    world.line.deaf = True


async def line_reads_late(world: ChaosWorld) -> None:
    await line_reads_nothing(world)
    await asyncio.sleep(5)
    world.line.deaf = False


async def line_slow(world: ChaosWorld) -> None:
    world.line.latency_s, world.line.jitter_s = 0.15, 0.05


async def functions_down(world: ChaosWorld) -> None:
    world.functions.refusing = True
    await asyncio.sleep(60)
    world.functions.refusing = False


async def functions_unavailable(world: ChaosWorld) -> None:
    async def unavailable(request: web.Request, answer: Answerer) -> web.StreamResponse:
        return web.Response(status=503)

    world.answers += [unavailable] * 6


async def functions_slow(world: ChaosWorld) -> None:
    async def slow(request: web.Request, answer: Answerer) -> web.StreamResponse:
        await asyncio.sleep(20)
        return await answer(request)

    world.answers += [slow] * 20


async def functions_die_before_storing(world: ChaosWorld) -> None:
    async def die(request: web.Request, answer: Answerer) -> web.StreamResponse:
        await request.read()
        request.transport.abort()
        return web.Response()

    world.answers += [die] * 8


async def functions_die_after_storing(world: ChaosWorld) -> None:
    async def die(request: web.Request, answer: Answerer) -> web.StreamResponse:
        await answer(request)
        request.transport.abort()
        return web.Response()

    world.answers += [die] * 8


async def conflicts(world: ChaosWorld) -> None:
    world.store.conflicts = 6


async def throttling(world: ChaosWorld) -> None:
    world.store.throttled = 12


async def not_found(world: ChaosWorld) -> None:
    world.store.missing = 4


async def out_of_space(world: ChaosWorld) -> None:
    world.store.full = True
    await asyncio.sleep(45)
    world.store.full = False


async def names_fail(world: ChaosWorld) -> None:
    world.names.addresses = ()


async def names_slow(world: ChaosWorld) -> None:
    world.names.takes_s = 20


async def dead_ipv6_first(world: ChaosWorld) -> None:
    world.names.addresses = ("::1", "127.0.0.1")


async def dead_address_first(world: ChaosWorld) -> None:
    world.names.addresses = ("127.66.66.66", "127.0.0.1")


def clock_jumps(hours: int) -> Act:
    async def jump(world: ChaosWorld) -> None:
        await _mid_sentence()
        world.clock_off_s = hours * 3600

    return jump


CLOSE_CODES = (1001, 1002, 1008, 1011, 3000, 4300)
"""Of elevenlabs.md A3.6, and the one of a server that restarts. 1006 is no frame at all: the reset and the FIN."""


def closes_with(code: int, **more: Any) -> Fault:
    """An agent that hangs up in the middle of its greeting and says why."""
    script = structs.replace(TALKS, fault=AgentFault(after_s=MID_SENTENCE_S - 0.5, code=code, reason="planted"))
    return Fault(f"closes with {code}", "agent", nothing, script=script, **{"agents": FAILS_OVER, **more})


FAULTS = (
    Fault("refused", "agent", refused, agents=FAILS_OVER, at_s=0),
    Fault("silent after connect", "agent", silent, agents=FAILS_OVER, at_s=0),
    Fault("reset mid-sentence", "agent", reset, agents=FAILS_OVER),
    Fault("FIN mid-sentence", "agent", finished, agents=FAILS_OVER),
    Fault("half-open, no FIN", "agent", half_open, agents=FAILS_OVER, call_s=30, normal_s=10),
    Fault("500 ms latency, 200 ms jitter", "agent", slow_network, at_s=0),
    Fault("40 kB/s", "agent", narrow_network, at_s=0),
    Fault("stalls for 5 s", "agent", stall),
    closes_with(1000, agents=("shaky",), ends="agent_ended"),
    *map(closes_with, CLOSE_CODES),
    Fault("reset without stop", "line", line_reset, ends=LOST),
    Fault("FIN without stop", "line", line_finished, ends=LOST),
    Fault("half-open, no FIN", "line", line_half_open, ends="line_stalled", call_s=30, normal_s=16),
    Fault("stalls for 5 s", "line", line_stall, normal_s=11),
    Fault("reads nothing for 5 s", "line", line_reads_late, normal_s=11),
    Fault("stops reading", "line", line_reads_nothing, ends="line_stalled", call_s=30, normal_s=13),
    Fault("reset, comes back", "line", line_reset, agents=("shaky", "shaky"), at_s=0, streams=2),
    Fault("150 ms latency, 50 ms jitter", "line", line_slow, at_s=0),
    Fault("fail", "names", names_fail, at_s=0),
    Fault("answer after 20 s", "names", names_slow, at_s=0),
    Fault("a dead IPv6 address first", "names", dead_ipv6_first, at_s=0),
    Fault("an old, dead address first", "names", dead_address_first, at_s=0),
    Fault("down for a minute", "functions", functions_down, at_s=0),
    Fault("503 for the first tries", "functions", functions_unavailable, at_s=0),
    Fault("answer after 20 s", "functions", functions_slow, at_s=0),
    Fault("die before storing", "functions", functions_die_before_storing, at_s=0),
    Fault("die after storing", "functions", functions_die_after_storing, at_s=0),
    Fault("its clock jumps an hour ahead", "relay", clock_jumps(1), at_s=0),
    Fault("its clock jumps an hour back", "relay", clock_jumps(-1), at_s=0),
    Fault("conflicts", "store", conflicts, at_s=0),
    Fault("throttling", "store", throttling, at_s=0),
    Fault("reads find nothing", "store", not_found, at_s=0),
    Fault("out of space for 45 s", "store", out_of_space, at_s=0),
)
