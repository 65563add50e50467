"""`make demo BOT=name`: one of the example bots on a call, on this machine, with no account anywhere.

The relay runs as a real process with the bot in it; the line and the services that the bot needs are fakes.
"""

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from relay.agents.openai.fake import FakeOpenAI
from sim.agent_script import AgentScript, Reply
from sim.caller import Doing, ScriptedCaller, Step, When
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.heard import find_line
from sim.live import LiveView
from sim.processes import ROOT, StartError, child, free_port
from sim.serving import serving
from sim.sound import Pcm
from sim.speech import ASSETS, line, write_wav
from sim.timeline import Timeline
from sim.toml import agents_file
from sim.vendors.speech import FakeSpeechServices

KEY = "key_of_nobody"
HANG_UP = Step(when=When.AGENT_FINISHED, ms=1500, hang_up=True)


@dataclass(frozen=True, slots=True)
class BotDemo:
    """`options`: made from the URL of the services and the demo's folder. `hears`: lines that the caller must hear."""

    name: str
    about: str
    steps: tuple[Step, ...]
    end_reason: str
    hears: tuple[str, ...] = ()
    options: Callable[[str, Path], Mapping[str, Any]] = lambda url, folder: {}

    @property
    def class_name(self) -> str:
        """Where the relay finds it."""
        kind = "".join(part.capitalize() for part in self.name.split("_"))
        return f"examples.bots.{self.name}:{kind}Bot"


def _file(name: str) -> str:
    return str(ASSETS / f"{name}.wav")


ANSWERS = {"caller_clinics": "agent_clinics", "caller_hours": "agent_hours", "caller_interrupts": "agent_saturday"}
DEMOS = (
    BotDemo(
        "echo",
        "The caller hears what they say.",
        (Step(when=When.AT, ms=500, say="caller_hours"), Step(ms=1500, hang_up=True)),
        "caller_hung_up",
        ("caller_hours",),
    ),
    BotDemo(
        "language_model",
        "Speech to text, language model, text to speech; the caller cuts in.",
        (
            Step(when=When.AGENT_FINISHED, ms=500, say="caller_clinics"),
            Step(when=When.AGENT_SPEAKING, ms=2500, say="caller_hours"),
            HANG_UP,
        ),
        "caller_hung_up",
        ("agent_greeting", "agent_hours"),
        lambda url, folder: {"openai_url": url, "greeting": line("agent_greeting").text},
    ),
    BotDemo(
        "transcriber",
        "Everything the caller says is written down.",
        (
            Step(when=When.AT, ms=500, say="caller_hours"),
            Step(ms=1500, say="caller_bill"),
            Step(ms=3000, hang_up=True),
        ),
        "caller_hung_up",
        options=lambda url, folder: {"openai_url": url},
    ),
    BotDemo(
        "multilingual",
        "The caller's second sentence counts as Hindi: the bot answers in it, in another voice.",
        (
            Step(when=When.AGENT_FINISHED, ms=500, say="caller_clinics"),
            Step(when=When.AGENT_SPEAKING, ms=1500, say="caller_hours"),
            HANG_UP,
        ),
        "caller_hung_up",
        ("agent_greeting", "agent_hours"),
        lambda url, folder: {
            "openai_url": url,
            "deepgram_url": url,
            "greeting": line("agent_greeting").text,
            "voices": {"hi": "coral"},
        },
    ),
    BotDemo(
        "wrapped_agent",
        'A speech-to-speech agent talks; at the word "complain" the bot has a human take over.',
        (Step(when=When.AGENT_FINISHED, ms=500, say="caller_complaint"),),
        "transferred",
        ("agent_greeting",),
        lambda url, folder: {"agent": "assistant"},
    ),
    BotDemo(
        "menu",
        "The caller types a booking number.",
        (Step(when=When.AGENT_SPEAKING, ms=1500, press="4"), *(Step(ms=300, press=key) for key in "711")),
        "agent_ended",
        ("agent_booking", "agent_goodbye"),
        lambda url, folder: {
            "ask": _file("agent_digits"),
            "found": {"4711": _file("agent_booking")},
            "not_found": _file("sorry"),
            "goodbye": _file("agent_goodbye"),
        },
    ),
    BotDemo(
        "voicemail",
        "The caller leaves a message and ends it with the hash key.",
        (Step(when=When.AGENT_FINISHED, ms=500, say="caller_complaint"), Step(ms=500, press="#")),
        "agent_ended",
        ("agent_takeover", "agent_goodbye"),
        lambda url, folder: {
            "prompt": _file("agent_takeover"),
            "thanks": _file("agent_goodbye"),
            "folder": str(folder / "messages"),
        },
    ),
)


async def perform(demo: BotDemo, folder: Path, view: LiveView) -> tuple[CallResult, Mapping[str, Any]]:
    """Start everything, place the call in real time, end everything; the record with it. Raises StartError."""
    timeline = Timeline(watch=view.happened)
    services = FakeSpeechServices(ANSWERS, languages={"caller_hours": "hi"})
    vendor = FakeOpenAI(
        AgentScript(
            replies=(
                Reply(on="start", say=("agent_greeting",)),
                Reply(on="heard:caller_complaint", say=("agent_clinics",)),
            )
        ),
        timeline=timeline,
    )
    async with AsyncExitStack() as stack:
        services_url = await stack.enter_async_context(serving(services.app()))
        vendor_url = await stack.enter_async_context(serving(vendor.app()))
        agents = {
            "bot": {"vendor": "bot", "id": demo.class_name, "options": demo.options(services_url, folder)},
            "assistant": {"vendor": "openai", "options": {"base_url": vendor_url, "greeting": "Good morning!"}},
        }
        (folder / "agents.toml").write_text(agents_file(agents), encoding="utf-8")
        environment = {
            "AGENTS_FILE": str(folder / "agents.toml"),
            "BACKGROUND_SOUND_FILE": "" if demo.name == "transcriber" else "office",
            "STORE": f"file:{folder / 'data'}",
            "OPENAI_API_KEY": KEY,
            "DEEPGRAM_API_KEY": KEY,
        }
        relay_url = await stack.enter_async_context(
            child("relay", environment, port=free_port(), path="/ready", log=folder / "relay.log")
        )
        plan = CallPlan(
            url=relay_url.replace("http://", "ws://") + "/media",
            caller=lambda rate_hz: Overheard(ScriptedCaller(demo.steps, rate_hz), view),
            max_s=60.0,
        )
        call = await FakeExotel(timeline=timeline).call(plan)
    # the relay stores a call's record before it closes the line, or at the latest before it stops
    return call, json.loads((folder / "data" / "logs" / f"{call.call_sid}.json").read_text(encoding="utf-8"))


@dataclass(slots=True)
class Overheard:
    """A caller with the live view listening in."""

    caller: ScriptedCaller
    view: LiveView

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        doing = self.caller.frame(at_ms, heard, size)
        self.view.overhear(at_ms, heard, doing)
        return doing


def failures(end_reason: str, hears: Iterable[str], call: CallResult, record: Mapping[str, Any]) -> list[str]:
    """What was not as expected: the end of the call, and lines that the caller should hear whole."""
    found = [f"the relay broke a rule: {one.rule} {one.detail}" for one in call.violations]
    if record["end_reason"] != end_reason:
        found.append(f"the call ended with {record['end_reason']} {record['end_detail']}, not {end_reason}")
    for name in hears:
        one = find_line(call.heard, call.rate_hz, name)
        if one is None or not (one.is_whole or call.machine_was_late):
            found.append(f"{name} was not heard whole")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 if it was not as expected, 2 if it could not be played."""
    names = [demo.name for demo in DEMOS]
    parser = argparse.ArgumentParser(prog="make demo", description="An example bot on a call, on this machine.")
    parser.add_argument("bot", choices=names)
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder for what is left behind (default: out/)")
    options = parser.parse_args(arguments)
    demo = DEMOS[names.index(options.bot)]
    folder = options.out / f"bot_{demo.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    console = Console()
    console.print(f"\n[bold]{demo.class_name}[/]  [dim]{demo.about}[/]\n", soft_wrap=True)
    try:
        with LiveView(console) as view:
            call, record = asyncio.run(perform(demo, folder, view))
    except StartError as error:
        console.print(f"[bold red]demo:[/] {escape(str(error))}", soft_wrap=True)
        return 2
    return report(console, folder, call, record, failures(demo.end_reason, demo.hears, call, record))


def report(console: Console, folder: Path, call: CallResult, record: Mapping[str, Any], problems: Sequence[str]) -> int:
    """Save the sound, print what was said and which files there are; returns the exit status."""
    write_wav(folder / "call.wav", call.rate_hz, call.said, call.heard)
    console.print("\n[bold]On record[/]")
    for turn in record["turns"]:
        cut = " [red](cut off)[/]" if turn["interrupted"] else ""
        console.print(
            f"  {turn['offset_ms'] / 1000:6.2f} s  {turn['speaker']:6}  {escape(turn['text'])}{cut}", soft_wrap=True
        )
    console.print("\n[bold]Left behind[/]")
    for path in (folder / "call.wav", folder / "agents.toml", folder / "relay.log", folder / "data" / "logs"):
        console.print(f"  {path}", soft_wrap=True, highlight=False)
    if call.machine_was_late:
        late = f"This machine was itself late by {call.late_max_s:.2f} s: holes in the sound may be its own."
        console.print(f"\n[yellow]{late}[/]", soft_wrap=True)
    for problem in problems:
        console.print(f"[bold red]not as expected:[/] {escape(problem)}", soft_wrap=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
