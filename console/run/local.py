"""Relay and functions on this machine, for real calls or to develop against.

    ELEVENLABS_AGENT_ID=… ELEVENLABS_API_KEY=… make run

Any setting of either part may be set in the environment or in `.env`; the environment wins. Tokens and secrets that are
not set are made once and kept in data/secrets.json, so that the URLs pasted into Exotel and ElevenLabs stay valid.
PUBLIC_URL is where the internet reaches the relay (a tunnel's wss:// address), FUNCTIONS_PUBLIC_URL where it reaches
the functions.
"""

import asyncio
import json
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from common.env import Env, SettingError
from common.phone import to_e164
from console.dialling import Dialling, check_all
from console.run import lines
from functions.common.settings import targets

DATA = Path("data").absolute()
LONGEST_LINE = 1 << 20  # bytes
MADE_HERE = ("MEDIA_TOKEN", "CONTROL_TOKEN", "EVENTS_SECRET", "EXOTEL_TOKEN", "RAW_BODIES_KEY")


def kept_secrets(path: Path) -> dict[str, str]:
    """The tokens of this machine; generated at the first run, readable by its user only."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if kept and path.stat().st_mode & 0o077:  # a copy, or a restored backup, may be readable by others
        path.chmod(0o600)
    missing = {name: secrets.token_urlsafe(24) for name in MADE_HERE if name not in kept}
    if missing:
        kept |= missing
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept, indent=2) + "\n")
    return kept


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of both processes: given values, over values generated here, over local defaults.

    Raises SettingError for invalid values.
    """
    env = Env(given)
    env.required(
        "ELEVENLABS_AGENT_ID" if "AGENTS_FILE" not in given else "AGENTS_FILE",
        "the id of your ElevenLabs agent (`make demo` needs none)",
    )
    wrong = check_all(targets(env), Dialling.from_env(given, to_e164(given.get("EXOTEL_CALLER_ID", "")) or ""))
    if wrong:
        raise SettingError("TRANSFER_TARGETS", "…", f"numbers that can be dialled ({wrong[0]})")
    port = env.integer("PORT", "BRIDGE_PORT", default=8080, low=1, high=65535)
    functions_port = env.integer("FUNCTIONS_PORT", default=8081, low=1, high=65535)
    return {
        "STORE": f"file:{DATA}",
        "EVENTS_URL": f"http://127.0.0.1:{functions_port}/relay/events",
        "BACKGROUND_SOUND_FILE": "office",
        **kept_secrets(DATA / "secrets.json"),
        **given,
        "PORT": str(port),
        "FUNCTIONS_PORT": str(functions_port),
    }


async def serve(environ: Mapping[str, str], *, for_people: bool, colour: bool) -> int:
    """Run both until one ends or a signal comes; the relay drains first, then the functions take its last events.

    `for_people`: format their log lines; else they go to standard output unchanged.
    """
    functions = await _start("functions.local", {**environ, "PORT": environ["FUNCTIONS_PORT"]}, piped=for_people)
    relay = await _start("relay", environ, piped=for_people)
    parts = {"functions": functions, "relay": relay}
    telling = [asyncio.create_task(_tell(name, part, colour=colour)) for name, part in parts.items()]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    waits = {asyncio.create_task(part.wait()) for part in (functions, relay)} | {asyncio.create_task(stop.wait())}
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    status = 0 if stop.is_set() else 1
    for part in (relay, functions):
        if part.returncode is None:
            part.terminate()
        await part.wait()
    for wait in waits:
        wait.cancel()
    await asyncio.wait(telling)
    return status or relay.returncode or 0


async def _start(module: str, environ: Mapping[str, str], *, piped: bool) -> asyncio.subprocess.Process:
    # a separate session: Ctrl-C reaches only this process, which then stops its children in order
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        env={**environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        stdout=asyncio.subprocess.PIPE if piped else None,
        stderr=asyncio.subprocess.STDOUT if piped else None,
        limit=LONGEST_LINE,
    )


async def _tell(name: str, part: asyncio.subprocess.Process, *, colour: bool) -> None:
    """Print each line as it comes, until the part has ended; does nothing if its lines go to standard output."""
    while part.stdout is not None:
        try:
            line = await part.stdout.readline()
        except ValueError:  # longer than LONGEST_LINE: dropped; later lines are printed
            continue
        if not line:
            return
        if told := lines.for_people(name, line.decode(errors="replace").rstrip(), colour=colour):
            await asyncio.to_thread(_write, f"{told}\n")  # a paused terminal must not block Ctrl-C


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
