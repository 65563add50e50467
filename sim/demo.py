"""A whole call on this machine, heard and seen, with no account anywhere.

Fake ElevenLabs and fake Exotel run in this process, the relay and the functions as real processes beside it, as they
would be deployed: talking over sockets and HTTP only. Leaves the call's record, its sound and its picture in out/.
"""

import asyncio
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.live import LiveView
from sim.outcome import Outcome
from sim.picture import draw, figure_rows
from sim.processes import ROOT, StartError, child, free_port
from sim.run import (
    API_KEY,
    World,
    agent_scripts,
    functions_environment,
    play,
    post_call_webhook,
    relay_environment,
)
from sim.scenario import Scenario, ScenarioError, load
from sim.serving import serving
from sim.speech import write_wav
from sim.timeline import Timeline

DEFAULT = "reception"


@dataclass(frozen=True, slots=True)
class Traces:
    """The files of a demo."""

    record: Path
    sound: Path
    picture: Path
    logs: tuple[Path, ...]


async def perform(
    scenario: Scenario, folder: Path, view: LiveView, *, relay_code: Path = ROOT, functions_code: Path = ROOT
) -> Outcome:
    """Start everything, play the scenario in real time, end everything. Raises StartError.

    Relay and functions run from the code in these folders, so that releases can be played against each other.
    """
    store = folder / "data"
    store.mkdir(parents=True)
    functions_port = free_port()
    functions_url = f"http://127.0.0.1:{functions_port}"
    timeline = Timeline(watch=view.happened)
    webhook = post_call_webhook(scenario, functions_url)
    agents = FakeElevenLabs(agent_scripts(scenario), api_key=API_KEY, webhook=webhook, timeline=timeline)
    async with AsyncExitStack() as stack:
        elevenlabs_url = await stack.enter_async_context(serving(agents.app()))
        environment = functions_environment(
            scenario, elevenlabs_url=elevenlabs_url, folder=store, functions_url=functions_url
        )
        await stack.enter_async_context(
            child(
                "functions.local",
                environment,
                port=functions_port,
                path="/",
                log=folder / "functions.log",
                code=functions_code,
            )
        )
        environment = relay_environment(
            scenario, elevenlabs_url=elevenlabs_url, folder=store, functions_url=functions_url
        )
        relay_url = await stack.enter_async_context(
            child("relay", environment, port=free_port(), path="/ready", log=folder / "relay.log", code=relay_code)
        )
        media_url = relay_url.replace("http://", "ws://") + "/media"
        return await play(scenario, World(media_url, agents, store, functions_url, timeline, view.overhear))


def keep(outcome: Outcome, folder: Path) -> Traces:
    """Write the sound (left what the caller said, right what the caller heard) and the picture."""
    call = outcome.call
    sound, picture = folder / "call.wav", folder / "call.png"
    write_wav(sound, call.rate_hz, call.said, call.heard)
    draw(outcome, picture)
    record = folder / "data" / "logs" / f"{call.call_sid}.json"
    beside = folder / "data" / "audio" / f"{call.call_sid}.wav"  # where the explorer looks for a call's sound
    beside.parent.mkdir(exist_ok=True)
    beside.unlink(missing_ok=True)
    beside.hardlink_to(sound)
    return Traces(record, sound, picture, (folder / "relay.log", folder / "functions.log"))


def report(console: Console, outcome: Outcome, traces: Traces) -> None:
    """The numbers, the files, and what was not as expected."""
    table = Table.grid(padding=(0, 3))
    for name, value in figure_rows(outcome):
        table.add_row(f"  {name}", value)
    console.print("\n[bold]In numbers[/]")
    console.print(table)
    console.print("\n[bold]Left behind[/]")
    for name, path in (
        ("record", traces.record),
        ("sound (left: caller says, right: caller hears)", traces.sound),
        ("picture", traces.picture),
        *(("log", log) for log in traces.logs),
    ):
        console.print(f"  {escape(str(path))}  [dim]{name}[/]", soft_wrap=True, highlight=False)
    console.print("  in a page, with its sound: make calls", highlight=False)
    if outcome.call.machine_was_late:
        late = f"This machine was itself late by {outcome.call.late_max_s:.2f} s: holes in the sound may be its own."
        console.print(f"\n[yellow]{late}[/]", soft_wrap=True)
    if outcome.passed:
        console.print("\n[bold green]Everything came out as the scenario expects.[/]")
    for failure in outcome.failures:
        console.print(f"[bold red]not as expected:[/] {escape(failure)}", soft_wrap=True)


def show(name: str, out: Path) -> int:
    """Play the scenario with this name or file, and write its files into a folder below `out`.

    Returns exit status 1 if it was not as expected, 2 if it could not be played.
    """
    console = Console()
    try:
        scenario = load(name)
        folder = out.absolute() / scenario.name  # the processes beside us have folders of their own
        shutil.rmtree(folder, ignore_errors=True)
        console.print(f"\n[bold]{scenario.title}[/]  [dim]{scenario.about}[/]\n", soft_wrap=True)
        with LiveView(console) as view:
            outcome = asyncio.run(perform(scenario, folder, view))
        report(console, outcome, keep(outcome, folder))
    except (ScenarioError, StartError) as error:
        console.print(f"[bold red]demo:[/] {escape(str(error))}", soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    return 0 if outcome.passed else 1
