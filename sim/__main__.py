"""The fakes by themselves, against anything that runs anywhere.

python -m sim exotel --url wss://relay.example.com/media/TOKEN    places calls at a relay, a deployed one too
python -m sim elevenlabs --port 9090                              serves an agent that follows a scenario's script
"""

import argparse
import asyncio
import atexit
import ssl
import sys
from pathlib import Path
from typing import IO, cast

from rich.console import Console
from rich.markup import escape

from common.log_writer import LogWriter
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_post_call import Webhook
from sim.applets import Applet, Connect, Passthru, Person
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.exotel_rules import Violation
from sim.live import LiveView
from sim.run import agent_scripts
from sim.scenario import ScenarioError, load, names
from sim.serving import serving
from sim.speech import write_wav
from sim.timeline import Timeline


def parser() -> argparse.ArgumentParser:
    """The command line; `--help` of each command documents it."""
    top = argparse.ArgumentParser(prog="python -m sim", description="The fake outside world.")
    commands = top.add_subparsers(dest="command", required=True)
    whose_script = f"scenario with the script: {', '.join(names())}, or a .toml file"

    exotel = commands.add_parser("exotel", help="place calls at a relay as Exotel does")
    exotel.add_argument("--url", required=True, help="as in the Voicebot applet: ws, wss, http or https")
    exotel.add_argument("--scenario", default="greeting_goodbye", help=whose_script)
    exotel.add_argument("--calls", type=int, default=1, help="how many at once")
    exotel.add_argument("--from", dest="from_", default="09876500001", help="the caller's number")
    exotel.add_argument("--to", default="08047100002", help="the number called")
    exotel.add_argument("--max-seconds", type=float, default=120, help="then the caller hangs up")
    exotel.add_argument("--connect-url", default="", help="Connect applet behind the stream; also its fallback URL")
    exotel.add_argument("--passthru-url", default="", help="Passthru applet behind the stream")
    exotel.add_argument("--answers", action="append", default=[], metavar="+91…", help="a number that picks up")
    exotel.add_argument("--out", type=Path, help="folder for CALL_SID.wav (left: said, right: heard)")
    exotel.add_argument("--insecure", action="store_true", help="take any certificate")

    elevenlabs = commands.add_parser("elevenlabs", help="serve agents as ElevenLabs does")
    elevenlabs.add_argument("--port", type=int, default=9090)
    elevenlabs.add_argument("--host", default="127.0.0.1")
    elevenlabs.add_argument("--scenario", default="greeting_goodbye", help=whose_script)
    elevenlabs.add_argument("--api-key", default="", help="demanded of REST calls when given")
    elevenlabs.add_argument("--webhook-url", default="", help="where post-call webhooks go")
    elevenlabs.add_argument("--webhook-secret", default="", help="signs them")
    elevenlabs.add_argument("--webhook-delay", type=float, default=2.5, help="seconds after the conversation")
    return top


async def place_calls(options: argparse.Namespace, console: Console) -> bool:
    """True if every call had its stream and broke no rule."""
    scenario = load(options.scenario)
    flow: Applet | None = None
    if options.connect_url:
        people = {number: Person() for number in options.answers}
        flow = Connect(options.connect_url, options.connect_url, people)
    if options.passthru_url:
        flow = Passthru(options.passthru_url, waits=False, if_200=flow)
    context: ssl.SSLContext | bool = True
    if options.insecure:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    view = LiveView(console)
    timeline = Timeline(watch=view.happened if options.calls == 1 else None)
    exotel = FakeExotel(timeline=timeline, ssl=context)
    plans = [
        CallPlan(
            url=options.url,
            script=scenario.caller,
            from_=options.from_,
            to=options.to,
            max_s=options.max_seconds,
            flow=flow,
        )
        for _ in range(options.calls)
    ]
    with view:
        results = await asyncio.gather(*(exotel.call(plan) for plan in plans))
    for result in results:
        _tell(console, result)
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            write_wav(options.out / f"{result.call_sid}.wav", result.rate_hz, result.said, result.heard)
    return all(result.handshakes and not result.error and not _broken(result) for result in results)


def _broken(result: CallResult) -> list[Violation]:
    """Broken rules that the platform does not tolerate."""
    return [violation for violation in result.violations if not violation.is_tolerated]


def _tell(console: Console, result: CallResult) -> None:
    gap_ms = sum(gap.length_s for gap in result.gaps) * 1000
    ended = result.error or f"ended by {result.ended_by}" + (f" with {result.close_code}" if result.close_code else "")
    transfer = f", transfer {result.flow.transfer}" if result.flow.transfer else ""
    first = "never" if result.first_sound_s is None else f"after {result.first_sound_s * 1000:.0f} ms"
    console.print(
        f"{result.call_sid}: {result.duration_s:.1f} s, {ended}{transfer}; first sound {first}, "
        f"{len(result.gaps)} gaps ({gap_ms:.0f} ms), {len(_broken(result))} rules broken",
        highlight=False,
        soft_wrap=True,
    )
    if result.machine_was_late:
        console.print(f"  this machine was itself late by {result.late_max_s:.2f} s: gaps may be its own")
    for violation in result.violations[:10]:
        warning = "warning: " if violation.is_tolerated else ""
        told = f"{warning}{violation.rule}: {escape(violation.detail)}"
        console.print(f"  at {violation.at_s:.2f} s: {told}", soft_wrap=True)
    for complaint in result.flow.violations:
        console.print(f"  {escape(complaint)}", soft_wrap=True)


async def serve_agents(options: argparse.Namespace, console: Console) -> None:
    """Until interrupted. Every agent id is answered; the scenario's own ids have their own scripts."""
    scenario = load(options.scenario)
    webhook = None
    if options.webhook_url:
        webhook = Webhook(options.webhook_url, options.webhook_secret, delay_s=options.webhook_delay)
    timeline = Timeline(watch=LiveView(console).happened)
    agents = {**agent_scripts(scenario), "*": scenario.agent}
    fake = FakeElevenLabs(agents, api_key=options.api_key, webhook=webhook, timeline=timeline)
    async with serving(fake.app(), host=options.host, port=options.port) as url:
        console.print(f"{scenario.title}: ELEVENLABS_BASE_URL={url}", highlight=False)
        await asyncio.Event().wait()


def main() -> int:
    """Exit status 1 if a call failed, 2 if there could be none."""
    options = parser().parse_args()
    console = Console()
    try:
        if options.command == "exotel":
            return 0 if asyncio.run(place_calls(options, console)) else 1
        # a fake server must not block because nobody reads its output
        writer = LogWriter(sys.stdout)
        atexit.register(writer.drain)
        asyncio.run(serve_agents(options, Console(file=cast(IO[str], writer))))
    except (ScenarioError, ValueError, OSError) as error:
        console.print(f"sim: {escape(str(error))}", soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
