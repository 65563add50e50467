"""`python -m tests.bench.agents [AGENT …]`: what each vendor's agent costs, how much later it is heard, and how long a
caller waits when one fails and the next takes over.

The same load as the main benchmark (load.py), with the agents' side in each vendor's own messages. The line is 8 kHz.
"""

import argparse
import asyncio
import binascii
import gc
import json
import os
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import uvloop

from relay.agents import HOSTED
from relay.agents.vendor import Vendor as Declared
from sim.toml import agents_file
from tests.bench.figures import Case, Row, Samples, percentile, row
from tests.bench.instructions import build, slowed
from tests.bench.load import CYCLE_S, Agent, Load
from tests.bench.process import Subject, free_port, relay_environ, take_load_core
from tests.bench.report import describe
from tests.bench.vendor_messages import SAID_BY, VendorAgent

_SETTLE_S = 2.0
_CALLS_A_SECOND = 50
_FAIL_AFTER_S = 3.0


@dataclass(frozen=True, slots=True)
class Vendor:
    """How a vendor is measured. `heard`, `spoken`: what it is sent and sends on a line of 8 kHz."""

    agent: type[VendorAgent] | None
    heard: str
    spoken: str
    entry: dict[str, object]

    @property
    def formats(self) -> str:
        return self.heard if self.heard == self.spoken else f"{self.heard} up, {self.spoken} down"


def _hosted(name: str, declared: Declared) -> Vendor:
    """As the relay's registry has it. Raises KeyError for one whose messages nobody has said here."""
    # the agent learns which call it has from its prompt; those whose prompt is kept at the vendor's, from a variable
    options = dict(declared.needs)
    if "prompt" in declared.options.__struct_fields__:
        options["prompt"] = "{{call_sid}}"
    agent = SAID_BY[declared.codec or name]
    return Vendor(agent, declared.heard, declared.spoken, {"vendor": name, "options": options})


MISSING = tuple(name for name, declared in HOSTED.items() if (declared.codec or name) not in SAID_BY)
"""Vendors whose fakes say no messages for the benchmark (sim/vendors/measured.py)."""
VENDORS = {
    **{name: _hosted(name, declared) for name, declared in HOSTED.items() if name not in MISSING},
    "echo": Vendor(None, "pcm_8000", "pcm_8000", {"vendor": "echo"}),
    "bot": Vendor(None, "pcm_16000", "pcm_16000", {"vendor": "bot", "id": "examples.bots.echo:EchoBot"}),
}
UNLIKE = [name for name in VENDORS if name in HOSTED and not HOSTED[name].codec]
"""Those that share their messages with no other: one of them may die and another take over."""


class VendorLoad(Load):
    """Calls whose agents are one vendor's."""

    def __init__(self, vendor: Vendor, samples: Samples) -> None:
        super().__init__(vendor.spoken, samples)
        self.law = vendor.heard.partition("_")[0]
        self._vendor = vendor

    @property
    def raw_chunk(self) -> bytes:
        """A piece of an agent's voice."""
        return binascii.a2b_base64(self.chunk)

    def agent(self) -> Agent:
        return self._vendor.agent(self)


class FirstLoad(VendorLoad):
    """Calls whose agent fails after a while. `failed_at` by call."""

    def __init__(self, vendor: Vendor, samples: Samples) -> None:
        super().__init__(vendor, samples)
        self.failed_at: dict[str, float] = {}

    def on_ready(self, agent: Agent) -> None:
        # at any moment between two of the relay's frames
        delay_s = _FAIL_AFTER_S + random.Random(agent.call_sid).random()
        asyncio.get_running_loop().call_later(delay_s, self._fail, agent)

    def _fail(self, agent: VendorAgent) -> None:
        self.failed_at[agent.call_sid] = perf_counter()
        agent.fail()


class SecondLoad(VendorLoad):
    """The agents that take over from those of `first`: each speaks as soon as it is there."""

    def __init__(self, vendor: Vendor, first: FirstLoad) -> None:
        super().__init__(vendor, first.samples)
        self.calls = first.calls
        self._first = first

    def on_ready(self, agent: VendorAgent) -> None:
        agent.say_one_thing()
        # what is measured is the way from the failure, not from the sound, to the line
        self.calls[agent.call_sid].spoke_at = self._first.failed_at[agent.call_sid]


def start_relay(scratch: Path, agents: dict[str, tuple[Vendor, int]], log: Path) -> Subject:
    """A relay with these agents, each on its port; the first is the default, each falls back to the next."""
    port = free_port()
    names = list(agents)
    entries = {}
    for number, (name, (vendor, agent_port)) in enumerate(agents.items()):
        entry = json.loads(json.dumps(vendor.entry))
        if vendor.agent:
            entry["options"]["base_url"] = f"http://localhost:{agent_port}"
        if number + 1 < len(names):
            entry["fallback"] = names[number + 1]
        entries[name] = {"id": "", **entry}
    (scratch / "agents.toml").write_text(agents_file(entries))
    environ = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "AGENTS_FILE": str(scratch / "agents.toml"),
        "STORE": f"file:{scratch}/data",
        "BACKGROUND_SOUND_FILE": "office",
        "ECHO_CALLS": "0",  # frames that are levels are like each other: no voice is
        "MAX_CALLS": "10000",
        "DRAIN_SECONDS": "0",
        # with a key the relay asks ElevenLabs for a signed URL, which Load does not answer: its agents are public
        **{vendor.key_env: "key_of_nobody" for name, vendor in HOSTED.items() if name != "elevenlabs"},
    }
    return Subject([sys.executable, "-m", "relay"], relay_environ() | environ, port, log)


async def cost(name: str, calls: int, window_s: float, log: Path) -> Row:
    """One vendor's agents, `calls` of them, for `window_s` of steady load."""
    vendor, samples = VENDORS[name], Samples()
    load = VendorLoad(vendor, samples)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        agent_port = await load.listen(None)
        subject = start_relay(Path(scratch), {name: (vendor, agent_port)}, log)
        try:
            await subject.ready()
            await load.place(calls, subject.port, "/media", within_s=max(CYCLE_S, calls / _CALLS_A_SECOND))
            await asyncio.sleep(_SETTLE_S)
            gc.freeze()  # the load's own collector must not look like the relay's latency
            samples.recording, cpu_before, wakeups_before = True, subject.cpu_s(), subject.wakeups()
            began = perf_counter()
            await asyncio.sleep(window_s)
            samples.recording, cpu_s = False, subject.cpu_s() - cpu_before
            wakeups = subject.wakeups() - wakeups_before
            elapsed = perf_counter() - began
            await load.hang_up()
        finally:
            gc.unfreeze()
            await load.close()
            await subject.stop()
    case = Case(calls, audio=vendor.formats)
    return row(case, samples, cpu_s=cpu_s, window_s=elapsed, wakeups=wakeups, memory_kb=None, loop_lag_ms=None)


async def failover(first: str, second: str, calls: int, log: Path) -> Samples:
    """`calls` calls whose `first` agent dies; `wire` are the times until the second was on the line."""
    samples = Samples(recording=True)
    dying = FirstLoad(VENDORS[first], samples)
    taking_over = SecondLoad(VENDORS[second], dying)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        ports = await dying.listen(None), await taking_over.listen(None)
        agents = {"first": (VENDORS[first], ports[0]), "second": (VENDORS[second], ports[1])}
        subject = start_relay(Path(scratch), agents, log)
        try:
            await subject.ready()
            await dying.place(calls, subject.port, "/media", within_s=max(CYCLE_S, calls / _CALLS_A_SECOND))
            give_up_at = perf_counter() + _FAIL_AFTER_S + 20
            while len(samples.wire) < calls and perf_counter() < give_up_at:  # noqa: ASYNC110 - an array has no event
                await asyncio.sleep(0.1)
            await dying.hang_up()
        finally:
            await dying.close()
            await taking_over.close()
            await subject.stop()
    return samples


_HEADINGS = (
    "agent",
    "formats on an 8 kHz line",
    "CPU ms per call-second",
    "caller → agent p50 / p99 ms",
    "agent → wire p50 / p99 ms",
    "interruption → clear p99 ms",
    "holes",
)


def table(headings: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Markdown."""
    lines = [f"| {' | '.join(headings)} |", "|---|---" + "|--:" * (len(headings) - 2) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, cells))} |" for cells in rows)]) + "\n"


def _pair(low: float | None, high: float | None) -> str:
    return "–" if low is None else f"{low:.1f} / {high:.1f}"


def _median(rows: list[Row], name: str) -> float | None:
    values = [value for one in rows if (value := getattr(one, name)) is not None]
    return median(values) if values else None


def cells(name: str, rows: list[Row]) -> tuple[object, ...]:
    """A vendor's line: medians of its runs."""

    def of(figure: str) -> float | None:
        return _median(rows, figure)

    clear = of("clear_p99")
    return (
        name,
        VENDORS[name].formats,
        f"{of('cpu_ms'):.2f}",
        _pair(of("uplink_p50"), of("uplink_p99")),
        _pair(of("wire_p50"), of("wire_p99")),
        "–" if clear is None else f"{clear:.1f}",
        sum(one.holes or 0 for one in rows),
    )


async def run(names: list[str], calls: int, window_s: float, repeat: int, *, pairs: bool, out: Path) -> str:
    """All that was asked for, as Markdown; `pairs`: also what happens when one dies and another takes over."""
    costs = []
    for name in names:
        rows = [await cost(name, calls, window_s, out / "subject.log") for _ in range(repeat)]
        costs.append(cells(name, rows))
        print(*costs[-1], flush=True)
    taken = []
    for second in filter(UNLIKE.__contains__, names if pairs else ()):
        for first in (other for other in UNLIKE if other != second):
            samples = await failover(first, second, calls, out / "subject.log")
            taken.append(
                (first, second, percentile(samples.wire, 50), percentile(samples.wire, 99), calls - len(samples.wire))
            )
            print(*taken[-1], flush=True)
    headings = ("dies", "takes over", "failure → its first sound p50 ms", "p99 ms", "calls lost")
    return table(_HEADINGS, costs) + "\n" + (table(headings, taken) if taken else "")


def main() -> None:
    """Read the command line, measure, write out/bench/agents.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.agents", description=__doc__)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help=f"of {', '.join(VENDORS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="costs only, once, in slow time: for comparing")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--window", type=float, default=12, help="seconds of steady load a run")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, of which the median is told")
    parser.add_argument(
        "--slower", type=int, default=1, help="how much more slowly time passes, so that a busy machine is never late"
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    args = parser.parse_args()
    if MISSING:
        parser.error(f"no fake of {', '.join(MISSING)} says messages for this: expected a subclass of Measured in it")
    unknown = [name for name in args.agents if name not in VENDORS]
    if unknown:
        parser.error(f"no agent {unknown[0]!r}: expected one of {', '.join(VENDORS)}")
    if args.quick:
        args.window, args.repeat, args.slower = 4.0, 1, max(args.slower, 4)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.slower > 1 and "SLOWER" not in os.environ:
        again = [sys.executable, "-m", "tests.bench.agents", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, **slowed(str(build(args.out).resolve()), args.slower)})
    take_load_core()
    machine = describe(sys.executable)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        names = args.agents or list(VENDORS)
        work = run(names, args.calls, args.window, args.repeat, pairs=not args.quick, out=args.out)
        text = runner.run(work)
    told = f"{machine['machine']}, Python {machine['python']}, load average at the start {machine['load'][0]:.2f}"
    (args.out / "agents.md").write_text(f"{told}. {args.calls} calls, ambience on.\n\n{text}")
    print((args.out / "agents.md").read_text())


if __name__ == "__main__":
    main()
