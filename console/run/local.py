"""Relay and functions on this machine, for real calls or to develop against.

    ELEVENLABS_AGENT_ID=… ELEVENLABS_API_KEY=… make run

Any setting of either part may be set in the environment. Tokens and secrets that are not set are made once and kept in
data/secrets.json, so that the URLs pasted into Exotel and ElevenLabs stay valid. PUBLIC_URL is where the internet
reaches the relay (a tunnel's wss:// address), FUNCTIONS_PUBLIC_URL where it reaches the functions.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path

from common.env import Env

DATA = Path("data").absolute()
MADE_HERE = ("MEDIA_TOKEN", "CONTROL_TOKEN", "EVENTS_SECRET", "EXOTEL_TOKEN")


def kept_secrets(path: Path) -> dict[str, str]:
    """The tokens of this machine; made at the first run, readable by its user only."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: secrets.token_urlsafe(24) for name in MADE_HERE if name not in kept}
    if missing:
        kept |= missing
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept, indent=2) + "\n")
    return kept


def environment() -> dict[str, str]:
    """What both processes run with: the caller's variables, over those made here, over local defaults.

    Raises SettingError for what can't be used.
    """
    env = Env(os.environ)
    env.required(
        "ELEVENLABS_AGENT_ID" if "AGENTS_FILE" not in os.environ else "AGENTS_FILE",
        "the id of your ElevenLabs agent (`make demo` needs none)",
    )
    port = env.integer("PORT", "BRIDGE_PORT", default=8080, low=1, high=65535)
    functions_port = env.integer("FUNCTIONS_PORT", default=8081, low=1, high=65535)
    return {
        "STORE": f"file:{DATA}",
        "EVENTS_URL": f"http://127.0.0.1:{functions_port}/relay/events",
        "BACKGROUND_SOUND_FILE": "office",
        **kept_secrets(DATA / "secrets.json"),
        **os.environ,
        "PORT": str(port),
        "FUNCTIONS_PORT": str(functions_port),
    }


def what_to_paste(environ: dict[str, str]) -> str:
    """The numbered list of where to put what."""
    relay = environ.get("PUBLIC_URL", "").rstrip("/") or "wss://YOUR-PUBLIC-HOST"
    functions = environ.get("FUNCTIONS_PUBLIC_URL", "").rstrip("/") or "https://YOUR-FUNCTIONS-HOST"
    token = environ["EXOTEL_TOKEN"]
    return f"""
The relay listens on port {environ["PORT"]}, the functions on port {environ["FUNCTIONS_PORT"]}. Make both reachable
over TLS (any tunnel will do) and set PUBLIC_URL and FUNCTIONS_PUBLIC_URL to see the finished addresses here.

  1. Exotel, Voicebot applet, URL:             {relay}/media/{environ["MEDIA_TOKEN"]}
  2. Exotel, Connect applet, primary URL:      {functions}/exotel/connect?token={token}
  3. Exotel, Connect applet, fallback URL:     the same
  4. Exotel, Passthru applet after each, URL:  {functions}/exotel/passthru?token={token}
  5. ElevenLabs, post-call webhook:            {functions}/webhook/post-call
     and its secret into ELEVENLABS_WEBHOOK_SECRET
"""


async def serve(environ: dict[str, str]) -> int:
    """Run both until one ends or a signal comes; the relay drains first, the functions take its last events."""
    functions = await _start("functions.local", {**environ, "PORT": environ["FUNCTIONS_PORT"]})
    relay = await _start("relay", environ)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
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
    return status or relay.returncode or 0


async def _start(module: str, environ: dict[str, str]) -> asyncio.subprocess.Process:
    # a session of its own: Ctrl-C reaches this process only, which then ends its children in order
    return await asyncio.create_subprocess_exec(sys.executable, "-m", module, env=environ, start_new_session=True)
