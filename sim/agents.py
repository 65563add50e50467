"""`make demo AGENT=name`: a vendor's agent on a call, on this machine, with no account and no key.

The relay runs as a real process and speaks the vendor's own messages; the vendor and the line are fakes.
"""

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from relay.agents import HOSTED
from sim.agent_script import AgentScript, Reply
from sim.bots import KEY, Overheard, failures, report
from sim.caller import ScriptedCaller, Step, When
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.live import LiveView
from sim.processes import ROOT, StartError, child, free_port
from sim.serving import serving
from sim.speech import line
from sim.timeline import Timeline
from sim.toml import agents_file
from sim.vendors.registry import FAKES, entry_of
from sim.vendors.server import FakeVendor

SCRIPT = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(on="heard:caller_clinics", say=("agent_clinics",)),
        Reply(on="heard:caller_hours", say=("agent_hours",), end_call=True),
    )
)
STEPS = (
    Step(when=When.AGENT_FINISHED, ms=500, say="caller_clinics"),
    Step(when=When.AGENT_SPEAKING, ms=2500, say="caller_hours"),
)
HEARS = ("agent_greeting", "agent_hours")
"""The agent's lines that the caller hears to their end; the line between them is cut off."""


def fake(name: str, timeline: Timeline | None = None) -> FakeVendor:
    """The vendor's fake, with this demo's script."""
    return FAKES[name](SCRIPT, api_key=KEY, timeline=timeline)


def entry(name: str, url: str) -> dict[str, Any]:
    """The agent's entry in AGENTS_FILE."""
    return entry_of(name, "demo", url, greeting=line("agent_greeting").text)


async def perform(name: str, folder: Path, view: LiveView) -> tuple[CallResult, Mapping[str, Any]]:
    """Start everything, place the call in real time, end everything; the record with it. Raises StartError."""
    timeline = Timeline(watch=view.happened)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(fake(name, timeline).app()))
        (folder / "agents.toml").write_text(agents_file({"front": entry(name, url)}), encoding="utf-8")
        environment = {
            "AGENTS_FILE": str(folder / "agents.toml"),
            "BACKGROUND_SOUND_FILE": "office",
            "STORE": f"file:{folder / 'data'}",
            HOSTED[name].key_env: KEY,
        }
        relay_url = await stack.enter_async_context(
            child("relay", environment, port=free_port(), path="/ready", log=folder / "relay.log")
        )
        plan = CallPlan(
            url=relay_url.replace("http://", "ws://") + "/media",
            caller=lambda rate_hz: Overheard(ScriptedCaller(STEPS, rate_hz), view),
            max_s=60.0,
        )
        call = await FakeExotel(timeline=timeline).call(plan)
    return call, json.loads((folder / "data" / "logs" / f"{call.call_sid}.json").read_text(encoding="utf-8"))


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 if the result was not as expected, 2 if the call could not be played."""
    parser = argparse.ArgumentParser(prog="make demo", description="A vendor's agent on a call, on this machine.")
    parser.add_argument("agent", choices=sorted(HOSTED))
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder for what is left behind (default: out/)")
    options = parser.parse_args(arguments)
    folder = options.out / f"agent_{options.agent}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    console = Console()
    about = "Greeting, a question, a caller who cuts in, a goodbye: in the vendor's own messages."
    console.print(f"\n[bold]{HOSTED[options.agent].title}[/]  [dim]{about}[/]\n", soft_wrap=True)
    try:
        with LiveView(console) as view:
            call, record = asyncio.run(perform(options.agent, folder, view))
    except StartError as error:
        console.print(f"[bold red]demo:[/] {escape(str(error))}", soft_wrap=True)
        return 2
    return report(console, folder, call, record, failures("agent_ended", HEARS, call, record))


if __name__ == "__main__":
    sys.exit(main())
